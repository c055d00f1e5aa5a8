/// Sums of products of the steps of residuals, whose deviation is about 1: of these the partial autocorrelations.
struct PathCorrelation {
  /// The most lags that are looked at.
  static let mostLags = 168
  /// The fewest pairs of steps that an autocorrelation is found from.
  private static let fewestPairs = 20

  /// Of each lag from 0 on: Σ ab, Σ a² and Σ b² of the pairs a, b, and how many they are.
  private var products, firsts, seconds: [Double]
  private var counts: [Int]

  /// Without any residual.
  init(lags: Int) {
    let zeros = [Double](repeating: 0, count: lags + 1)
    (products, firsts, seconds) = (zeros, zeros, zeros)
    counts = [Int](repeating: 0, count: lags + 1)
  }

  /// Adds the residuals of one forecast; nil where nothing is known.
  mutating func add(_ residuals: [Double?]) {
    for lag in products.indices where lag < residuals.count {
      for step in lag..<residuals.count {
        guard let a = residuals[step - lag], let b = residuals[step] else { continue }
        products[lag] += a * b
        firsts[lag] += a * a
        seconds[lag] += b * b
        counts[lag] += 1
      }
    }
  }

  /// The partial autocorrelation at each lag from 1 on; 0 from the first one on that has too few pairs. One that no process has, as estimates may
  /// be, is brought to the nearest that one has.
  var partial: [Float] {
    var found = [Float](repeating: 0, count: max(0, products.count - 1))
    var (weights, variance, correlations): ([Double], Double, [Double]) = ([], 1, [1])
    for lag in products.indices.dropFirst() {
      let size = (firsts[lag] * seconds[lag]).squareRoot()
      guard counts[lag] >= Self.fewestPairs, size > 0, variance > 1e-6 else { break }
      let expected = zip(weights, correlations.reversed()).reduce(0) { $0 + $1.0 * $1.1 }
      let own = min(
        max((products[lag] / size - expected) / variance, -PathNoise.limit), PathNoise.limit)
      correlations.append(expected + own * variance)
      weights = PathNoise.next(weights, own)
      variance *= 1 - own * own
      found[lag - 1] = Float(own)
    }
    return found
  }
}
