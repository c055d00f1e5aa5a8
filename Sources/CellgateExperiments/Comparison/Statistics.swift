/// Sums over a few numbers.
package enum Statistics {
  /// The mean; nil of none, and where it is not finite: files may hold numbers as large as they like.
  package static func mean(_ values: [Double]) -> Double? {
    let mean = values.reduce(0, +) / Double(values.count)
    return mean.isFinite ? mean : nil
  }

  /// The sample standard deviation (divided by n − 1); nil of fewer than two, and where it is not finite.
  package static func spread(_ values: [Double]) -> Double? {
    guard values.count > 1, let mean = mean(values) else { return nil }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let spread = (squares / Double(values.count - 1)).squareRoot()
    return spread.isFinite ? spread : nil
  }

  /// The median of steps, of which those that were never reached are later than any other; nil when that is the median,
  /// and of none.
  package static func medianStep(_ steps: [Int?]) -> Double? {
    median(steps.map { $0.map(Double.init) ?? .infinity }).flatMap { $0.isFinite ? $0 : nil }
  }

  /// The median, of an even count the mean of the middle two; nil of none.
  package static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
