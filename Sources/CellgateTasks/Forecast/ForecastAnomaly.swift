import CellgateData
import CellgateNN
import CellgateTensor

/// A step of a series whose value lies far outside the interval that was forecast for it.
public struct ForecastAnomaly: Sendable, Equatable {
  /// The names of the columns of `fields`.
  public static let header = ["id", "time", "target", "value", "mean", "q10", "q90", "score"]

  /// The series' name in the group's column; "" of a table of one.
  public let id: String
  /// The time, as the table writes times.
  public let time: String
  /// The column.
  public let target: String
  /// The value, and what was forecast, in the units of the table.
  public let value: Double, mean: Double, q10: Double, q90: Double
  /// How far the value lies from the median, in distances of the quantile on its side, 0.1 or 0.9, from the median: above 1 outside of
  /// these.
  public let score: Double

  /// The fields of a CSV row.
  public var fields: [String] {
    [id, time, target] + [value, mean, q10, q90, score].map { "\(Float($0))" }
  }
}

extension ForecastTask {
  /// The steps of the test part whose score is above `score`, series after series. Each step is forecast once: a forecast begins where the one
  /// before ended.
  public func anomalies(_ model: Model, above score: Double) -> [ForecastAnomaly] {
    var windows: [ForecastData.Window] = []
    for (place, channel) in data.channels.enumerated() {
      let starts = stride(
        from: max(channel.test.lowerBound, 1), to: channel.test.upperBound,
        by: data.preprocessing.horizon)
      windows += starts.map { ForecastData.Window(channel: Int32(place), origin: Int32($0)) }
    }
    var found: [ForecastAnomaly] = []
    for start in stride(from: 0, to: windows.count, by: ForecastBatches.evaluated) {
      let chosen = windows[start..<min(start + ForecastBatches.evaluated, windows.count)]
      found += anomalies(model, chosen, above: score)
    }
    return found
  }

  private func anomalies(
    _ model: Model, _ windows: ArraySlice<ForecastData.Window>, above score: Double
  ) -> [ForecastAnomaly] {
    let batch = data.batch(windows)
    let values = objective.forecast(model, batch, context: .inference())
    var found: [ForecastAnomaly] = []
    for (column, window) in windows.enumerated() {
      let channel = data.channels[Int(window.channel)]
      let series = data.table.series[channel.series]
      for step in 0..<batch.horizon {
        let (at, place) = (step * batch.count + column, Int(window.origin) + step)
        guard batch.weights[at] != 0, place < channel.test.upperBound else { continue }
        let difference = Double(batch.targets[at] - values.median[at])
        let edge = Double((difference < 0 ? values.lower : values.upper)[at] - values.median[at])
        // An interval of no width is left by any other value.
        let own = abs(difference) / max(abs(edge), 1e-6)
        guard own > score else { continue }
        func original(_ value: Float) -> Double {
          data.original(value, from: batch.bases[at], channel.scale)
        }
        func quantile(_ value: Float) -> Double {
          data.quantile(value, from: batch.bases[at], channel.scale)
        }
        found.append(
          ForecastAnomaly(
            id: series.id, time: data.table.time(place, of: series),
            target: data.table.columns.targets[channel.target], value: original(batch.targets[at]),
            mean: original(values.mean[at]), q10: quantile(values.lower[at]), q90: quantile(values.upper[at]),
            score: own))
      }
    }
    return found
  }
}
