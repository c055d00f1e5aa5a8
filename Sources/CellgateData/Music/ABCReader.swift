import CellgateBasics
import CellgateFiles

/// Reads the body of a tune in ABC notation: its notes and bars.
struct ABCReader {
  /// A bar, the line that it ends on, and whether a part begins before it or ends after it.
  struct PlacedBar {
    var bar: ABCTune.Bar
    var line: Int
    var beginsPart: Bool
    var endsPart: Bool
  }

  private(set) var bars: [PlacedBar] = []
  private(set) var notes = 0
  /// The meter and the duration of a note without a number, in whole notes.
  private var meter: Double?
  /// Whether beats have three parts, as in 6/8.
  private var isCompound = false
  private var unit = 0.125
  private var hasUnit = false
  private var duration = 0.0
  private var isEmpty = true
  private var beginsPart = true
  /// The last note's duration, which a broken rhythm changes, and by what the next one is multiplied.
  private var last = 0.0, nextFactor = 1.0
  /// Notes that are left of a tuplet, and by what each is multiplied.
  private var tuplet = (left: 0, factor: 1.0)
  private var line = 1

  init(header: [ABCTune.Field]) {
    for field in header { take(field) }
  }

  // MARK: Fields

  private mutating func take(_ field: ABCTune.Field) {
    let value = field.value.filter { $0 != " " }
    switch field.letter {
    case "M":
      switch value {
      case "C": meter = 1
      case "C|": meter = 1
      default: meter = Self.fraction(value[...])
      }
      let beats = Int(value.prefix { $0.isNumber }) ?? 0
      isCompound = beats > 3 && beats % 3 == 0 && value.hasSuffix("/8")
      if !hasUnit { unit = (meter ?? 1) < 0.75 ? 0.0625 : 0.125 }
    case "L":
      if let own = Self.fraction(value[...]) { (unit, hasUnit) = (own, true) }
    default: break
    }
  }

  /// "6/8", also "2+3/8"; nil for another text.
  private static func fraction(_ text: Substring) -> Double? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let below = Int(parts[1].prefix { $0.isNumber }), below > 0, below <= 256 else {
      return nil
    }
    let above = parts[0].filter { $0 != "(" && $0 != ")" }.split(separator: "+").map { Int($0) ?? 0 }
    let sum = above.reduce(0.0) { $0 + Double($1) }
    return sum > 0 && sum < 1000 ? sum / Double(below) : nil
  }

  // MARK: Music

  /// Reads a line of the body.
  mutating func read(_ text: Substring, line: Int) throws(ABCError) {
    self.line = line
    if let field = ABCTune.field(text) {
      take(field)
      if field.letter == "P" { finishBar(isPart: true) }
      return
    }
    var rest = text
    while let first = rest.first {
      switch first {
      case " ", "\t", "`", "\\", ")", "-", "y", "*", ";": rest.removeFirst()
      case ".", "~", "H", "L", "M", "O", "P", "S", "T", "u", "v", "J", "R": rest.removeFirst()
      case "\"": try skip(&rest, to: "\"", "a chord's name")
      // Alone at the end of a line it is an older sign for a line's break.
      case "!" where rest.dropFirst().allSatisfy({ $0 == " " || $0 == "\t" }): rest.removeFirst()
      case "!": try skip(&rest, to: "!", "a decoration")
      case "+": try skip(&rest, to: "+", "a decoration")
      case "{": try skip(&rest, to: "}", "grace notes")
      case "(": begin(&rest)
      case "<", ">": broken(&rest)
      case "|", ":": bar(&rest)
      case "[": try bracket(&rest)
      case "^", "_", "=", "A"..."G", "a"..."g", "z", "x", "Z": try note(&rest)
      default:
        throw ABCError(line: line, reason: "expected ABC notation, found '\(quotedName(String(first)))'")
      }
    }
  }

  private func skip(_ rest: inout Substring, to end: Character, _ what: String) throws(ABCError) {
    rest.removeFirst()
    guard let place = rest.firstIndex(of: end) else {
      throw ABCError(line: line, reason: "expected \(end) after \(what), found the end of the line")
    }
    rest = rest[rest.index(after: place)...]
  }

  private static func number(_ rest: inout Substring) -> Int? {
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest[digits.endIndex...]
    return Int(digits.prefix(4))
  }

  /// A tuplet such as "(3", or a slur.
  private mutating func begin(_ rest: inout Substring) {
    rest.removeFirst()
    guard let notes = Self.number(&rest), notes > 0 else { return }
    var time: Int?
    var count = notes
    if rest.first == ":" {
      rest.removeFirst()
      time = Self.number(&rest)
      if rest.first == ":" {
        rest.removeFirst()
        count = Self.number(&rest) ?? notes
      }
    }
    let usual: Int =
      switch notes {
      case 2, 4, 8: 3
      case 3, 6: 2
      default: isCompound ? 3 : 2
      }
    tuplet = (count, Double(time ?? usual) / Double(notes))
  }

  /// "A>B": the first takes half of the second, or more with more signs.
  private mutating func broken(_ rest: inout Substring) {
    let sign = rest.first ?? ">"
    var share = 1.0
    while rest.first == sign {
      rest.removeFirst()
      share /= 2
    }
    let (own, other) = sign == ">" ? (2 - share, share) : (share, 2 - share)
    duration += last * (own - 1)
    nextFactor = other
  }

  /// The digits of a length, such as "3", "/2", "3/2", "//".
  private func length(_ rest: inout Substring) -> Double {
    var value = Double(Self.number(&rest) ?? 1)
    var slashes = 0
    while rest.first == "/" {
      rest.removeFirst()
      slashes += 1
      if let below = Self.number(&rest), below > 0 {
        value /= Double(below)
      } else {
        value /= 2
      }
    }
    return value
  }

  /// A note or rest without its length; throws where there is none.
  private func head(_ rest: inout Substring) throws(ABCError) -> Character {
    rest = rest.drop { $0 == "^" || $0 == "_" || $0 == "=" }
    guard let letter = rest.first, "ABCDEFGabcdefgzxZ".contains(letter) else {
      throw ABCError(line: line, reason: "expected a note after an accidental, found none")
    }
    rest = rest.dropFirst().drop { $0 == "," || $0 == "'" }
    return letter
  }

  private mutating func note(_ rest: inout Substring) throws(ABCError) {
    let letter = try head(&rest)
    if letter == "Z" {
      // Whole bars of rest.
      let bars = length(&rest)
      add((meter ?? 1) * bars, of: meter.map { $0 * bars })
      return
    }
    if letter != "z", letter != "x" { notes += 1 }
    add(unit * length(&rest))
  }

  private mutating func add(_ value: Double, of meter: Double? = nil) {
    var value = value * nextFactor
    nextFactor = 1
    if tuplet.left > 0 {
      value *= tuplet.factor
      tuplet.left -= 1
    }
    last = value
    // Several bars of rest count as one.
    duration += meter == nil ? value : self.meter ?? value
    isEmpty = false
  }

  /// A chord "[CEG]2", a field "[M:3/4]", or a bar such as "[1" and "[|".
  private mutating func bracket(_ rest: inout Substring) throws(ABCError) {
    let inside = rest.dropFirst()
    if inside.first == "|" || inside.first.map({ $0.isNumber }) == true || inside.first == "\"" {
      bar(&rest)
      return
    }
    guard let end = inside.firstIndex(of: "]") else {
      throw ABCError(line: line, reason: "expected ] after [, found the end of the line")
    }
    let content = inside[..<end]
    rest = inside[inside.index(after: end)...]
    if let field = ABCTune.field(content) {
      take(field)
      return
    }
    var (chord, first) = (content, Double?.none)
    while let character = chord.first {
      if character == " " || character == "-" || character == "." || character == "(" || character == ")" {
        chord.removeFirst()
        continue
      }
      if character == "\"" || character == "!" {
        try skip(&chord, to: character, "a name")
        continue
      }
      _ = try head(&chord)
      let own = length(&chord)
      if first == nil { first = own }
    }
    guard let first else { throw ABCError(line: line, reason: "expected notes in a chord, found none") }
    notes += 1
    add(unit * first * length(&rest))
  }

  /// A bar line: any of | : [ ] and the number of an ending after it.
  private mutating func bar(_ rest: inout Substring) {
    var sign = rest.prefix { $0 == "|" || $0 == ":" || $0 == "]" }
    if sign.isEmpty { sign = rest.prefix(1) }
    rest = rest[sign.endIndex...]
    if sign.last == "|", rest.first == "]" {
      rest.removeFirst()
      finishBar(isPart: true)
      return
    }
    if rest.first == "[", let next = rest.dropFirst().first, next.isNumber || next == "\"" || next == "|" {
      rest.removeFirst()
      sign = "[|"
    }
    let digits = rest.prefix { $0.isNumber || $0 == "," || $0 == "-" }
    if let first = digits.first, first.isNumber {
      rest = rest[digits.endIndex...]
      finishBar(isPart: true)
      return
    }
    finishBar(isPart: sign != "|")
  }

  /// The bar before a bar line is over; a part may be, too.
  private mutating func finishBar(isPart: Bool) {
    if !isEmpty {
      bars.append(
        PlacedBar(
          bar: .init(duration: duration, meter: meter), line: line, beginsPart: beginsPart, endsPart: isPart))
      beginsPart = isPart
    } else if isPart {
      beginsPart = true
      if !bars.isEmpty { bars[bars.count - 1].endsPart = true }
    }
    (duration, isEmpty, tuplet.left, nextFactor) = (0, true, 0, 1)
  }

  /// The last bar needs no bar line.
  mutating func end() { finishBar(isPart: true) }

  /// Throws for the first bar that is longer than its meter, or shorter and neither at the beginning nor at the end of a part.
  func checkBars() throws(ABCError) {
    for (place, placed) in bars.enumerated() {
      guard let meter = placed.bar.meter, abs(placed.bar.duration - meter) > 1e-6 else { continue }
      if placed.bar.duration < meter, placed.beginsPart || placed.endsPart { continue }
      let (found, expected) = (placed.bar.duration / meter, placed.bar.duration > meter ? "at most " : "")
      throw ABCError(
        line: placed.line,
        reason:
          "bar \(place + 1): expected \(expected)one bar of the meter, found \(Double((found * 1000).rounded()) / 1000)"
      )
    }
  }
}
