import CellgateBasics
import Foundation
import Testing

@Suite("Functions of probability theory")
struct SpecialFunctionsTests {
  static let arguments = [1e-8, 0.01, 0.3, 0.5, 1, 1.4616, 2, 2.5, 7.99, 8, 20, 333.25, 1e5, 1e9]

  @Test("ln Γ is C's", arguments: arguments)
  func logGamma(_ x: Double) {
    let exact: Double = lgamma(x)
    #expect(abs(SpecialFunctions.logGamma(x) - exact) <= 2e-14 * max(1, abs(exact)))
  }

  /// Γ(x + n)/Γ(x) is the product x (x + 1) … (x + n − 1).
  @Test("The ratio of Γ keeps its digits", arguments: [0.3, 5, 7.5, 8, 90.25, 1e6, 1e12])
  func ratio(_ x: Double) {
    for count in [0, 1, 2, 9] {
      let exact = (0..<count).reduce(0.0) { $0 + log(x + Double($1)) }
      #expect(abs(SpecialFunctions.logGammaRatio(x, Double(count)) - exact) < 1e-13 * max(1, abs(exact)))
      let back = SpecialFunctions.logGammaRatio(x + Double(count), -Double(count))
      #expect(abs(back + exact) < 1e-13 * max(1, abs(exact)))
    }
    #expect(SpecialFunctions.logGammaRatio(-1, 3).isNaN && SpecialFunctions.logGammaRatio(.nan, 0).isNaN)
  }

  /// ψ(1) = −γ, ψ(½) = −γ − 2 ln 2, and ψ(x + 1) = ψ(x) + 1/x.
  @Test("ψ has its known values and its recurrence", arguments: arguments)
  func digamma(_ x: Double) {
    let euler = 0.577_215_664_901_532_86
    #expect(abs(SpecialFunctions.digamma(1) + euler) < 1e-14)
    #expect(abs(SpecialFunctions.digamma(0.5) + euler + 2 * log(2)) < 2e-14)
    let (next, exact) = (SpecialFunctions.digamma(x + 1), SpecialFunctions.digamma(x) + 1 / x)
    #expect(abs(next - exact) <= 1e-14 * max(1, abs(1 / x)))
    // Central differences are right to about the square of the step.
    let step = 1e-4 * x
    let slope =
      (SpecialFunctions.logGamma(x + step) - SpecialFunctions.logGamma(x - step)) / (2 * step)
    #expect(abs(slope - SpecialFunctions.digamma(x)) <= 1e-6 * max(1, abs(slope)))
  }

  @Test("What is no argument gives NaN")
  func domain() {
    for x in [0, -1.5, -.infinity, .nan] {
      #expect(SpecialFunctions.logGamma(x).isNaN && SpecialFunctions.digamma(x).isNaN)
    }
    #expect(SpecialFunctions.incompleteBeta(.nan, 1, 0.5).isNaN)
    #expect(SpecialFunctions.normalQuantile(-1).isNaN && SpecialFunctions.normalQuantile(.nan).isNaN)
    #expect(
      SpecialFunctions.normalQuantile(0) == -.infinity && SpecialFunctions.normalQuantile(1) == .infinity)
  }

  @Test(
    "A normal quantile is what has its probability below it",
    arguments: [1e-300, 1e-12, 0.001, 0.024, 0.025, 0.3, 0.5, 0.75, 0.975, 1 - 1e-9])
  func normal(_ p: Double) {
    let z = SpecialFunctions.normalQuantile(p)
    #expect(abs(SpecialFunctions.normalProbability(z) - p) <= 1e-12 * p)
    #expect(abs(SpecialFunctions.normalQuantile(0.9) - 1.281_551_565_544_600_4) < 1e-14)
  }

  /// I_x(a, 1) = xᵃ and I_x(1, b) = 1 − (1 − x)ᵇ.
  @Test("The incomplete beta function has its simple cases", arguments: [0.25, 1, 7.5, 400])
  func beta(_ a: Double) {
    for x in [0.01, 0.4, 0.5, 0.93] {
      #expect(abs(SpecialFunctions.incompleteBeta(a, 1, x) - pow(x, a)) < 1e-12)
      #expect(abs(SpecialFunctions.incompleteBeta(1, a, x) - (1 - pow(1 - x, a))) < 1e-12)
    }
  }
}
