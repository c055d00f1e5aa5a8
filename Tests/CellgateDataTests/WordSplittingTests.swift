import Testing

@testable import CellgateData

@Suite("Words of texts for language models")
struct WordSplittingTests {
  private func words(_ text: String, _ splitting: WordSplitting = .punctuation) -> [String] {
    splitting.tokens(of: text.unicodeScalars).map(\.text)
  }

  @Test("Words have apostrophes and hyphens inside, other characters are tokens, and so is the end of a line")
  func splits() {
    #expect(
      words("Don't re-run  it!\n'So' 3-4") == ["Don't", "re-run", "it", "!", "\n", "'", "So", "'", "3-4"])
    #expect(words("a -- b- (c.)\r\n") == ["a", "-", "-", "b", "-", "(", "c", ".", ")", "\n"])
    #expect(words("<unk> x<y <b>,") == ["<unk>", "x", "<", "y", "<", "b", ">", ","])
    #expect(words("<> <a") == ["<", ">", "<", "a"])
    #expect(words("שלום עולם! e\u{301}te\u{301} ½") == ["שלום", "עולם", "!", "e\u{301}te\u{301}", "½"])
    #expect(words("👩‍👩‍👧🙂👍🏽🇩🇪❤️") == ["👩‍👩‍👧", "🙂", "👍🏽", "🇩🇪", "❤️"])
    #expect(words("") == [] && words(" \t ") == [])
    #expect(words("it 's <unk>, n.v.\n", .spaces) == ["it", "'s", "<unk>,", "n.v.", "\n"])
  }

  @Test(
    "The characters of tokens are those of the text up to its last token", arguments: WordSplitting.allCases)
  func characters(_ splitting: WordSplitting) {
    for text in ["  a b\n\n c, <unk>🙂👍🏽 x", "a", "\n", "א ב"] {
      let tokens = splitting.tokens(of: text.unicodeScalars)
      #expect(tokens.map(\.characters).reduce(0, +) == text.unicodeScalars.count)
    }
    #expect(splitting.tokens(of: "a  ".unicodeScalars).map(\.characters) == [1])
  }

  @Test("Usual texts come back as they were written")
  func written() throws {
    for text in [
      "To be, or not to be: that (they say) is it!\nWell?", "He said “no” [sic]. ¿Que? 50 % of it",
    ] {
      let tokenizer = TextTokenizer.words(of: text.unicodeScalars)
      #expect(
        tokenizer.decode(try tokenizer.encode(text.unicodeScalars).indices)
          == text.replacing("50 %", with: "50%"))
    }
    let words = TextTokenizer.words(of: "it 's .\n".unicodeScalars, splitting: .spaces)
    #expect(words.decode(try words.encode("it 's .\n".unicodeScalars).indices) == "it 's .\n")
  }
}
