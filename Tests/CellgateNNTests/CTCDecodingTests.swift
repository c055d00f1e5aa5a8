import CellgateTensor
import Foundation
import Testing

@testable import CellgateNN

@Suite("Decoding of connectionist temporal classification")
struct CTCDecodingTests {
  /// ln p of each of K symbols at each of T steps.
  private func rows(_ steps: Int, _ count: Int, seed: UInt64 = 1, sharpness: Float = 2) -> [[Float]] {
    var stream = RandomStream(seed: seed, name: "rows")
    return (0..<steps).map { _ in
      let logits = (0..<count).map { _ in sharpness * stream.normal() }
      let sum = log(logits.reduce(0.0) { $0 + exp(Double($1)) })
      return logits.map { Float(Double($0) - sum) }
    }
  }

  private func collapsed(_ path: [Int], blank: Int = 0) -> [Int32] {
    path.indices.filter { path[$0] != blank && ($0 == 0 || path[$0 - 1] != path[$0]) }.map { Int32(path[$0]) }
  }

  /// The sum over all paths of each transcript, in ln.
  private func all(_ rows: [[Float]]) -> [[Int32]: Double] {
    var paths: [(path: [Int], score: Double)] = [([], 0)]
    for row in rows {
      paths = paths.flatMap { path, score in row.indices.map { (path + [$0], score + Double(row[$0])) } }
    }
    var sums: [[Int32]: Double] = [:]
    for (path, score) in paths { sums[collapsed(path), default: 0] += exp(score) }
    return sums.mapValues { log($0) }
  }

  @Test("The likeliest path is collapsed, and its score is its own")
  func greedy() {
    let rows = rows(40, 4)
    var decoder = CTCGreedy()
    let given = rows.compactMap { decoder.step($0) }
    let path = rows.map { row in row.firstIndex(of: row.max() ?? 0) ?? 0 }
    #expect(decoder.symbols == collapsed(path) && given == decoder.symbols)
    #expect(abs(decoder.score - rows.reduce(0) { $0 + Double($1.max() ?? 0) }) < 1e-9)
    var other = CTCGreedy(blank: 3)
    for row in rows { other.step(row) }
    #expect(other.symbols == collapsed(path, blank: 3))
  }

  @Test(
    "A beam of all prefixes finds the best transcripts with the sums over all their paths", arguments: 1...4)
  func exact(seed: Int) {
    let rows = rows(6, 3, seed: UInt64(seed))
    var beam = CTCBeam(width: 1000)
    for row in rows { beam.step(row) }
    let expected = all(rows).sorted { $0.value > $1.value }
    let found = beam.finished(1000)
    #expect(found.count == expected.count)
    for (one, other) in zip(found, expected) {
      #expect(one.symbols == other.key && abs(one.score - other.value) < 1e-9)
    }
  }

  /// Symbol 2 after 1 and the end after 2 are likely.
  private func prefix(_ last: Int32) -> LanguagePrefix {
    let scores: [Float] = last == 1 ? [0, -3, -0.1] : [0, -0.5, -2]
    return LanguagePrefix(scores: scores, end: last == 2 ? -0.2 : -4) { prefix($0) }
  }

  @Test("A language model and a bonus add to the score of each symbol, and of the end")
  func language() {
    let rows = rows(6, 3, sharpness: 1)
    var beam = CTCBeam(width: 1000, language: .init(prefix(0), weight: 0.7), bonus: 0.3)
    for row in rows { beam.step(row) }
    let expected = all(rows).map { symbols, score in
      var (sum, last) = (score, prefix(0))
      for symbol in symbols {
        sum += 0.7 * Double(last.scores[Int(symbol)]) + 0.3
        last = last.next(symbol)
      }
      return (symbols, sum + 0.7 * Double(last.end))
    }.sorted { $0.1 > $1.1 }
    for (one, other) in zip(beam.finished(20), expected) {
      #expect(one.symbols == other.0 && abs(one.score - other.1) < 1e-5)
    }
  }

  /// Long sequences leave nodes of the tree, which must change nothing.
  @Test(
    "A long sequence has the transcript of one whose prefixes are all kept, and a narrow beam is no better")
  func long() {
    let rows = rows(3000, 6)
    func found(_ width: Int, settles: Bool) -> CTCBeam.Hypothesis {
      var beam = CTCBeam(width: width, settlesAt: settles ? 50 : .max)
      for row in rows { beam.step(row) }
      return beam.finished(1)[0]
    }
    let whole = found(8, settles: false)
    #expect(found(8, settles: true) == whole && whole.symbols.count > 500)
    #expect(found(1, settles: true).score <= whole.score)
  }

  @Test("Nothing is found in no steps, and symbols of no probability never come")
  func edges() {
    #expect(CTCBeam(width: 3).finished(2) == [.init(symbols: [], score: 0)])
    #expect(CTCGreedy().symbols.isEmpty)
    var beam = CTCBeam(width: 5)
    for _ in 0..<3 { beam.step([-0.7, -.infinity, -0.7]) }
    #expect(beam.finished(5).allSatisfy { !$0.symbols.contains(1) })
  }
}
