/// How the words of a text are found.
public enum WordSplitting: String, Sendable, CaseIterable {
  /// Runs of letters, digits and marks are words, with apostrophes and hyphens inside of them; every other character that is
  /// no space is a token of its own; what stands between spaces in angle brackets, such as `<unk>`, stays whole. Case is kept.
  /// Languages that are written without spaces have no words of this kind: they are better learned in pieces.
  case punctuation
  /// Whatever stands between spaces is a word.
  case spaces

  /// A word of a text, or another token.
  public struct Token: Sendable, Equatable {
    /// The word; a newline is one too, by which a line ends.
    public var text: String
    /// Characters from the end of the token before to the end of this one, spaces included.
    public var characters: Int
  }

  /// The tokens of a text in their order. Spaces, tabs and the like separate and are no tokens; of those at the end of a text
  /// nothing is left.
  public func tokens(of text: some Sequence<Unicode.Scalar>) -> [Token] {
    let text = Array(text)
    var tokens: [Token] = []
    var (place, covered) = (0, 0)
    while place < text.count {
      let end: Int
      switch text[place] {
      case "\n": end = place + 1
      case let scalar where Self.isSpace(scalar):
        place += 1
        continue
      case "<" where self == .punctuation && (place == 0 || Self.isSpace(text[place - 1])):
        let run = Self.run(text, from: place)
        let isWhole = run > place + 2 && text[run - 1] == ">"
        end = isWhole ? run : place + 1
      case _ where self == .spaces: end = Self.run(text, from: place)
      case let scalar:
        end = Self.isOfWord(scalar) ? Self.word(text, from: place) : Self.other(text, from: place)
      }
      var token = String.UnicodeScalarView()
      token.append(contentsOf: text[place..<end])
      tokens.append(Token(text: String(token), characters: end - covered))
      (place, covered) = (end, end)
    }
    return tokens
  }

  /// Where what stands without spaces ends.
  private static func run(_ text: [Unicode.Scalar], from start: Int) -> Int {
    text[start...].firstIndex(where: isSpace) ?? text.count
  }

  /// Where a word ends.
  private static func word(_ text: [Unicode.Scalar], from start: Int) -> Int {
    var place = start + 1
    while place < text.count {
      let isInner = ["'", "’", "-", "‐"].contains(text[place])
      let last = isInner ? place + 1 : place
      guard last < text.count, isOfWord(text[last]) else { break }
      place = last + 1
    }
    return place
  }

  /// Where a character ends that is of no word, with the marks and joiners that belong to it: an emoji of several scalars is one.
  private static func other(_ text: [Unicode.Scalar], from start: Int) -> Int {
    var place = start + 1
    if place < text.count, isRegion(text[start]), isRegion(text[place]) { return place + 1 }
    while place < text.count, !text[place].isASCII {
      if text[place - 1] == "\u{200D}", !isSpace(text[place]) {
        place += 1
        continue
      }
      guard isMark(text[place]) || text[place].properties.isEmojiModifier || text[place] == "\u{200D}" else {
        break
      }
      place += 1
    }
    return place
  }

  /// The letters of which two are a flag.
  private static func isRegion(_ scalar: Unicode.Scalar) -> Bool {
    (0x1F1E6...0x1F1FF).contains(scalar.value)
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII
      ? scalar == " " || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }

  static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
    guard !scalar.isASCII else {
      return switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9": true
      default: false
      }
    }
    return scalar.properties.isAlphabetic || scalar.properties.numericType != nil || isMark(scalar)
  }

  /// Whether a space stands between two tokens when they are written.
  func needsSpace(between first: String, and second: String) -> Bool {
    guard first != "\n", second != "\n" else { return false }
    return self == .spaces || !(Self.opens(first) || Self.closes(second))
  }

  private static func closes(_ token: String) -> Bool {
    guard let scalar = only(token) else { return false }
    switch scalar.properties.generalCategory {
    case .closePunctuation, .finalPunctuation: return true
    default: return ".,;:!?%…。、，！？：；".unicodeScalars.contains(scalar)
    }
  }

  private static func opens(_ token: String) -> Bool {
    guard let scalar = only(token) else { return false }
    switch scalar.properties.generalCategory {
    case .openPunctuation, .initialPunctuation: return true
    default: return scalar == "¿" || scalar == "¡"
    }
  }

  private static func only(_ token: String) -> Unicode.Scalar? {
    token.unicodeScalars.count == 1 ? token.unicodeScalars.first : nil
  }
}
