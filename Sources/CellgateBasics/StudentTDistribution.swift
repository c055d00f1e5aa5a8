/// Student's t distribution of ν > 0 degrees of freedom, of which there may be a fraction.
package struct StudentTDistribution: Equatable, Sendable {
  /// ν.
  package let degrees: Double

  /// A distribution.
  package init(degrees: Double) { self.degrees = degrees }

  /// The probability that |x| is larger.
  package func tail(_ x: Double) -> Double {
    SpecialFunctions.incompleteBeta(degrees / 2, 0.5, degrees / (degrees + x * x))
  }

  /// The probability of x at most.
  package func probability(upTo x: Double) -> Double {
    let half = tail(x) / 2
    return x > 0 ? 1 - half : half
  }

  /// The density at x.
  package func density(_ x: Double) -> Double {
    let n = degrees
    let norm = SpecialFunctions.logGammaRatio(n / 2, 0.5)
    let logarithm = norm - 0.5 * CLibrary.log(Double.pi * n) - (n + 1) / 2 * CLibrary.log1p(x * x / n)
    return CLibrary.exp(logarithm)
  }

  /// The number below which lies the probability p in (0, 1), by Newton's method; infinite for 0 and 1.
  package func quantile(_ p: Double) -> Double {
    guard p > 0, p < 1, degrees > 0 else { return p == 0 ? -.infinity : p == 1 ? .infinity : .nan }
    if p < 0.5 { return -magnitude(2 * p) }
    return magnitude(2 * (1 - p))
  }

  /// The x ≥ 0 whose tail is `target`. The probability up to x is concave from 0 on, so that each step from below stays below; the first one is that
  /// of the normal distribution, which has the shorter tail.
  private func magnitude(_ target: Double) -> Double {
    var x = max(0, -SpecialFunctions.normalQuantile(target / 2))
    for _ in 0..<200 {
      let step = (tail(x) - target) / (2 * density(x))
      guard step.isFinite, abs(step) > 1e-14 * max(1, x) else { break }
      x = max(0, x + step)
    }
    return x
  }

  /// The continuous ranked probability score of x for more than one degree of freedom (Jordan, Krüger and Lerch 2019,
  /// https://doi.org/10.18637/jss.v090.i12).
  package func rankedScore(_ x: Double) -> Double {
    let n = degrees
    let spread = 2 * density(x) * (n + x * x) / (n - 1)
    // B(½, ν − ½) / B(½, ν/2)²
    func logBeta(_ b: Double) -> Double {
      SpecialFunctions.logGamma(0.5) + SpecialFunctions.logGamma(b) - SpecialFunctions.logGamma(b + 0.5)
    }
    let difference = 2 * n.squareRoot() / (n - 1) * CLibrary.exp(logBeta(n - 0.5) - 2 * logBeta(n / 2))
    return x * (2 * probability(upTo: x) - 1) + spread - difference
  }
}
