/// Splits captions into tokens as pycocoevalcap does before it scores them: by the conventions of the Penn Treebank, in lower
/// case, without punctuation.
///
/// ```swift
/// PTBTokenizer().tokenize("A man's dog can't jump, won't sit.")    // "a man 's dog ca n't jump wo n't sit"
/// ```
///
/// pycocoevalcap calls Stanford's tokenizer with `-preserveLines -lowerCase` and drops tokens that are punctuation. What it gives
/// was observed and is given here, too: brackets as `-lrb-` and their like, which are not dropped, as pycocoevalcap looks for them
/// in upper case; euros as dollars; a sign of a half as `1/2`; no emoji and no other characters beyond the basic plane.
///
/// A token can have spaces in it: those of a tag such as `<p x="1">` stay, those of a fraction such as `1 1/2` or of a telephone
/// number become U+00A0. Any line break counts as a space: pycocoevalcap replaces newlines alone, and at others, such as U+2028,
/// shifts the captions that follow by a line.
public struct PTBTokenizer: Sendable {
  /// A tokenizer, which has no state.
  public init() {}

  /// The tokens that pycocoevalcap drops.
  private static func isDropped(_ token: Substring.UnicodeScalarView) -> Bool {
    guard token.count < 4, !token.isEmpty else { return false }
    // By code points: the Greek question mark is another character than the semicolon.
    let codes = token.map(\.value)
    return codes.count == 1 ? Self.signs.contains(codes[0]) : Self.doubled.contains(codes)
  }

  private static let signs = Set("'`.?!,:-;".unicodeScalars.map(\.value))
  private static let doubled = Set(["''", "``", "--", "..."].map { $0.unicodeScalars.map(\.value) })

  /// The tokens of a caption with a space between.
  public func tokenize(_ caption: String) -> String { tokenize(caption, before: []) }

  /// The tokens of each caption with a space between.
  ///
  /// They may be others than those of a caption by itself: pycocoevalcap gives Stanford's tokenizer all captions as one text, and
  /// that a letter with a period ends a line shows in what the next line begins with. "Vitamin K." is "vitamin k" before "The dog"
  /// and "vitamin k." before "Dogs".
  public func tokenize(_ captions: [String]) -> [String] {
    captions.indices.map { tokenize(captions[$0], before: captions[($0 + 1)...].prefix(16)) }
  }

  private func tokenize(_ caption: String, before others: ArraySlice<String>) -> String {
    var text = Self.all(caption, before: others).joined(separator: " ").unicodeScalars
    while let last = text.last, TokenizedCaption.isPythonSpace(last) { text.removeLast() }
    // Tokens with spaces in them are looked at in their parts, as pycocoevalcap does.
    return text[...].split(separator: " ", omittingEmptySubsequences: false)
      .filter { !Self.isDropped($0) }.map { String($0) }.joined(separator: " ")
  }

  /// The words of a caption: what stands between white space in its tokens.
  public func tokens(_ caption: String) -> [String] {
    tokenize(caption).unicodeScalars.split(whereSeparator: TokenizedCaption.isPythonSpace).map { String($0) }
  }

  /// All tokens, punctuation too, in lower case.
  static func all(_ caption: String, before others: ArraySlice<String> = []) -> [String] {
    var scanner = PTBScanner(caption, before: others)
    var tokens: [String] = []
    while let token = scanner.next() { tokens.append(token) }
    return tokens
  }
}
