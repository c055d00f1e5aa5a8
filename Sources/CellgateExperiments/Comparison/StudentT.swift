import CellgateBasics

/// Student's t distribution.
enum StudentT {
  /// How many standard errors a two-sided interval of this confidence extends to each side, with so many degrees of
  /// freedom: 4.30 for 0.95 and 2.
  static func quantile(confidence: Double, degrees: Int) -> Double {
    let target = 1 - confidence
    // The tail falls as the quantile grows: double a bound, then halve the interval until nothing changes.
    var (low, high) = (0.0, 1.0)
    while tail(high, degrees) > target { (low, high) = (high, 2 * high) }
    while true {
      let middle = (low + high) / 2
      if middle <= low || middle >= high { return middle }
      if tail(middle, degrees) > target { low = middle } else { high = middle }
    }
  }

  /// The probability that |t| is larger.
  static func tail(_ t: Double, _ degrees: Int) -> Double {
    let n = Double(degrees)
    return incompleteBeta(n / 2, 0.5, n / (n + t * t))
  }

  /// The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method; Press et al.,
  /// Numerical Recipes, 6.4).
  private static func incompleteBeta(_ a: Double, _ b: Double, _ x: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(b, a, 1 - x) }
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
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
}
