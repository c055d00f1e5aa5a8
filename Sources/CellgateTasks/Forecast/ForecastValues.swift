import CellgateBasics
import CellgateData

/// What a model forecasts for some windows, in scaled units from each window's base on, horizon × B each.
struct ForecastValues: Codable {
  let mean: [Float]
  let lower: [Float], median: [Float], upper: [Float]
  /// The distribution of each number; `quantiles` where there are no more than those.
  var distribution = Distribution.quantiles

  /// What X is distributed as.
  enum Distribution: Codable {
    /// As a normal distribution on each side of the median, with the deviation by which the quantile on that side is its own.
    case quantiles
    /// Normally: the deviations.
    case normal([Float])
    /// As scale · Student's t + mean.
    case studentT(scale: [Float], degrees: [Float])
    /// As counts, which are (x + base) · deviation + mean of the series' scale.
    case counts(mean: [Double], shape: [Double], origins: [Float], scales: [SeriesPreprocessing.Scale])
  }

  /// The quantile 0.9 of the standard normal distribution.
  static let reach = 1.281_551_565_544_6

  /// How far the quantile of a side is from the median, at least a little.
  private func width(_ index: Int, isBelow: Bool) -> Double {
    let distance = isBelow ? median[index] - lower[index] : upper[index] - median[index]
    return max(Double(distance) / Self.reach, 1e-6)
  }

  /// The quantile Φ(z) of a number.
  func quantile(_ index: Int, normal z: Double) -> Float {
    let centre = Double(mean[index])
    switch distribution {
    case .quantiles: return Float(Double(median[index]) + z * width(index, isBelow: z < 0))
    case .normal(let deviations): return Float(centre + z * Double(deviations[index]))
    case .studentT(let scales, let degrees):
      let t = StudentTDistribution(degrees: Double(degrees[index]))
      return Float(centre + Double(scales[index]) * t.quantile(SpecialFunctions.normalProbability(z)))
    case .counts(let means, let shapes, let origins, let scales):
      let count = NegativeBinomial(mean: means[index], shape: shapes[index])
        .quantile(SpecialFunctions.normalProbability(z))
      return Self.scaled(count, scales[index % scales.count], origins[index])
    }
  }

  /// A count as the model's numbers are, bit for bit as that of a series.
  static func scaled(_ count: Double, _ scale: SeriesPreprocessing.Scale, _ base: Float) -> Float {
    Float((count - scale.mean) / scale.deviation) - base
  }

  /// The z whose quantile a value is: normal with deviation 1 where the forecast is right. Of a count the middle of its step; at most 6
  /// from 0.
  func score(_ index: Int, of value: Float) -> Double {
    let distance = Double(value) - Double(mean[index])
    var z: Double
    switch distribution {
    case .quantiles:
      let distance = Double(value) - Double(median[index])
      z = distance / width(index, isBelow: distance < 0)
    case .normal(let deviations): z = distance / Double(deviations[index])
    case .studentT(let scales, let degrees):
      let t = StudentTDistribution(degrees: Double(degrees[index]))
      let half = t.tail(distance / Double(scales[index])) / 2
      let far = -SpecialFunctions.normalQuantile(half)
      z = distance < 0 ? -far : far
    case .counts(let means, let shapes, let origins, let scales):
      let own = NegativeBinomial(mean: means[index], shape: shapes[index])
      let count = Self.count(value, scales[index % scales.count], origins[index])
      z = SpecialFunctions.normalQuantile(
        (own.probability(upTo: count - 1) + own.probability(upTo: count)) / 2)
    }
    z = z.isNaN ? 0 : z
    return min(max(z, -6), 6)
  }

  private static func count(_ value: Float, _ scale: SeriesPreprocessing.Scale, _ base: Float) -> Double {
    ((Double(value) + Double(base)) * scale.deviation + scale.mean).rounded()
  }

  /// The continuous ranked probability score of a value; of quantiles twice their mean pinball loss.
  func rankedScore(_ index: Int, of value: Float) -> Double {
    let distance = Double(value) - Double(mean[index])
    switch distribution {
    case .quantiles: return 2 * pinball(index, of: value)
    case .normal(let deviations):
      let deviation = Double(deviations[index])
      return deviation * NormalDistribution.rankedScore(distance / deviation)
    case .studentT(let scales, let degrees):
      let scale = Double(scales[index])
      return scale * StudentTDistribution(degrees: Double(degrees[index])).rankedScore(distance / scale)
    case .counts(let means, let shapes, let origins, let scales):
      let scale = scales[index % scales.count]
      return NegativeBinomial(mean: means[index], shape: shapes[index])
        .rankedScore(Self.count(value, scale, origins[index])) / scale.deviation
    }
  }

  /// The mean pinball loss of the three quantiles.
  func pinball(_ index: Int, of value: Float) -> Double {
    var sum = 0.0
    for (quantile, values) in zip([0.1, 0.5, 0.9], [lower, median, upper]) {
      let difference = Double(value) - Double(values[index])
      sum += max(quantile * difference, (quantile - 1) * difference) / 3
    }
    return sum
  }
}
