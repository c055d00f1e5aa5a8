/// How the words of translations are found before they are compared.
public enum TranslationTokenizer: String, Sendable, CaseIterable {
  /// As the script mteval-v13a of WMT finds them, which is sacreBLEU's default: punctuation and symbols of ASCII are words,
  /// a point or a comma within a number is not, and the entities `&quot;`, `&amp;`, `&lt;` and `&gt;` are read.
  case mteval13a = "13a"
  /// What stands between spaces is a word.
  case none

  /// The words of a sentence.
  package func words(of text: String) -> [String] {
    var scalars = Array(text.unicodeScalars)
    if self == .mteval13a { scalars = Self.separated(scalars) }
    return scalars.split(whereSeparator: TokenizedCaption.isPythonSpace).map { word in
      var text = String.UnicodeScalarView()
      text.append(contentsOf: word)
      return String(text)
    }
  }

  /// The sentence with spaces around each word.
  private static func separated(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var line = text
    while let last = line.last, TokenizedCaption.isPythonSpace(last) { line.removeLast() }
    line = replaced(line, "<skipped>", with: "")
    line = replaced(replaced(line, "-\n", with: ""), "\n", with: " ")
    if line.contains("&") {
      for (entity, mark) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        line = replaced(line, entity, with: mark)
      }
    }
    line = [" "] + line + [" "]
    var marked: [Unicode.Scalar] = []
    marked.reserveCapacity(line.count * 2)
    for scalar in line { marked += isMark(scalar) ? [" ", scalar, " "] : [scalar] }
    // Points and commas, first of those that follow no digit, then of those that none follows; then dashes after digits.
    marked = spaced(marked, before: { !isDigit($0) }, after: isPoint) { [$0, " ", $1, " "] }
    marked = spaced(marked, before: isPoint, after: { !isDigit($0) }) { [" ", $0, " ", $1] }
    return spaced(marked, before: isDigit, after: { $0 == "-" }) { [$0, " ", $1, " "] }
  }

  /// Puts `change` in the place of pairs, from the left, of which none overlaps the one before.
  private static func spaced(
    _ text: [Unicode.Scalar], before: (Unicode.Scalar) -> Bool, after: (Unicode.Scalar) -> Bool,
    _ change: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var place = 0
    while place < text.count {
      if place + 1 < text.count, before(text[place]), after(text[place + 1]) {
        result += change(text[place], text[place + 1])
        place += 2
      } else {
        result.append(text[place])
        place += 1
      }
    }
    return result
  }

  private static func replaced(
    _ text: [Unicode.Scalar], _ part: String, with other: String
  ) -> [Unicode.Scalar] {
    let part = Array(part.unicodeScalars)
    guard text.contains(part[0]) else { return text }
    var result: [Unicode.Scalar] = []
    var place = 0
    while place < text.count {
      if text[place...].starts(with: part) {
        result += other.unicodeScalars
        place += part.count
      } else {
        result.append(text[place])
        place += 1
      }
    }
    return result
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isPoint(_ scalar: Unicode.Scalar) -> Bool { scalar == "." || scalar == "," }

  /// Punctuation and symbols of ASCII, without the apostrophe, comma, dash and point.
  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case " "..."&", "("..."+", "/", ":"..."@", "["..."`", "{"..."~": true
    default: false
    }
  }

  /// A text in small letters as Python's `lower` writes it: a sigma that ends a word is the final one.
  static func lowercased(_ text: String) -> String {
    guard text.unicodeScalars.contains("Σ") else { return text.lowercased() }
    let scalars = Array(text.unicodeScalars)
    var result = ""
    for (place, scalar) in scalars.enumerated() {
      guard scalar == "Σ" else {
        result += scalar.properties.lowercaseMapping
        continue
      }
      let before = scalars[..<place].last { !$0.properties.isCaseIgnorable }
      let after = scalars[(place + 1)...].first { !$0.properties.isCaseIgnorable }
      let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
      result += isFinal ? "ς" : "σ"
    }
    return result
  }
}
