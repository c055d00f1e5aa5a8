import Foundation
import Testing

@testable import CellgateData

@Suite("Symbols of translations")
struct TranslationVocabularyTests {
  private static let sentences = [
    "Two dogs run.", "Two cats (small ones) sleep!", "A dog's bone", "Zwei Hunde laufen.",
    "  spaces \t here  ", "",
  ]

  @Test("Sentences that were learned come back, with single spaces", arguments: TextTokenizer.Unit.allCases)
  func roundTrip(_ unit: TextTokenizer.Unit) throws {
    for isLowercased in [false, true] {
      let vocabulary = TranslationVocabulary(
        learning: Self.sentences, unit: unit, most: 400, isLowercased: isLowercased)
      for sentence in Self.sentences {
        let line = vocabulary.encode(sentence)
        #expect(line.symbols.count == line.texts.count)
        #expect(line.symbols.allSatisfy { $0 >= 3 && Int($0) < vocabulary.count })
        let form = sentence.split { $0.isWhitespace }.joined(separator: " ")
        #expect(vocabulary.decode(line.symbols) == (isLowercased ? form.lowercased() : form))
      }
      #expect(vocabulary.symbols(of: Self.sentences) == Self.sentences.map { vocabulary.encode($0).symbols })
      let data = try JSONEncoder().encode(vocabulary)
      #expect(try JSONDecoder().decode(TranslationVocabulary.self, from: data) == vocabulary)
    }
  }

  @Test("An alphabet that was never seen is unknown, or bytes")
  func unseen() {
    let words = TranslationVocabulary(learning: Self.sentences, unit: .words)
    let line = words.encode("Two ねこ run.")
    #expect(line.symbols[1] == words.unknown && line.texts[1] == "ねこ")
    #expect(words.decode(line.symbols) == "Two <unk> run.")
    #expect(words.decode(line.symbols) { $0 == 1 ? "cats" : nil } == "Two cats run.")
    let pieces = TranslationVocabulary(learning: Self.sentences, unit: .pieces, most: 300)
    #expect(pieces.unknown == nil && pieces.decode(pieces.encode("Two ねこ").symbols) == "Two ねこ")
    let characters = TranslationVocabulary(learning: Self.sentences, unit: .characters)
    #expect(characters.decode(characters.encode("a ね").symbols) == "a \u{FFFD}")
  }

  @Test("Rare words are unknown, and there are no more symbols than asked for")
  func limits() {
    let words = TranslationVocabulary(learning: ["a a b", "a b c"], unit: .words, leastCount: 2)
    #expect(words.count == 3 + 1 + 2 && words.encode("c").symbols == [words.unknown])
    let few = TranslationVocabulary(learning: ["a a b", "a b c"], unit: .words, most: 5)
    #expect(few.count == 5 && few.encode("a b").symbols.last == few.unknown)
    let pieces = TranslationVocabulary(learning: ["lower lowest low"], unit: .pieces, most: 262)
    #expect(pieces.count <= 262 && pieces.count > 259)
    #expect(pieces.text(of: pieces.encode("low").symbols[0]).isEmpty == false)
  }

  @Test("Data of a vocabulary that can't be are refused")
  func bad() {
    for text in [
      #"{"symbols":{},"isLowercased":false}"#,
      #"{"symbols":{"vocabulary_merges":"1 999"},"isLowercased":false}"#,
      #"{"symbols":{"vocabulary":"ab","vocabulary_unknown":"false"},"isLowercased":false}"#,
    ] {
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode(TranslationVocabulary.self, from: Data(text.utf8))
      }
    }
  }
}
