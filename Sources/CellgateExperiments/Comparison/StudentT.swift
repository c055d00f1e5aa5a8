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
    return SpecialFunctions.incompleteBeta(n / 2, 0.5, n / (n + t * t))
  }
}
