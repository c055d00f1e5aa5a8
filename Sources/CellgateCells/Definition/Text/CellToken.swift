import CellgateFiles

/// A word of a cell's text.
enum CellToken: Equatable {
  /// What stands after a name.
  enum Mark: Equatable {
    case none
    /// ₜ and ₜ₋₁.
    case now, before
    /// ₜ₋₂ and further back.
    case earlier(Int)
    case primes(Int)
  }

  case name(String, Mark, isQuoted: Bool)
  case number(Double)
  /// An operator in the printer's spelling, or one of `( ) , =`.
  case sign(Unicode.Scalar)
  /// The end of the line, or a comment.
  case end
}

extension CellToken: CustomStringConvertible {
  /// What a message calls the token.
  var description: String {
    switch self {
    case .name(let name, let mark, _):
      switch mark {
      case .none: "'\(quotedName(name))'"
      case .now: "'\(quotedName(name))\(Notation.now)'"
      case .before: "'\(quotedName(name))\(Notation.before)'"
      case .earlier(let steps): "'\(quotedName(name))\(Notation.earlier(steps))'"
      case .primes(let count): "'\(quotedName(name))\(String(repeating: "′", count: min(count, 9)))'"
      }
    case .number(let value): "the number \(Notation.written(value))"
    case .sign(let sign): "'\(sign)'"
    case .end: "the end of the line"
    }
  }
}

extension CellTextReader {
  /// The scalar at the position, or further on in the line.
  func scalar(ahead count: Int = 0) -> Unicode.Scalar? {
    let line = lines[position.line], index = position.scalar + count
    return index < line.count ? line[index] : nil
  }

  mutating func skipSpaces() {
    while let next = scalar(), next.properties.isWhitespace { position.scalar += 1 }
  }

  /// Whether nothing but spaces and a comment is left in the line.
  mutating func isBlank() -> Bool {
    skipSpaces()
    return scalar() == nil || scalar() == "#"
  }

  /// Reads the next token of the line.
  mutating func advance() throws(CellTextError) {
    skipSpaces()
    start = position
    guard let first = scalar(), first != "#" else {
      token = .end
      return
    }
    if first == "`" {
      let name = try readQuoted()
      token = .name(name, readMark(), isQuoted: true)
    } else if Notation.startsName(first) {
      var name = readScalars(Notation.continuesName)
      let mark = readSubscript(of: &name) ?? readMark()
      token = .name(name, mark, isQuoted: false)
    } else if ("0"..."9").contains(first) || first == "." {
      token = .number(try readNumber())
    } else if let sign = Notation.sign(first)?.sign ?? ("(),=^".unicodeScalars.contains(first) ? first : nil)
    {
      position.scalar += 1
      token = .sign(sign)
    } else {
      throw mistake(
        .unexpected(
          found: "the character '\(quotedName(String(first)))'", expected: "a name, a number or an operator"))
    }
  }

  /// Scalars as long as they belong to the word.
  mutating func readScalars(_ belongs: (Unicode.Scalar) -> Bool) -> String {
    var view = String.UnicodeScalarView()
    while let next = scalar(), belongs(next) {
      view.append(next)
      position.scalar += 1
    }
    return String(view)
  }

  /// A name in backticks.
  mutating func readQuoted() throws(CellTextError) -> String {
    let opening = position
    position.scalar += 1
    let name = readScalars { $0 != "`" }
    guard scalar() == "`" else {
      throw mistake(
        .unexpected(found: "the end of the line", expected: "a '`' that ends the name"), at: opening)
    }
    position.scalar += 1
    return name
  }

  private mutating func readMark() -> CellToken.Mark {
    let count = readPrimes()
    if count > 0 { return .primes(count) }
    let rest = lines[position.line][position.scalar...]
    guard rest.starts(with: Notation.now.unicodeScalars) else { return .none }
    // ₜ, ₋ and the digits of a distance.
    let digits = rest.dropFirst(2).prefix(while: { Notation.digit($0) != nil }).prefix(9)
    if let mark = Self.mark(rest.dropFirst().first == "₋" ? digits.compactMap(Notation.digit) : []) {
      position.scalar += 2 + digits.count
      return mark
    }
    position.scalar += 1
    return .now
  }

  /// The mark of a state so many steps back.
  private static func mark(_ digits: [Unicode.Scalar]) -> CellToken.Mark? {
    guard let steps = Int(String(String.UnicodeScalarView(digits))), steps > 0 else { return nil }
    return steps == 1 ? .before : .earlier(steps)
  }

  /// What LaTeX writes for ₜ and ₜ₋₁ after a name that ends with its underscore: `{t}`, `{t-1}`, `{t-2}`, ….
  private mutating func readSubscript(of name: inout String) -> CellToken.Mark? {
    guard name.count > 1, name.hasSuffix("_") else { return nil }
    let rest = lines[position.line][position.scalar...]
    guard rest.starts(with: "{t".unicodeScalars) else { return nil }
    let tail = rest.dropFirst(2)
    if tail.first == "}" {
      position.scalar += 3
      name.removeLast()
      return .now
    }
    let digits = tail.dropFirst().prefix(while: { ("0"..."9").contains($0) }).prefix(9)
    guard tail.first == "-" || tail.first == Notation.minus, tail.dropFirst(1 + digits.count).first == "}",
      let mark = Self.mark(Array(digits))
    else { return nil }
    position.scalar += 4 + digits.count
    name.removeLast()
    return mark
  }

  /// How many primes follow.
  mutating func readPrimes() -> Int {
    readScalars { $0 == Notation.prime || Notation.primeAliases.contains($0) }.unicodeScalars.count
  }

  private mutating func readNumber() throws(CellTextError) -> Double {
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }
    var text = readScalars(isDigit)
    if scalar() == "." {
      position.scalar += 1
      text += "." + readScalars(isDigit)
    }
    if scalar() == "e" || scalar() == "E" {
      let hasSign = scalar(ahead: 1) == "-" || scalar(ahead: 1) == "+"
      if isDigit(scalar(ahead: hasSign ? 2 : 1)) {
        text += hasSign && scalar(ahead: 1) == "-" ? "e-" : "e"
        position.scalar += hasSign ? 2 : 1
        text += readScalars(isDigit)
      }
    }
    // "1." and ".5" are numbers too.
    let whole = (text.hasPrefix(".") ? "0" : "") + text.replacing(".e", with: ".0e")
    guard let value = Double(whole.hasSuffix(".") ? whole + "0" : whole), text != ".",
      Float(value).isFinite
    else {
      throw mistake(
        .unexpected(found: "'\(quotedName(text))'", expected: "a number within Float32's range"))
    }
    return value
  }
}
