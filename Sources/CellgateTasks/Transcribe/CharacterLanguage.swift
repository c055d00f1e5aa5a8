import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor

extension TextGenerator {
  /// The language model before a transcript, for ``CTCBeam``: ln p of each character of `alphabet` as what comes next, the blank being
  /// 0, and of the newline as the end, where the model has one. A transcript begins as after a newline. Throws `unfit`, naming `file`, for a
  /// model of other symbols than characters, or that doesn't know one of the alphabet.
  public func prefix(of alphabet: String, file: String) throws(TaskDataError) -> LanguagePrefix {
    guard case .characters(let vocabulary) = tokenizer else {
      throw .unfit(
        file: file, reason: "expected a language model of characters, found one of \(tokenizer.unit.rawValue)"
      )
    }
    var symbols: [Int32] = []
    for scalar in alphabet.unicodeScalars {
      guard let symbol = vocabulary.index(of: scalar) else {
        throw .unfit(
          file: file,
          reason: "expected a language model of the transcripts' characters, found one that doesn't know "
            + "'\(quotedName(String(scalar)))'")
      }
      symbols.append(symbol)
    }
    return LanguageSteps(self, symbols, end: vocabulary.index(of: "\n")).prefix(
      stream.session(), tokenizer.start)
  }
}

/// Steps of a language model over the symbols of an alphabet.
private struct LanguageSteps: Sendable {
  private let generator: TextGenerator
  /// What the symbols from 1 on are to the language model.
  private let symbols: [Int32]
  private let end: Int32?

  init(_ generator: TextGenerator, _ symbols: [Int32], end: Int32?) {
    (self.generator, self.symbols, self.end) = (generator, symbols, end)
  }

  /// The prefix that ends with a symbol of the language model.
  func prefix(_ session: ModelSession, _ symbol: Int32) -> LanguagePrefix {
    var session = session
    let logits: [Float]
    do throws(StreamError) { logits = try generator.stream.step(&session, [Float(symbol)]) } catch {
      fail("LanguageSteps: \(error)")
    }
    let scores = TranscriptDecoder.logarithms(logits)
    func score(_ symbol: Int32) -> Float { scores[Int(symbol)] }
    let after = session
    return LanguagePrefix(scores: [0] + symbols.map(score), end: end.map(score) ?? 0) { next in
      prefix(after, symbols[Int(next) - 1])
    }
  }
}
