/// Splits a caption as METEOR does with `-norm`: punctuation by itself, hyphens between letters as spaces, the periods of
/// acronyms left out, lower case. It was observed, and follows the tokenizer of Moses in most.
struct MeteorNormalizer {
  /// Words whose period belongs to them, with true for those that ask for a number after it.
  let prefixes: [String: Bool]

  /// Takes the lines of METEOR's own list of such words.
  init(prefixes lines: some Sequence<Substring>) {
    var prefixes: [String: Bool] = [:]
    for line in lines where !line.isEmpty && !line.hasPrefix("#") {
      let parts = line.split(separator: " ")
      guard let word = parts.first else { continue }
      prefixes[String(word)] = parts.dropFirst().contains("#NUMERIC_ONLY#")
    }
    self.prefixes = prefixes
  }

  /// The words of a text.
  func words(_ text: String) -> [String] {
    var codes: [UInt32] = [0x20]
    codes += Self.mapped(text)
    codes.append(0x20)
    codes = Self.dotsParted(Self.parted(codes))
    let comma: [UInt32] = [0x20, 0x2C, 0x20]
    codes = Self.replaced(codes, 0x2C, by: comma, { !Self.isDigit($0) }, { !Self.isDigit($0) })
    codes = Self.replaced(codes, 0x2C, by: comma, Self.isDigit, { !Self.isDigit($0) })
    codes = Self.replaced(codes, 0x2C, by: comma, { !Self.isDigit($0) }, Self.isDigit)
    codes = Self.joined(codes, 0x2D, as: 0x2D)
    codes = Self.replaced(
      codes, 0x2D, by: [0x20], { Self.isAlphanumeric($0) || $0 == 0x2E }, Self.isAlphanumeric)
    let mark: [UInt32] = [0x20, 0x27, 0x20]
    codes = Self.replaced(codes, 0x27, by: mark, { !Self.isLetter($0) }, { !Self.isLetter($0) })
    codes = Self.replaced(codes, 0x27, by: mark, { !Self.isAlphanumeric($0) }, Self.isLetter)
    codes = Self.replaced(codes, 0x27, by: mark, Self.isLetter, { !Self.isLetter($0) })
    codes = Self.replaced(codes, 0x27, by: [0x20, 0x27], Self.isLetter, Self.isLetter)
    codes = Self.replaced(codes, 0x27, by: [0x20, 0x27], Self.isDigit, { $0 == 0x73 })
    return finished(codes.split(separator: 0x20).map(Array.init))
  }

  // MARK: Characters

  private static func isDigit(_ code: UInt32) -> Bool { (0x30...0x39).contains(code) }

  private static func isLetter(_ code: UInt32) -> Bool {
    switch code {
    case 0x41...0x5A, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x17E, 0x400...0x527, 0x1D00...0x1D7F,
      0xA640...0xA66E, 0xA67E...0xA697:
      true
    default: false
    }
  }

  private static func isAlphanumeric(_ code: UInt32) -> Bool { isLetter(code) || isDigit(code) }

  /// Marks of one kind as one character, and all white space as spaces.
  private static func mapped(_ text: String) -> [UInt32] {
    var codes: [UInt32] = []
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
        codes.append(0x20)
      case 0x60, 0x2018, 0x2019: codes.append(0x27)
      case 0x201C, 0x201D: codes.append(0x22)
      case 0x2013: codes += [0x20, 0x2D, 0x20]
      default: codes.append(scalar.value)
      }
    }
    return joined(codes, 0x27, as: 0x22)
  }

  /// Two of a character after one another as one.
  private static func joined(_ codes: [UInt32], _ code: UInt32, as other: UInt32) -> [UInt32] {
    var result: [UInt32] = []
    var place = 0
    while place < codes.count {
      if codes[place] == code, place + 1 < codes.count, codes[place + 1] == code {
        result.append(other)
        place += 2
      } else {
        result.append(codes[place])
        place += 1
      }
    }
    return result
  }

  /// Spaces around all but letters, digits and . ' , -
  private static func parted(_ codes: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for code in codes {
      let stays =
        isAlphanumeric(code) || code == 0x20 || code == 0x2E || code == 0x27 || code == 0x2C || code == 0x2D
      if stays { result.append(code) } else { result += [0x20, code, 0x20] }
    }
    return result
  }

  /// Spaces around two periods and more, which become one character each that no rule knows.
  private static func dotsParted(_ codes: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var place = 0
    while place < codes.count {
      var end = place
      while end < codes.count, codes[end] == 0x2E { end += 1 }
      if end - place > 1 {
        result += [0x20] + [UInt32](repeating: dot, count: end - place) + [0x20]
        place = end
      } else {
        result.append(codes[place])
        place += 1
      }
    }
    return result
  }

  private static let dot: UInt32 = 0xF_FFFF

  /// A character between two others as something else, from left to right; the one after it is not looked at again.
  private static func replaced(
    _ codes: [UInt32], _ code: UInt32, by other: [UInt32], _ before: (UInt32) -> Bool,
    _ after: (UInt32) -> Bool
  ) -> [UInt32] {
    guard codes.contains(code) else { return codes }
    var result: [UInt32] = []
    var place = 0
    while place < codes.count {
      result.append(codes[place])
      if place + 2 < codes.count, codes[place + 1] == code, before(codes[place]), after(codes[place + 2]) {
        result += other
        result.append(codes[place + 2])
        place += 3
      } else {
        place += 1
      }
    }
    return result
  }

  // MARK: Words

  /// The words with the periods at their ends parted or not, in lower case.
  private func finished(_ words: [[UInt32]]) -> [String] {
    var result: [String] = []
    func add(_ codes: some Sequence<UInt32>) {
      let codes = codes.map { $0 == Self.dot ? 0x2E : $0 }
      result.append(PTBScanner.lowercased(PTBScanner.string(codes)))
    }
    for (index, word) in words.enumerated() {
      guard word.count > 1, word.last == 0x2E else {
        add(word)
        continue
      }
      let start = word.dropLast()
      if start.contains(0x2E), start.contains(where: Self.isLetter) {
        add(word.filter { $0 != 0x2E })
        continue
      }
      let next = index + 1 < words.count ? words[index + 1].first : nil
      let numeric = prefixes[PTBScanner.string(start)]
      let holds =
        numeric == false || next.map { (0x61...0x7A).contains($0) } == true
        || (numeric == true && next.map(Self.isDigit) == true)
      if holds {
        add(word)
      } else {
        add(start)
        add([0x2E])
      }
    }
    return result
  }
}
