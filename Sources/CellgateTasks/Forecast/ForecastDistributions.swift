import CellgateBasics
import CellgateData
import CellgateTensor

/// What the outputs of a forecaster mean, by the kind of its output: the parameters of distributions and their quantiles.
enum ForecastDistributions {
  /// The least variance, scale or dispersion.
  private static let least: Float = 1e-4
  /// How sharply the mean of counts turns from 0 to the line; in deviations of the series.
  private static let sharpness: Float = 4

  /// The variance of a normal distribution by the second output.
  static func variance(_ raw: Tensor) -> Tensor { raw.softplus() + least }

  /// The scale and the degrees of freedom of Student's distribution by the second and the third output; above 2 there is a variance.
  static func scale(_ raw: Tensor) -> Tensor { raw.softplus() + 1e-3 }
  static func degrees(_ raw: Tensor) -> Tensor { raw.softplus() + 2.01 }

  /// What the counts of windows are seen from, each [horizon, B, 1] or [1, B, 1]: the base in deviations from 0 on, the deviation, and the
  /// square of the deviation over the mean.
  struct CountUnits {
    let origin: Tensor, deviation: Tensor, dispersion: Tensor

    init(_ batch: ForecastBatch, _ data: ForecastData) {
      let scales = batch.channels.map { data.channels[$0].scale }
      let shape = [1, batch.count, 1]
      origin =
        Tensor(batch.bases, shape: [batch.horizon, batch.count, 1])
        + Tensor(scales.map { Float($0.mean / $0.deviation) }, shape: shape)
      deviation = Tensor(scales.map { Float($0.deviation) }, shape: shape)
      dispersion = Tensor(
        scales.map { scale in
          let ratio = scale.deviation / max(scale.mean, 1e-9)
          return Float(min(max(ratio * ratio, 1e-4), 1e4))
        }, shape: shape)
    }
  }

  /// The mean and the shape of counts by both outputs, of which the first is multiplied by the windows' spreads: the mean begins at the base,
  /// and stays above 0; the variance at about that of the series.
  static func counts(_ first: Tensor, _ second: Tensor, _ units: CountUnits) -> (mean: Tensor, shape: Tensor)
  {
    let place = (first + units.origin) * sharpness
    let mean = place.softplus() * units.deviation * (1 / sharpness) + 1e-6
    let dispersion = second.softplus() * units.dispersion + least
    return (mean, 1 / dispersion)
  }

  /// The quantile 0.9 of Student's distribution by its degrees of freedom, above 2: a table over 1/ν, whose straight lines are right to 1e-6.
  static func reach(degrees: Float) -> Float {
    let place = min(max(Double(1 / degrees), 0), 0.5) * Double(reaches.count - 1) * 2
    let low = min(Int(place), reaches.count - 2)
    let part = place - Double(low)
    return Float(reaches[low] * (1 - part) + reaches[low + 1] * part)
  }

  private static let reaches: [Double] = (0...512).map { place in
    let degrees = place == 0 ? 1e9 : 1024 / Double(place)
    return StudentTDistribution(degrees: degrees).quantile(0.9)
  }
}
