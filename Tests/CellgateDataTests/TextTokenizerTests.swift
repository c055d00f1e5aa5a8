import Testing

@testable import CellgateData

@Suite("Symbol sequences")
struct SymbolSequenceTests {
  @Test(
    "Symbols come back as they were, and are equal to those of other sizes",
    arguments: [255, 256, 65_535, 65_536, -1])
  func appending(last: Int32) {
    let symbols: [Int32] = [0, 7, 255] + [last]
    let sequence = SymbolSequence(symbols)
    #expect(Array(sequence) == symbols && sequence.count == 4 && sequence[3] == last)
    #expect(SymbolSequence(sequence.dropLast()) == [0, 7, 255] && sequence != [0, 7, 255])
  }
}

@Suite("Text tokenizer")
struct TextTokenizerTests {
  private static let text = "a b a c <unk> a b, c\n"

  static let all: [TextTokenizer] = [
    .characters(Vocabulary(of: text.unicodeScalars, hasUnknown: true)),
    .characters(Vocabulary(of: text.unicodeScalars)),
    .words(of: text.unicodeScalars, leastCount: 2), .words(of: text.unicodeScalars, splitting: .spaces),
    .pieces(BytePairVocabulary(learning: text.unicodeScalars, count: 300)),
  ]

  @Test("Words are those that are frequent enough, the most frequent first, and all others are one symbol")
  func words() throws {
    let words = TextTokenizer.words(of: Self.text.unicodeScalars, leastCount: 2)
    #expect(words == .words(WordVocabulary(words: ["a", "b", "c"]), .punctuation))
    #expect(words.count == 4 && words.unknown == 0 && words.start == 0)
    let found = try words.encode(" b x\n<unk> a".unicodeScalars)
    #expect(found == .init(indices: [2, 0, 0, 0, 1], characters: [2, 2, 1, 5, 2]))
    #expect(words.decode(found.indices) == "b <unk> <unk> <unk> a")
    #expect(TextTokenizer.words(of: Self.text.unicodeScalars, most: 3).count == 3)
    #expect(TextTokenizer.words(of: "\n b".unicodeScalars).start == 1)
    #expect(TextTokenizer.words(of: "".unicodeScalars).count == 1)
  }

  @Test("What a model's file says is the same symbols again", arguments: all)
  func metadata(_ tokenizer: TextTokenizer) throws {
    #expect(TextTokenizer(metadata: tokenizer.metadata) == tokenizer)
    let text = "a b\n"
    let encoded = try tokenizer.encode(text.unicodeScalars)
    #expect(encoded.characters == nil || encoded.characters?.count == encoded.indices.count)
    #expect(encoded.indices.allSatisfy { (0..<Int32(tokenizer.count)).contains($0) })
  }

  @Test("Characters keep the keys that models have had")
  func keys() {
    #expect(Self.all[0].metadata == ["vocabulary": "\n ,<>abcknu", "vocabulary_unknown": "true"])
  }

  @Test(
    "What is no vocabulary is none",
    arguments: [
      [:], ["vocabulary_words": "[\"a\"]"], ["vocabulary_words": "x", "word_splitting": "spaces"],
      ["vocabulary_words": "[\"a\",\"a\"]", "word_splitting": "spaces"],
      ["vocabulary_words": "[\"a\"]", "word_splitting": "other"], ["vocabulary_merges": "1 2 3"],
      ["vocabulary_merges": "a b"], ["vocabulary_merges": "300 1"], ["vocabulary_merges": "99999999999 1"],
    ])
  func wrong(_ metadata: [String: String]) { #expect(TextTokenizer(metadata: metadata) == nil) }

  @Test(
    "Characters of a text that is written piece by piece come once they are whole, and no others are accepted"
  )
  func writer() {
    var writer = TokenWriter(.pieces(BytePairVocabulary()))
    #expect(writer.write(0xF0).isEmpty && writer.write(0x9F).isEmpty)
    #expect(!writer.accepts(0x61) && !writer.accepts(0xF0) && writer.accepts(0x80))
    #expect(writer.write(0x99).isEmpty && writer.write(0x82) == ["🙂"])
    #expect(writer.accepts(0x61) && writer.accepts(0xC3) && !writer.accepts(0x80) && !writer.accepts(0xFF))
    // After each state some byte goes on.
    for first in 0..<256 where writer.accepts(Int32(first)) {
      var other = writer
      _ = other.write(Int32(first))
      #expect((0..<256).contains { other.accepts($0) }, "\(first)")
    }
    #expect(!TokenWriter(Self.all[2]).accepts(0) && TokenWriter(Self.all[2]).accepts(1))
  }
}
