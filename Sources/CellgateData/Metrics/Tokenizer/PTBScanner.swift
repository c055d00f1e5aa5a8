/// Finds the tokens of a text one after another: of all rules that match at a place the one that reaches farthest wins, and of
/// equal ones the first. Some rules look at what follows their token, which counts for how far they reach.
///
/// The rules were made from what Stanford's tokenizer 3.4.1 answers to a million short texts; their names are ours.
struct PTBScanner {
  /// The text, with a line break at its end, and each character's kind.
  let text: [UInt32]
  let kinds: [PTBCharacter]
  private let end: Int
  private var place = 0

  /// The tokens of a caption, which are found with a look at the captions that follow it: they are lines of one text.
  init(_ caption: String, before others: ArraySlice<String> = []) {
    var text: [UInt32] = []
    var kinds: [PTBCharacter] = []
    func append(_ scalars: some Sequence<Unicode.Scalar>) {
      for scalar in scalars {
        text.append(Self.isBreak(scalar.value) ? 0x20 : scalar.value)
        kinds.append(.of(scalar))
      }
      text.append(0x0A)
      kinds.append(.none)
    }
    append(caption.unicodeScalars)
    end = text.count - 1
    // As far as the longest word at which it is looked.
    for other in others where text.count < end + 24 { append(other.unicodeScalars.prefix(24)) }
    (self.text, self.kinds) = (text, kinds)
  }

  /// What ends a line for the tokenizer.
  static func isBreak(_ code: UInt32) -> Bool {
    (0x0A...0x0D).contains(code) || code == 0x2028 || code == 0x2029
  }

  private static func isSpace(_ code: UInt32) -> Bool {
    code == 0x20 || code == 0x09 || code == 0xA0 || (0x2000...0x200A).contains(code) || code == 0x3000
  }

  /// The next token, in lower case; nil at the end.
  mutating func next() -> String? {
    while place < end {
      var rules = PTBRules(text: text, kinds: kinds, start: place)
      rules.match()
      guard rules.length > 0 else {
        // White space goes as a whole, before what could begin with a space that does not break.
        repeat { place += 1 } while place < end && Self.isSpace(text[place - 1]) && Self.isSpace(text[place])
        continue
      }
      let token = rules.token ?? Self.string(text[place..<place + rules.length])
      place += rules.length
      let lower = Self.lowercased(token)
      if !lower.isEmpty { return lower }
    }
    return nil
  }

  static func string(_ codes: some Sequence<UInt32>) -> String {
    var view = String.UnicodeScalarView()
    for code in codes { if let scalar = Unicode.Scalar(code) { view.append(scalar) } }
    return String(view)
  }

  /// Lower case as Java has it, where a sigma at a word's end is another one.
  static func lowercased(_ token: String) -> String {
    guard token.utf8.contains(where: { $0 >= 0x80 || (0x41...0x5A).contains($0) }) else { return token }
    var view = String.UnicodeScalarView()
    let scalars = Array(token.unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      if scalar == "Σ" {
        let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
        let after =
          scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
        view.append(before && !after ? "ς" : "σ")
      } else {
        view.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return String(view)
  }
}
