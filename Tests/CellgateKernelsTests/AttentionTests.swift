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

  @Test(
    "Gradients are added to what is there, as far as they are asked for, with the same bits everywhere",
    arguments: sizes)
  func gradients(_ size: Int) {
    let own = Case(size), expected = own.gradients
    let (query, keys, score) = (Guarded(own.query), Guarded(own.keys), Guarded(own.score))
    let arriving = Guarded(own.arriving)
    var first: [[Float]]?
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
      let found = [q.values, k.values, s.values]
      // Columns past the last whole vector are added up as the others are.
      #expect(zip(found, first ?? found).allSatisfy { same($0, $1) }, "\(kernels.name): other bits")
      first = first ?? found
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

  /// Blocks of scores of three rows in which each sees other columns, and what they are in Double.
  private struct Block {
    static let factor = 0.7
    let size: Int, band: cg_band
    let scores: [[Float]], arriving: [[Float]]

    init(_ size: Int, _ seed: UInt64, _ band: cg_band) {
      var numbers = Numbers(seed)
      (self.size, self.band) = (size, band)
      scores = (0..<AttentionTests.rows).map { _ in numbers.floats(size).map { 6 * $0 } }
      arriving = (0..<AttentionTests.rows).map { _ in numbers.floats(size) }
    }

    var ld: Int { (size + 15) / 16 * 16 }

    func seen(_ row: Int) -> [Int] {
      let (first, last) = (band.first + row * band.step, band.last + row * band.step)
      return (0..<size).filter { $0 >= max(first, band.least) && $0 < min(last, band.most) }
    }

    /// The exponentials of what a row sees, 0 elsewhere, relative to a largest number.
    func weights(_ row: Int, _ most: Double) -> [Double] {
      let seen = Set(seen(row))
      return (0..<size).map { seen.contains($0) ? exp(Self.factor * Double(scores[row][$0]) - most) : 0 }
    }

    func memory(_ numbers: [[Float]]) -> Guarded {
      Guarded(numbers.flatMap { $0 + [Float](repeating: .nan, count: ld - size) })
    }
  }

  private static let bands = [
    cg_band(first: 0, last: 1000, step: 0, least: 0, most: 1000),
    cg_band(first: -3, last: 2, step: 1, least: 0, most: 1000),
    cg_band(first: 5, last: 21, step: 1, least: 6, most: 22),
    cg_band(first: 0, last: 9, step: 0, least: 9, most: 9),
  ]

  @Test(
    "Two blocks of weights go on from one another, and their gradients agree", arguments: sizes.dropFirst())
  func blocks(_ size: Int) {
    for (number, band) in Self.bands.enumerated() {
      let blocks = [
        Block(size, UInt64(10 * size + number), band), Block(size, UInt64(10 * size + number + 5), band),
      ]
      let most = (0..<Self.rows).map { row in
        blocks.flatMap { block in block.seen(row).map { Block.factor * Double(block.scores[row][$0]) } }.max()
          ?? -.infinity
      }
      let sums = (0..<Self.rows).map { row in
        blocks.reduce(0) { $0 + $1.weights(row, most[row]).reduce(0, +) }
      }
      let shift: [Float] = [0.25, -1, 2]
      for kernels in Kernels.all {
        let largest = Guarded([Float](repeating: -.infinity, count: Self.rows))
        let sum = Guarded([Float](repeating: 0, count: Self.rows))
        var factors: [[Float]] = []
        let found = blocks.map { block in
          let (scores, kept) = (
            block.memory(block.scores), Guarded([Float](repeating: .nan, count: Self.rows))
          )
          unsafe cg_attention_weights_with(
            kernels.isa, Self.rows, size, band, Float(Block.factor), scores.start, block.ld, largest.start,
            sum.start, kept.start)
          factors.append(kept.values)
          return scores.values
        }
        for row in 0..<Self.rows {
          let isSeen = !blocks[0].seen(row).isEmpty
          #expect(isSeen || (largest.values[row] == -.infinity && sum.values[row] == 0))
          if isSeen {
            expect([largest.values[row], sum.values[row] / Float(sums[row])], [most[row], 1])
          }
          for (place, block) in blocks.enumerated() {
            let own = found[place][row * block.ld..<(row + 1) * block.ld].map {
              $0 * (place == 0 ? factors[1][row] : 1)
            }
            expect(
              own,
              block.weights(row, isSeen ? most[row] : 0) + [Double](repeating: 0, count: block.ld - size))
          }
        }
        let shifts = Guarded(shift)
        for block in blocks {
          let (scores, gradients) = (block.memory(block.scores), block.memory(block.arriving))
          unsafe cg_attention_gradient_with(
            kernels.isa, Self.rows, size, band, Float(Block.factor), largest.start, sum.start, shifts.start,
            scores.start, gradients.start, block.ld)
          for row in 0..<Self.rows {
            let edge = [Double](repeating: 0, count: block.ld - size)
            let weights = block.weights(row, most[row]).map { $0 == 0 ? 0 : $0 / sums[row] }
            let range = row * block.ld..<(row + 1) * block.ld
            expect(Array(scores.values[range]), weights + edge)
            expect(
              Array(gradients.values[range]),
              zip(weights, block.arriving[row]).map {
                Block.factor * $0 * (Double($1) - Double(shift[row]))
              } + edge)
          }
        }
      }
    }
  }
}
