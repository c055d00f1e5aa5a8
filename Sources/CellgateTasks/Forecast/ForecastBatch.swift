import CellgateTensor

/// Some windows of series, and what follows them, in scaled units from each window's base on.
public struct ForecastBatch {
  let horizon: Int
  /// Whose windows they are.
  let channels: [Int]
  /// [T, B, F].
  var past = Tensor.zeros([0])
  /// What is known of the steps that are forecast, [horizon, B, K]; nil for nothing.
  var known: Tensor?
  /// The numbers of categories at each step, [T, B, C], and of those that are known of the steps that are forecast, [horizon, B, C]; nil for none.
  var pastCategories: Tensor?, knownCategories: Tensor?
  /// What is known of whole series: numbers [B, M], and the numbers of categories [B, C]; nil for none.
  var statics: Tensor?, staticCategories: Tensor?
  /// The number of each one's series, and what its numbers were divided by, [B].
  var numbers: [Float] = [], spreads: [Float] = []
  /// What follows, horizon × B; whether it is known, 1 or 0; the last value; and what was a season before.
  var targets: [Float], weights: [Float], persistent: [Float], seasonal: [Float]
  /// What a forecast is before anything is learned, horizon × B, in scaled units.
  var bases: [Float]

  init(horizon: Int, channels: [Int]) {
    (self.horizon, self.channels) = (horizon, channels)
    let zeros = [Float](repeating: 0, count: horizon * channels.count)
    (targets, weights, persistent, seasonal, bases) = (zeros, zeros, zeros, zeros, zeros)
  }

  /// B.
  var count: Int { channels.count }

  /// What goes into a model under the name of an input.
  func input(_ name: String) -> Tensor? {
    switch name {
    case "past": past
    case "series": Tensor(numbers)
    case "known": known
    case "past_categories": pastCategories
    case "known_categories": knownCategories
    case "statics": statics
    case "static_categories": staticCategories
    default: nil
    }
  }
}
