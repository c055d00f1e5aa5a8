import CellgateNN
import Foundation
import Testing

@Suite("Sampling")
struct SamplingTests {
  /// Probabilities of 0.15, 0.5, 0.1 and 0.25.
  private let logits: [Float] = [0.15, 0.5, 0.1, 0.25].map { Float(log($0)) + 3 }

  private func expect(_ sampling: Sampling, _ expected: [Double]) {
    let found = sampling.probabilities(logits)
    // Logits are Float32.
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 } && found.count == 4, "\(found)")
  }

  @Test("Without cuts the probabilities are the softmax")
  func softmax() { expect(Sampling(), [0.15, 0.5, 0.1, 0.25]) }

  @Test("A temperature raises to its inverse power; 0 takes the likeliest, the first of equal ones")
  func temperature() {
    let squares = [0.0225, 0.25, 0.01, 0.0625].map { $0 / 0.345 }
    expect(Sampling(temperature: 0.5), squares)
    expect(Sampling(temperature: 0), [0, 1, 0, 0])
    expect(Sampling(temperature: 1e-300), [0, 1, 0, 0])
    expect(Sampling(temperature: 1e300), [0.25, 0.25, 0.25, 0.25])
    #expect(Sampling(temperature: 0).pick([1, 2, 2], at: 0.9) == 1)
  }

  @Test("The k likeliest share what there is, the first of equal ones")
  func topK() {
    expect(Sampling(topK: 1), [0, 1, 0, 0])
    expect(Sampling(topK: 2), [0, 2.0 / 3, 0, 1.0 / 3])
    expect(Sampling(topK: 99), [0.15, 0.5, 0.1, 0.25])
    #expect(Sampling(topK: 2).probabilities([0, 0, 0]) == [0.5, 0.5, 0])
  }

  @Test("The likeliest that sum to p share what there is, at least one")
  func topP() {
    expect(Sampling(topP: 0.01), [0, 1, 0, 0])
    expect(Sampling(topP: 0.74), [0, 2.0 / 3, 0, 1.0 / 3])
    expect(Sampling(topP: 0.76), [0.15 / 0.9, 0.5 / 0.9, 0, 0.25 / 0.9])
    expect(Sampling(topP: 1), [0.15, 0.5, 0.1, 0.25])
    // Of the two likeliest, 2/3 and 1/3, the first is enough for 0.6: p counts after k.
    expect(Sampling(topK: 2, topP: 0.6), [0, 1, 0, 0])
  }

  @Test("A number falls into a symbol's share; what is cut is never picked")
  func picks() {
    let sampling = Sampling()
    #expect(
      [0, 0.14, 0.16, 0.64, 0.66, 0.74, 0.76, 0.9999].map { sampling.pick(logits, at: $0) } == [
        0, 0, 1, 1, 2, 2, 3, 3,
      ])
    let cut = Sampling(topK: 2)
    #expect([0, 0.66, 0.67, 0.999_999_999_999].map { cut.pick(logits, at: $0) } == [1, 1, 3, 3])
    #expect(sampling.pick([0, -.infinity], at: 0.999_999) == 0)
  }
}
