/// Functions of probability theory that C's library lacks, or has with a global variable that threads would share.
package enum SpecialFunctions {
  /// ln Γ(x) for x > 0 by Stirling's series from 8 on (Abramowitz and Stegun 6.1.41), below by Γ(x + 1) = x Γ(x); NaN for others. The error is below
  /// 2e-14 · max(1, |ln Γ(x)|).
  package static func logGamma(_ x: Double) -> Double {
    guard x > 0 else { return .nan }
    var (x, product) = (x, 1.0)
    while x < 8 {
      product *= x
      x += 1
    }
    return (x - 0.5) * CLibrary.log(x) - x + halfLogTwoPi + tail(x) - CLibrary.log(product)
  }

  /// ln Γ(x + y) − ln Γ(x) for x > 0 and x + y > 0, which keeps its digits where y is small beside x.
  package static func logGammaRatio(_ x: Double, _ y: Double) -> Double {
    guard x >= 8, x + y >= 8 else { return logGamma(x + y) - logGamma(x) }
    return (x - 0.5) * CLibrary.log1p(y / x) + y * CLibrary.log(x + y) - y + tail(x + y) - tail(x)
  }

  /// What Stirling's series adds from x = 8 on.
  private static func tail(_ x: Double) -> Double {
    let w = 1 / (x * x)
    let last = w * (-1.0 / 1680 + w * (1.0 / 1188 + w * (-691.0 / 360_360)))
    return (1.0 / 12 + w * (-1.0 / 360 + w * (1.0 / 1260 + last))) / x
  }

  private static let halfLogTwoPi = 0.918_938_533_204_672_742

  /// ψ(x) = d/dx ln Γ(x) for x > 0 by its asymptotic series from 8 on (6.3.18), below by ψ(x + 1) = ψ(x) + 1/x; NaN for others. The
  /// error is below 1e-14 · max(1, |ψ(x)|).
  package static func digamma(_ x: Double) -> Double {
    guard x > 0 else { return .nan }
    var (x, sum) = (x, 0.0)
    while x < 8 {
      sum += 1 / x
      x += 1
    }
    let w = 1 / (x * x)
    let last = w * (1.0 / 132 + w * (-691.0 / 32_760 + w / 12))
    let series = w * (1.0 / 12 + w * (-1.0 / 120 + w * (1.0 / 252 + w * (-1.0 / 240 + last))))
    return CLibrary.log(x) - 0.5 / x - series - sum
  }

  /// The regularised incomplete beta function I_x(a, b) for a, b > 0, by its continued fraction (Lentz's method; Press et al.,
  /// Numerical Recipes, 6.4).
  package static func incompleteBeta(_ a: Double, _ b: Double, _ x: Double) -> Double {
    if x.isNaN || a.isNaN || b.isNaN { return .nan }
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(b, a, 1 - x) }
    let powers = a * CLibrary.log(x) + b * CLibrary.log1p(-x)
    let (large, small) = (max(a, b), min(a, b))
    let front = CLibrary.exp(logGammaRatio(large, small) - logGamma(small) + powers) / a
    let tiny = 1e-300
    var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
    d = 1 / (abs(d) < tiny ? tiny : d)
    var value = d
    for step in 1...10_000 {
      let m = Double(step)
      let middle: Double = a + 2 * m
      let even: Double = m * (b - m) * x / ((middle - 1) * middle)
      let odd: Double = -(a + m) * (a + b + m) * x / (middle * (middle + 1))
      for numerator in [even, odd] {
        d = 1 + numerator * d
        d = 1 / (abs(d) < tiny ? tiny : d)
        c = 1 + numerator / c
        if abs(c) < tiny { c = tiny }
        value *= c * d
      }
      if abs(c * d - 1) < 1e-15 { break }
    }
    return front * value
  }

  /// Φ(z): the probability that a standard normal number is z at most.
  package static func normalProbability(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

  /// The number below which a standard normal one lies with probability p in (0, 1): P. J. Acklam's rational approximation with a step of Halley's
  /// method, to about 1e-15; infinite for 0 and 1.
  package static func normalQuantile(_ p: Double) -> Double {
    guard p > 0 else { return p == 0 ? -.infinity : .nan }
    guard p < 1 else { return p == 1 ? .infinity : .nan }
    // The tail that is nearer keeps its digits.
    if p > 0.5 { return -normalQuantile(1 - p) }
    func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
      coefficients.reduce(0) { $0 * x + $1 }
    }
    var z: Double
    if p < 0.024_25 {
      let q = (-2 * CLibrary.log(p)).squareRoot()
      z = polynomial(edge.above, q) / polynomial(edge.below, q)
    } else {
      let q = p - 0.5
      z = q * polynomial(centre.above, q * q) / polynomial(centre.below, q * q)
    }
    let error = normalProbability(z) - p
    let step = error * (2 * Double.pi).squareRoot() * CLibrary.exp(z * z / 2)
    z -= step / (1 + z * step / 2)
    return z
  }

  private static let centre: (above: [Double], below: [Double]) = (
    [
      -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
      -3.066479806614716e+01, 2.506628277459239e+00,
    ],
    [
      -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
      -1.328068155288572e+01, 1,
    ]
  )
  private static let edge: (above: [Double], below: [Double]) = (
    [
      -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00,
      4.374664141464968e+00, 2.938163982698783e+00,
    ],
    [
      7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1,
    ]
  )
}
