/// A caption as the numbers of its words, split in the two ways in which pycocoevalcap's metrics split it.
///
/// BLEU and CIDEr split at runs of white space, as Python's `split()` does, ROUGE-L at every single space, so that an empty
/// caption is one empty word there. Both are kept, as both change scores.
struct TokenizedCaption: Sendable {
  /// The tokens with a space between.
  let text: String
  /// The numbers of the words between runs of white space.
  let words: [Int32]
  /// The numbers of what stands between single spaces; one empty word of an empty text.
  let parts: [Int32]

  /// Splits a text of tokens with a space between.
  init(_ text: String, _ numbers: inout WordNumbers) {
    self.text = text
    words = text.unicodeScalars.split(whereSeparator: Self.isPythonSpace).map { numbers.number(of: $0) }
    parts = text.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
      .map { numbers.number(of: $0) }
  }

  /// Whether Python's `str.isspace` holds: the white space of Unicode and four separators of ASCII.
  static func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }
}

/// A number for each word, so that words are compared as numbers. Words are equal when their code points are: `String`
/// takes an é for an e with an accent.
struct WordNumbers {
  private var numbers: [[UInt8]: Int32] = [:]

  /// The word's number, a new one for a new word.
  mutating func number(of word: Substring.UnicodeScalarView) -> Int32 {
    let key = Array(Substring(word).utf8)
    if let known = numbers[key] { return known }
    let new = Int32(numbers.count)
    numbers[key] = new
    return new
  }
}
