import Foundation

/// Words of a text as the full-text index sees them: letters and digits, in lower case, without accents.
enum SearchTerms {
  /// The words of a text in their order.
  static func words(_ text: String) -> [String] {
    var words: [String] = []
    if text.utf8.allSatisfy({ $0 < 0x80 }) {
      var word: [UInt8] = []
      for byte in text.utf8 {
        switch byte {
        case 0x41...0x5A: word.append(byte | 0x20)
        case 0x61...0x7A, 0x30...0x39: word.append(byte)
        default:
          if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
          word = []
        }
      }
      if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
      return words
    }
    let folded = text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
    var word = String.UnicodeScalarView()
    for scalar in folded.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
        .decimalNumber,
        .letterNumber, .otherNumber, .privateUse:
        word.append(scalar)
      default:
        if !word.isEmpty { words.append(String(word)) }
        word = .init()
      }
    }
    if !word.isEmpty { words.append(String(word)) }
    return words
  }

  /// A text's different words, in the order in which they first come.
  static func distinct(_ text: String) -> [String] {
    var seen: Set<String> = []
    return words(text).filter { seen.insert($0).inserted }
  }
}

/// Counts a text's tokens without a tokenizer: the larger of a quarter of its bytes and four thirds of its words, rounded up, which is
/// near what the tokenizers of large language models make of English.
public enum TokenEstimate {
  public static func count(_ text: String) -> Int {
    let words = text.split(whereSeparator: \.isWhitespace).count
    return max((text.utf8.count + 3) / 4, (4 * words + 2) / 3)
  }
}
