import CellgateData

/// Sums of a forecast's scores over windows, and of those of the naive forecasts.
struct ForecastScores {
  private(set) var count = 0.0, squares = 0.0
  private var distances = 0.0, unscaled = 0.0, shares = 0.0, pinball = 0.0, ranked = 0.0, covered = 0.0
  private var persistence = 0.0, seasonal = 0.0
  private var scaled = 0.0, scaledCount = 0.0

  /// The names in the order in which they are reported.
  static let names = [
    "mae", "rmse", "mase", "smape", "pinball", "crps", "coverage", "skill_persistence", "skill_seasonal",
  ]

  mutating func add(_ found: ForecastValues, _ batch: ForecastBatch, _ data: ForecastData) {
    for index in 0..<batch.horizon * batch.count {
      guard batch.weights[index] != 0 else { continue }
      let channel = data.channels[batch.channels[index % batch.count]]
      let target = Double(batch.targets[index])
      func difference(_ values: [Float]) -> Double { target - Double(values[index]) }
      let error = difference(found.mean)
      count += 1
      squares += error * error
      distances += abs(error)
      pinball += found.pinball(index, of: batch.targets[index])
      ranked += found.rankedScore(index, of: batch.targets[index])
      if difference(found.lower) >= 0, difference(found.upper) <= 0 { covered += 1 }
      let (last, season) = (difference(batch.persistent), difference(batch.seasonal))
      persistence += last * last
      seasonal += season * season
      if let scale = channel.naiveError {
        scaled += abs(error) / scale
        scaledCount += 1
      }
      let base = Double(batch.bases[index])
      func original(_ value: Double) -> Double {
        (value + base) * channel.scale.deviation + channel.scale.mean
      }
      let (truth, forecast) = (original(target), original(Double(found.mean[index])))
      unscaled += (truth - forecast) * (truth - forecast)
      let size = abs(truth) + abs(forecast)
      if size > 0 { shares += 200 * abs(truth - forecast) / size }
    }
  }

  func value(_ name: String) -> Double {
    func mean(_ sum: Double) -> Double { sum / count }
    func skill(_ baseline: Double) -> Double { 1 - squares / max(baseline, 1e-12) }
    switch name {
    case "mse": return mean(squares)
    case "mae": return mean(distances)
    case "rmse": return mean(unscaled).squareRoot()
    case "mase": return scaledCount > 0 ? scaled / scaledCount : 0
    case "smape": return mean(shares)
    case "pinball": return mean(pinball)
    case "crps": return mean(ranked)
    case "coverage": return mean(covered)
    case "skill_persistence": return skill(persistence)
    case "skill_seasonal": return skill(seasonal)
    default: return .nan
    }
  }

  /// The mean squared errors of the naive forecasts.
  var naive: (persistence: Double, seasonal: Double) { (persistence / count, seasonal / count) }
}
