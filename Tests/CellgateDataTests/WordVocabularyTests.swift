import CellgateData
import Testing

@Suite("Words as numbers")
struct WordVocabularyTests {
  @Test("Words are runs of letters and digits in lower case, with apostrophes inside")
  func words() {
    #expect(
      WordVocabulary.words(of: "It's 10 o’clock -- 'ÜBER' re-run, don't!\n<br />")
        == ["it's", "10", "o'clock", "über", "re", "run", "don't", "br"])
    #expect(WordVocabulary.words(of: "").isEmpty)
    #expect(WordVocabulary.words(of: "'' ' !").isEmpty)
  }

  @Test("The most frequent words come first, equal ones in their own order; 0 is padding and 1 unknown")
  func numbers() {
    let words = WordVocabulary(of: ["b a b", "c a b d"], most: 4)
    #expect(words.words == ["b", "a"] && words.count == 4)
    #expect(words.encode("A c B", length: 5) == [0, 0, 3, 1, 2])
    #expect(words.encode("b a a", length: 2) == [3, 3])
    #expect(WordVocabulary(of: ["a"], most: 0).count == 2)
    #expect(WordVocabulary(words: ["x", "x", "y"]).words == ["x", "y"])
  }
}
