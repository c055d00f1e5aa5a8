import Testing

@testable import CellgateData

@Suite("Vocabulary")
struct VocabularyTests {
  private func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }

  @Test("Symbols are Unicode scalars, each once, in the order of their code points")
  func order() throws {
    let vocabulary = Vocabulary(of: "ba\r\nné🙂a".unicodeScalars)
    #expect(vocabulary.symbols == scalars("\n\rabné🙂"))
    #expect(vocabulary.count == 7 && vocabulary.unknown == nil)
    #expect(try vocabulary.encode("ab🙂\r\n".unicodeScalars) == [2, 3, 6, 1, 0])
    #expect(vocabulary.index(of: "z") == nil && vocabulary.index(of: "\u{10FFFF}") == nil)
  }

  @Test("A character that is no symbol is reported with its place, or is the unknown one where there is one")
  func unknown() throws {
    let strict = Vocabulary(of: "abc".unicodeScalars)
    #expect(throws: UnknownCharacter(character: "!", place: 2)) { try strict.encode("ab!c".unicodeScalars) }
    let lenient = Vocabulary(of: "abc".unicodeScalars, hasUnknown: true)
    #expect(lenient.count == 4 && lenient.unknown == 3)
    #expect(try lenient.encode("a!b€".unicodeScalars) == [0, 3, 1, 3])
  }

  @Test("Symbols in an order of their own keep it, in a model's file too")
  func ownOrder() throws {
    let vocabulary = Vocabulary(ordered: "zaé a".unicodeScalars, hasUnknown: true)
    #expect(vocabulary.symbols == scalars("zaé "))
    #expect(try vocabulary.encode(" za!".unicodeScalars) == [3, 0, 1, 4])
    #expect(Vocabulary(metadata: vocabulary.metadata) == vocabulary)
  }

  @Test("A model's file gives the same vocabulary", arguments: [false, true])
  func metadata(hasUnknown: Bool) {
    // A control character, quotes, and a mark that a text normalised would have joined with the e.
    let vocabulary = Vocabulary(of: "\0\u{1B}\"\\e\u{301}é\u{1F600}".unicodeScalars, hasUnknown: hasUnknown)
    #expect(Vocabulary(metadata: vocabulary.metadata) == vocabulary)
    #expect(Vocabulary(metadata: [:]) == nil)
  }
}
