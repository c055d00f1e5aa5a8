import Testing

@testable import CellgateData

@Suite("What texts are cut into")
struct TextUnitTests {
  @Test("Words, numbers and the marks that say something")
  func words() {
    #expect(
      TextUnit.words.tokens(of: "It's <b>great</b>, 10/10!") == ["it's", "great", "10", "10", "!"])
    #expect(TextUnit.words.tokens(of: "a < b, c > d <") == ["a", "b", "c", "d"])
    #expect(TextUnit.words.tokens(of: "<<a<br/>b") == ["a", "b"])
    #expect(TextUnit.words.tokens(of: "Über 5 € 👍🏽!!") == ["über", "5", "€", "👍", "!", "!"])
    #expect(TextUnit.words.tokens(of: "”quoted’ don’t") == ["quoted", "don't"])
    #expect(TextUnit.words.tokens(of: "") == [])
    #expect(TextUnit.words.tokens(of: "<" + String(repeating: "x", count: 300)).count == 1)
  }

  @Test("Scripts without spaces give characters, others whole words")
  func scripts() {
    #expect(TextUnit.words.tokens(of: "我爱你。") == ["我", "爱", "你"])
    #expect(TextUnit.words.tokens(of: "हिन्दी भाषा") == ["हिन्दी", "भाषा"])
    #expect(TextUnit.words.tokens(of: "שלום עולם؟") == ["שלום", "עולם", "؟"])
    #expect(TextUnit.characters.tokens(of: "Ae\u{301} 👨‍👩‍👧") == ["A", "e\u{301}", " ", "👨‍👩‍👧"])
  }

  @Test("Unknown words share a form with their inflections, numbers with numbers of as many digits")
  func forms() {
    #expect(TextUnit.form(of: "unwatchable") == "unwat~")
    #expect(TextUnit.form(of: "film") == nil && TextUnit.form(of: "filmed") == nil)
    #expect(TextUnit.form(of: "08712300220") == "0~00000000000")
    #expect(TextUnit.form(of: "4th") == "0~0th")
  }
}
