/// A negative binomial distribution of counts: of mean μ ≥ 0, and shape r > 0, so that the variance is μ + μ²/r.
package struct NegativeBinomial: Equatable, Sendable {
  /// μ, and r.
  package let mean: Double, shape: Double

  /// A distribution; NaN for other parameters.
  package init(mean: Double, shape: Double) {
    (self.mean, self.shape) = mean >= 0 && shape > 0 ? (mean, shape) : (.nan, .nan)
  }

  /// The deviation.
  package var deviation: Double { (mean + mean * mean / shape).squareRoot() }

  /// ln of the probability of a count k ≥ 0; NaN for other numbers.
  package static func logProbability(_ k: Double, mean: Double, shape: Double) -> Double {
    guard k >= 0, mean > 0, shape > 0 else { return .nan }
    let gammas =
      k + 1 > shape
      ? SpecialFunctions.logGammaRatio(k + 1, shape - 1) - SpecialFunctions.logGamma(shape)
      : SpecialFunctions.logGammaRatio(shape, k) - SpecialFunctions.logGamma(k + 1)
    let none = -shape * CLibrary.log1p(mean / shape)
    return gammas + none - (k == 0 ? 0 : k * CLibrary.log1p(shape / mean))
  }

  /// The probability of `k` at most.
  package func probability(upTo k: Double) -> Double {
    if mean.isNaN || k.isNaN { return .nan }
    if k < 0 { return 0 }
    return SpecialFunctions.incompleteBeta(shape, k.rounded(.down) + 1, shape / (shape + mean))
  }

  /// The least count whose probability up to it is p or more, for p in [0, 1).
  package func quantile(_ p: Double) -> Double {
    guard mean.isFinite, shape.isFinite, p >= 0, p < 1 else { return p == 1 ? .infinity : .nan }
    guard mean > 0, p > 0 else { return 0 }
    // Near that of a normal distribution with the same skewness (Cornish and Fisher 1937).
    let z = SpecialFunctions.normalQuantile(p)
    let skewness = (1 + 2 * mean / shape) / deviation
    let guess = max(0, (mean + deviation * (z + skewness * (z * z - 1) / 6)).rounded(.down))
    // Doubles have no whole numbers between there.
    guard deviation < 1e12 else { return guess }
    var (low, high) = (guess, guess)
    var stride = 1.0
    if probability(upTo: guess) >= p {
      low = guess - 1
      while low >= 0, probability(upTo: low) >= p {
        high = low
        low -= stride
        stride *= 2
      }
      low = max(low, -1)
    } else {
      high = guess + 1
      while probability(upTo: high) < p {
        low = high
        high += stride
        stride *= 2
      }
    }
    // The probability up to `low` is less than p, that up to `high` isn't.
    while high - low > 1 {
      let middle = ((low + high) / 2).rounded(.down)
      if probability(upTo: middle) >= p { high = middle } else { low = middle }
    }
    return high
  }

  /// The continuous ranked probability score of a count: E|X − k| − ½ E|X − X′|. The second part is summed where the deviation is 50 at most, and
  /// beyond it is that of the gamma distribution of this mean and deviation, to about a thousandth.
  package func rankedScore(_ k: Double) -> Double {
    guard mean > 0 else { return mean.isNaN ? .nan : abs(k) }
    let (below, part) = (
      probability(upTo: k), SpecialFunctions.incompleteBeta(shape + 1, max(k, 0), shape / (shape + mean))
    )
    let distance = k < 0 ? mean - k : k * (2 * below - 1) + mean * (1 - 2 * (k >= 1 ? part : 0))
    return distance - halfMeanDifference
  }

  /// ½ E|X − X′| of two independent counts.
  package var halfMeanDifference: Double {
    guard deviation <= 50 else {
      let form = mean * mean / (deviation * deviation)
      let logarithm = SpecialFunctions.logGamma(form + 0.5) - SpecialFunctions.logGamma(form + 1)
      return mean * CLibrary.exp(logarithm) / Double.pi.squareRoot()
    }
    // Σ F (1 − F), from where F is next to nothing on.
    var k = max(0, (mean - 12 * deviation).rounded(.down))
    var probability = CLibrary.exp(Self.logProbability(k, mean: mean, shape: shape))
    var (below, sum) = (self.probability(upTo: k), 0.0)
    let share = mean / (shape + mean)
    for _ in 0..<100_000 {
      sum += below * (1 - below)
      if k > mean, 1 - below < 1e-12 { break }
      probability *= (k + shape) / (k + 1) * share
      k += 1
      below = min(1, below + probability)
    }
    return sum
  }
}
