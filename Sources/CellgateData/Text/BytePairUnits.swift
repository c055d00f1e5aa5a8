/// The parts of a text within which pieces lie. One after the other they are the text.
enum BytePairUnits {
  /// The most characters of a unit.
  static let mostCharacters = 48

  private enum Kind { case word, number, space, other }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    if WordSplitting.isSpace(scalar) { return .space }
    if scalar.isASCII ? (0x30...0x39).contains(scalar.value) : scalar.properties.numericType != nil {
      return .number
    }
    return WordSplitting.isOfWord(scalar) ? .word : .other
  }

  /// The bytes of each unit: a run of letters, of digits or of other characters, with the space before it; or a run of spaces.
  static func forEach(of text: some Sequence<Unicode.Scalar>, _ body: ([UInt8]) -> Void) {
    var (unit, count): ([UInt8], Int) = ([], 0)
    var kind: Kind?
    func finish() {
      if !unit.isEmpty { body(unit) }
      unit.removeAll(keepingCapacity: true)
      count = 0
    }
    for scalar in text {
      let own = Self.kind(scalar)
      if own != kind || count == mostCharacters {
        // The last space before a word goes with it.
        let takesSpace = kind == .space && own != .space && unit.last == 0x20
        if takesSpace { unit.removeLast() }
        finish()
        if takesSpace {
          unit.append(0x20)
          count = 1
        }
        kind = own
      }
      if scalar.isASCII {
        unit.append(UInt8(truncatingIfNeeded: scalar.value))
      } else {
        // Every scalar has an encoding in UTF-8.
        unit.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
      count += 1
    }
    finish()
  }
}
