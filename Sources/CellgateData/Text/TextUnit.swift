/// What the texts of a classifier are cut into.
///
///     TextUnit.words.tokens(of: "It's <b>great</b>, 10/10!")     // ["it's", "great", "10", "10", "!"]
public enum TextUnit: String, Codable, Sendable, CaseIterable {
  /// Words, in small letters unless their case is kept, with apostrophes inside of them, numbers, and the marks that say something: exclamation and question
  /// marks, currencies, percent, emoji. Of scripts without spaces, such as Chinese, Japanese and Thai, each character; tags in
  /// angle brackets are left out.
  case words
  /// Every character as it is.
  case characters

  /// The tokens of a text in their order; words keep capital letters only with `keepsCase`.
  public func tokens(of text: String, keepsCase: Bool = false) -> [String] {
    switch self {
    case .characters: return text.map { String($0) }
    case .words:
      var scanner = WordScanner()
      // Most texts are ASCII, whose letters need no table.
      if text.utf8.allSatisfy({ $0 < 0x80 }) {
        for byte in text.utf8 {
          let isCapital = !keepsCase && (0x41...0x5A).contains(byte)
          scanner.read(Unicode.Scalar(isCapital ? byte | 0x20 : byte))
        }
      } else {
        for scalar in (keepsCase ? text : text.lowercased()).unicodeScalars { scanner.read(scalar) }
      }
      return scanner.finished()
    }
  }

  /// What stands for a token that isn't known: its form with 0 for each digit, or the beginning of a long word, which is the same
  /// for its inflections; nil for none.
  package static func form(of token: String) -> String? {
    var digits = 0
    var form = String.UnicodeScalarView()
    for scalar in token.unicodeScalars {
      let isDigit = scalar.properties.numericType != nil
      if isDigit { digits += 1 }
      form.append(isDigit ? "0" : scalar)
    }
    if digits > 0 { return "0~" + String(form.prefix(mostDigits)) }
    return form.count > stem + 1 ? String(form.prefix(stem)) + "~" : nil
  }

  /// Letters of a word's beginning, and characters of a number's form.
  private static let stem = 5, mostDigits = 12
}

/// Finds words scalar by scalar.
private struct WordScanner {
  private var tokens: [String] = []
  /// In UTF-8.
  private var word: [UInt8] = []
  /// Characters since an angle bracket that may begin a tag; nil outside of one.
  private var tag: [Unicode.Scalar]?

  /// The most characters of a tag.
  private static let longestTag = 200

  mutating func read(_ scalar: Unicode.Scalar) {
    if tag != nil {
      readTag(scalar)
      return
    }
    if scalar.isASCII {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9": append(scalar)
      case "'": if !word.isEmpty { append(scalar) }
      case "<":
        finish()
        tag = ["<"]
      case "!", "?", "$", "%":
        finish()
        tokens.append(String(scalar))
      default: finish()
      }
      return
    }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .currencySymbol, .otherSymbol:
      finish()
      tokens.append(String(scalar))
    case .nonspacingMark, .spacingMark, .enclosingMark:
      if !word.isEmpty { append(scalar) }
    case .format: break
    default:
      if scalar == "’" {
        if !word.isEmpty { append("'") }
      } else if Self.standsAlone(scalar) {
        finish()
        tokens.append(String(scalar))
      } else if properties.isAlphabetic || properties.numericType != nil {
        append(scalar)
      } else {
        finish()
        // The marks of other scripts that end a question or an exclamation.
        if ["！", "？", "؟", "¿", "¡"].contains(scalar) { tokens.append(String(scalar)) }
      }
    }
  }

  /// A tag begins with a letter or a slash, and is closed before it is long: else it was none.
  private mutating func readTag(_ scalar: Unicode.Scalar) {
    guard var text = tag else { return }
    text.append(scalar)
    tag = text
    if scalar == ">" {
      tag = nil
    } else if scalar == "<" || text.count > Self.longestTag || (text.count == 2 && !Self.opens(scalar)) {
      tag = nil
      for inner in text.dropFirst() { read(inner) }
    }
  }

  private static func opens(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "/" || scalar == "!" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  /// Letters of scripts whose words have no spaces between them.
  private static func standsAlone(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3040...0x30FF, 0x31F0...0x31FF: true
    default: scalar.properties.isIdeographic
    }
  }

  private mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.isASCII {
      word.append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      word.append(contentsOf: Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
    }
  }

  private mutating func finish() {
    while word.last == UInt8(ascii: "'") { word.removeLast() }
    if !word.isEmpty { tokens.append(String(decoding: word, as: UTF8.self)) }
    word.removeAll(keepingCapacity: true)
  }

  mutating func finished() -> [String] {
    if let text = tag {
      tag = nil
      for inner in text.dropFirst() { read(inner) }
    }
    // The rest of an open bracket may have opened another one.
    if tag != nil { return finished() }
    finish()
    return tokens
  }
}
