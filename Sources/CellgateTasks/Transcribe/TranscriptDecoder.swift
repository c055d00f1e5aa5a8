import CellgateBasics
import CellgateNN

/// The symbols of steps that come in pieces.
struct TranscriptDecoder {
  private let outputs: Int
  /// One of them.
  private var greedy: CTCGreedy?
  private var beam: CTCBeam?

  init(_ search: Transcriber.Search, outputs: Int) {
    self.outputs = outputs
    if search.isGreedy {
      greedy = CTCGreedy()
    } else {
      beam = CTCBeam(width: search.beam, language: search.language, bonus: search.bonus)
    }
  }

  /// Takes the logits of steps, and gives the symbols that are sure to come; none of a beam.
  @discardableResult
  mutating func take(_ logits: [Float]) -> [Int32] {
    var found: [Int32] = []
    for start in stride(from: 0, to: logits.count, by: outputs) {
      let row = Self.logarithms(logits[start..<start + outputs])
      if let symbol = greedy?.step(row) { found.append(symbol) }
      beam?.step(row)
    }
    return found
  }

  /// ln p of each symbol of a step.
  static func logarithms(_ logits: some Collection<Float>) -> [Float] {
    let top = Double(logits.max() ?? 0)
    let sum = top + CLibrary.log(logits.reduce(0.0) { $0 + CLibrary.exp(Double($1) - top) })
    return logits.map { Float(Double($0) - sum) }
  }

  /// The symbols if the sound ends here, and their score.
  func finished() -> (symbols: [Int32], score: Double) {
    if let greedy { return (greedy.symbols, greedy.score) }
    return beam?.finished(1).first.map { ($0.symbols, $0.score) } ?? ([], 0)
  }
}
