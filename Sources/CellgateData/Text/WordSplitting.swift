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
  public func tokens(of text: some BidirectionalCollection<Unicode.Scalar>) -> [Token] {
    var tokens: [Token] = []
    forEachToken(of: text) { tokens.append($0) }
    return tokens
  }

  /// Calls `body` with each token of a text, as `tokens(of:)` gives them.
  func forEachToken<Text: BidirectionalCollection<Unicode.Scalar>>(of text: Text, _ body: (Token) -> Void) {
    var (place, isAfterSpace) = (text.startIndex, true)
    var spaces = 0
    while place < text.endIndex {
      let end: Text.Index
      switch text[place] {
      case "\n": end = text.index(after: place)
      case let scalar where Self.isSpace(scalar):
        text.formIndex(after: &place)
        (spaces, isAfterSpace) = (spaces + 1, true)
        continue
      case "<" where self == .punctuation && isAfterSpace:
        let run = Self.run(text, from: place)
        let inner = text[place..<run].dropFirst()
        end = inner.count > 1 && inner.last == ">" ? run : text.index(after: place)
      case _ where self == .spaces: end = Self.run(text, from: place)
      case let scalar:
        end = Self.isOfWord(scalar) ? Self.word(text, from: place) : Self.other(text, from: place)
      }
      var token = String.UnicodeScalarView()
      token.append(contentsOf: text[place..<end])
      body(Token(text: String(token), characters: spaces + token.count))
      isAfterSpace = text[place] == "\n"
      (place, spaces) = (end, 0)
    }
  }

  /// Where what stands without spaces ends.
  private static func run<Text: BidirectionalCollection<Unicode.Scalar>>(
    _ text: Text, from start: Text.Index
  ) -> Text.Index {
    text[start...].firstIndex(where: isSpace) ?? text.endIndex
  }

  /// Where a word ends.
  private static func word<Text: BidirectionalCollection<Unicode.Scalar>>(
    _ text: Text, from start: Text.Index
  ) -> Text.Index {
    var place = text.index(after: start)
    while place < text.endIndex {
      let isInner = ["'", "’", "-", "‐"].contains(text[place])
      let last = isInner ? text.index(after: place) : place
      guard last < text.endIndex, isOfWord(text[last]) else { break }
      place = text.index(after: last)
    }
    return place
  }

  /// Where a character ends that is of no word, with the marks and joiners that belong to it: an emoji of several scalars is one.
  private static func other<Text: BidirectionalCollection<Unicode.Scalar>>(
    _ text: Text, from start: Text.Index
  ) -> Text.Index {
    var place = text.index(after: start)
    if place < text.endIndex, isRegion(text[start]), isRegion(text[place]) { return text.index(after: place) }
    var last = text[start]
    while place < text.endIndex, !text[place].isASCII {
      let scalar = text[place]
      let isJoined = last == "\u{200D}" && !isSpace(scalar)
      guard isJoined || isMark(scalar) || scalar.properties.isEmojiModifier || scalar == "\u{200D}" else {
        break
      }
      last = scalar
      text.formIndex(after: &place)
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
