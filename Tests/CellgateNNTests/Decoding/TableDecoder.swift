import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation

/// A decoder whose logits depend on all symbols before, by a table of random numbers.
struct TableDecoder: SequenceDecoder {
  /// V.
  let size: Int
  let seed: UInt64
  /// Of the logits, above 1 for surer decoders.
  var spread: Float = 2

  /// The symbols of each row, the first included, and the sentence that it belongs to.
  struct States {
    var rows: [(sentence: Int, tokens: [Int32])]
  }

  func start(_ sentences: Range<Int>) -> States { States(rows: sentences.map { ($0, []) }) }

  /// The logits after some symbols of a sentence.
  func logits(_ sentence: Int, _ tokens: [Int32]) -> [Float] {
    var stream = RandomStream(seed: seed, name: "\(sentence): \(tokens)")
    return stream.uniform([size], in: -spread..<spread).scalars
  }

  /// ln p of what comes after some symbols of a sentence.
  func logProbabilities(_ sentence: Int, _ tokens: [Int32]) -> [Double] {
    DoubleArray(Tensor(logits(sentence, tokens))).logSoftmax
  }

  func step(_ states: States, tokens: [Int32]) -> (logits: Tensor, states: States) {
    precondition(tokens.count == states.rows.count)
    let rows = zip(states.rows, tokens).map { ($0.sentence, $0.tokens + [$1]) }
    return (Tensor(rows.flatMap { logits($0.0, $0.1) }, shape: [rows.count, size]), States(rows: rows))
  }

  func select(_ states: States, rows: [Int32]) -> States { States(rows: rows.map { states.rows[Int($0)] }) }
}

extension DoubleArray {
  /// x − ln Σ eˣ of all numbers.
  var logSoftmax: [Double] {
    let logarithm = values.map { exp($0) }.reduce(0, +)
    return values.map { $0 - log(logarithm) }
  }
}
