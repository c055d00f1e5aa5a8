import CellgateKernels
import Foundation
import Testing

/// Scores of additive attention and their gradients.
@Suite("Attention")
struct AttentionTests {
  static let sizes = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100]
  private static let rows = 3

  /// A case: rows of keys `ld` apart, and what is computed of it in Double.
  private struct Case {
    let size: Int, ld: Int
    let query: [Float], keys: [Float], score: [Float], arriving: [Float]

    init(_ size: Int) {
      var numbers = Numbers(UInt64(size))
      (self.size, ld) = (size, size + 2)
      query = numbers.floats(size)
      keys = numbers.floats((rows - 1) * ld + size).map { 3 * $0 }
      score = numbers.floats(size)
      arriving = numbers.floats(rows)
    }

    func y(_ row: Int, _ i: Int) -> Double { tanh(Double(query[i]) + Double(keys[row * ld + i])) }

    var scores: [Double] {
      (0..<rows).map { row in (0..<size).reduce(0) { $0 + Double(score[$1]) * y(row, $1) } }
    }

    /// What is added to the gradients of the query, the score vector and the keys.
    var gradients: (query: [Double], score: [Double], keys: [[Double]]) {
      let g = arriving.map(Double.init)
      let keys = (0..<rows).map { row in
        (0..<size).map { g[row] * Double(score[$0]) * (1 - y(row, $0) * y(row, $0)) }
      }
      return (
        (0..<size).map { i in keys.reduce(0) { $0 + $1[i] } },
        (0..<size).map { i in (0..<rows).reduce(0) { $0 + g[$1] * y($1, i) } }, keys
      )
    }
  }

  /// Within the rounding of a hundred terms.
  private func expect(_ found: [Float], _ expected: [Double]) {
    #expect(found.count == expected.count)
    for (value, exact) in zip(found, expected) { #expect(abs(Double(value) - exact) < 2e-6) }
  }

  @Test("Scores agree with Double on every instruction set", arguments: sizes)
  func scores(_ size: Int) {
    let own = Case(size)
    let (query, keys, score) = (Guarded(own.query), Guarded(own.keys), Guarded(own.score))
    for kernels in Kernels.all {
      let result = Guarded([Float](repeating: .nan, count: Self.rows))
      unsafe cg_additive_scores_with(
        kernels.isa, Self.rows, size, query.start, keys.start, own.ld, score.start, result.start)
      expect(result.values, own.scores)
    }
  }

  @Test("Gradients are added to what is there, as far as they are asked for", arguments: sizes)
  func gradients(_ size: Int) {
    let own = Case(size), expected = own.gradients
    let (query, keys, score) = (Guarded(own.query), Guarded(own.keys), Guarded(own.score))
    let arriving = Guarded(own.arriving)
    for kernels in Kernels.all {
      let (q, s) = (
        Guarded([Float](repeating: 1, count: size)), Guarded([Float](repeating: 2, count: size))
      )
      let k = Guarded([Float](repeating: 3, count: own.keys.count))
      func run(
        _ q: UnsafeMutablePointer<Float>?, _ k: UnsafeMutablePointer<Float>?,
        _ s: UnsafeMutablePointer<Float>?
      ) {
        unsafe cg_additive_scores_gradient_with(
          kernels.isa, Self.rows, size, query.start, keys.start, own.ld, score.start, arriving.start, q, k,
          own.ld, s)
      }
      unsafe run(q.start, k.start, s.start)
      expect(q.values, expected.query.map { 1 + $0 })
      expect(s.values, expected.score.map { 2 + $0 })
      for row in 0..<Self.rows {
        expect(Array(k.values[row * own.ld..<row * own.ld + size]), expected.keys[row].map { 3 + $0 })
      }
      let between = (0..<Self.rows - 1).flatMap { k.values[$0 * own.ld + size..<($0 + 1) * own.ld] }
      #expect(between.allSatisfy { $0 == 3 })
      unsafe run(q.start, nil, nil)
      unsafe run(nil, k.start, nil)
      unsafe run(nil, nil, s.start)
      expect(q.values, expected.query.map { 1 + 2 * $0 })
      expect(s.values, expected.score.map { 2 + 2 * $0 })
      expect(Array(k.values.prefix(size)), expected.keys[0].map { 3 + 2 * $0 })
    }
  }
}
