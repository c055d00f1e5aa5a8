import CellgateBasics
import Foundation
import Testing

@Suite("Distributions")
struct DistributionTests {
  /// ∫ (F(x) − [x ≥ y])² dx by the trapezoidal rule, from −`reach` to `reach`.
  private func score(_ y: Double, reach: Double, _ probability: (Double) -> Double) -> Double {
    let (steps, step) = (40_000, reach / 20_000)
    return (0..<steps).reduce(0) { sum, place in
      let x = -reach + (Double(place) + 0.5) * step
      let difference = probability(x) - (x >= y ? 1 : 0)
      return sum + difference * difference * step
    }
  }

  // MARK: Normal

  @Test("The normal ranked score is the integral that it is defined as", arguments: [-2.5, 0, 0.7])
  func normal(_ z: Double) {
    let exact = score(z, reach: 10) { SpecialFunctions.normalProbability($0) }
    #expect(abs(NormalDistribution.rankedScore(z) - exact) < 1e-3)
  }

  // MARK: Student's t

  /// Of tables: 0.975 of 2 and 0.9 of 3 degrees; of one degree it is tan π(p − ½).
  @Test("Student's quantiles are those of tables")
  func quantiles() {
    #expect(abs(StudentTDistribution(degrees: 2).quantile(0.975) - 4.302_652_729_911_275) < 1e-9)
    #expect(abs(StudentTDistribution(degrees: 3).quantile(0.9) - 1.637_744_353_696_21) < 1e-9)
    #expect(abs(StudentTDistribution(degrees: 1).quantile(0.99) - tan(Double.pi * 0.49)) < 1e-8)
    #expect(abs(StudentTDistribution(degrees: 1e9).quantile(0.9) - 1.281_551_566) < 2e-7)
  }

  @Test("Student's quantile has its probability below it", arguments: [2.01, 2.7, 5, 31.5, 4000])
  func inverse(_ degrees: Double) {
    let t = StudentTDistribution(degrees: degrees)
    for p in [1e-6, 0.03, 0.5, 0.6, 0.999] {
      #expect(abs(t.probability(upTo: t.quantile(p)) - p) <= 1e-10 * max(p, 0.01))
    }
  }

  @Test("Student's ranked score is the integral that it is defined as", arguments: [2.5, 4, 30])
  func studentScore(_ degrees: Double) {
    let t = StudentTDistribution(degrees: degrees)
    for x in [-3, 0.2] {
      let exact = score(x, reach: 100) { t.probability(upTo: $0) }
      #expect(abs(t.rankedScore(x) - exact) < 5e-3)
    }
  }

  // MARK: Counts

  static let counts = [(0.3, 0.4), (2, 1), (7.5, 30), (40, 2.5), (1500, 1e7)]

  @Test("Probabilities of counts sum to the probability up to them", arguments: counts)
  func sums(_ mean: Double, _ shape: Double) {
    let own = NegativeBinomial(mean: mean, shape: shape)
    var (sum, first) = (0.0, 0.0)
    for k in 0...(20 + 3 * Int(mean)) {
      let probability = exp(NegativeBinomial.logProbability(Double(k), mean: mean, shape: shape))
      sum += probability
      first += probability * Double(k)
      #expect(abs(own.probability(upTo: Double(k)) - sum) < 1e-8)
      #expect(own.probability(upTo: Double(k) + 0.5) == own.probability(upTo: Double(k)))
    }
    if shape >= 30 { #expect(abs(first - mean) < 1e-6 * mean) }
    #expect(own.probability(upTo: -1) == 0)
  }

  @Test("A quantile is the least count with its probability", arguments: counts + [(3e6, 0.2), (1e-5, 2)])
  func countQuantiles(_ mean: Double, _ shape: Double) {
    let own = NegativeBinomial(mean: mean, shape: shape)
    for p in [0.001, 0.1, 0.5, 0.9, 0.9999] {
      let k = own.quantile(p)
      #expect(own.probability(upTo: k) >= p && (k == 0 || own.probability(upTo: k - 1) < p))
    }
    #expect(own.quantile(0) == 0)
  }

  /// Σ (F(j) − [j ≥ k])² over all counts; with a deviation above 50 the score's second half is that of a gamma distribution.
  @Test("The ranked score of a count is the sum that it is defined as", arguments: counts + [(300, 1)])
  func countScore(_ mean: Double, _ shape: Double) {
    let own = NegativeBinomial(mean: mean, shape: shape)
    for k in [0, mean.rounded(), (2 * mean).rounded() + 1] {
      let exact = (0..<(100 + 30 * Int(mean))).reduce(0.0) { sum, j in
        let difference = own.probability(upTo: Double(j)) - (Double(j) >= k ? 1 : 0)
        return sum + difference * difference
      }
      #expect(abs(own.rankedScore(k) - exact) < (own.deviation > 50 ? 2e-3 * exact : 1e-5))
    }
  }

  @Test("What is no distribution gives NaN")
  func none() {
    #expect(NegativeBinomial(mean: -1, shape: 1).rankedScore(1).isNaN)
    #expect(NegativeBinomial(mean: 1, shape: 0).probability(upTo: 1).isNaN)
    #expect(NegativeBinomial(mean: .nan, shape: 1).quantile(0.5).isNaN)
    #expect(StudentTDistribution(degrees: -1).quantile(0.3).isNaN)
  }
}
