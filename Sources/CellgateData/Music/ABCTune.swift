import CellgateBasics
import CellgateFiles

/// A tune in ABC notation, read as far as needed to say whether it is one: its header, its notes, and how long its bars are.
///
///     let tune = try ABCTune("X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]\n")
///     print(tune.notes, tune.bars.count)   // 8 2
///
/// A tune is valid if it begins with `X:` and a number, `K:` ends its header, it has notes, everything in its body is ABC, and each
/// bar is as long as the meter says. A bar may be shorter at the beginning and the end of a part, as an upbeat and what
/// completes it are; parts end with double bars and repeats.
///
/// Source: https://abcnotation.com/wiki/abc:standard:v2.1.
public struct ABCTune: Sendable, Equatable {
  /// A bar: its duration in whole notes, and that of the meter in it, nil without a meter.
  public struct Bar: Sendable, Equatable {
    /// In whole notes.
    public var duration: Double
    /// In whole notes; nil where the meter is free.
    public var meter: Double?
  }

  /// A field of the header: its letter and what stands after the colon.
  public struct Field: Sendable, Equatable {
    /// "K".
    public let letter: Character
    /// "D minor".
    public let value: String
  }

  /// The fields of the header, in their order.
  public let header: [Field]
  /// Notes, chords counted once and rests not at all.
  public let notes: Int
  /// The bars, one after another; those without a note or rest are left out.
  public let bars: [Bar]

  /// Reads a tune; throws the first reason why it is not valid.
  public init(_ text: String) throws(ABCError) {
    var lines: [(number: Int, text: Substring)] = []
    for (place, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let plain = line.prefix { $0 != "%" }
      if plain.contains(where: { $0 != " " && $0 != "\t" }) { lines.append((place + 1, plain)) }
    }
    var header: [Field] = []
    var body = 0
    for (place, line) in lines.enumerated() {
      guard let field = Self.field(line.text) else {
        throw ABCError(
          line: line.number, reason: "expected a field of the header, K: being the last, found music")
      }
      if header.isEmpty,
        field.letter != "X" || !field.value.prefix(1).allSatisfy(\.isNumber) || field.value.isEmpty
      {
        throw ABCError(line: line.number, reason: "expected X: and a number first, found \(field.letter):")
      }
      header.append(field)
      body = place + 1
      if field.letter == "K" { break }
    }
    guard header.last?.letter == "K" else {
      throw ABCError(
        line: lines.last?.number ?? 1,
        reason: header.isEmpty
          ? "expected X: first, found nothing" : "expected K: at the end of the header, found none")
    }
    var reader = ABCReader(header: header)
    for line in lines[body...] { try reader.read(line.text, line: line.number) }
    reader.end()
    guard reader.notes > 0 else {
      throw ABCError(line: lines.last?.number ?? 1, reason: "expected notes, found none")
    }
    try reader.checkBars()
    (self.header, notes, bars) = (header, reader.notes, reader.bars.map(\.bar))
  }

  /// The field on a line, such as "K:D"; nil for a line of music.
  static func field(_ line: Substring) -> Field? {
    guard let letter = line.first, letter.isASCII, letter.isLetter, line.dropFirst().first == ":" else {
      return nil
    }
    // A repeat after a note, as in "A:|", is music.
    if line.dropFirst(2).first == "|" || line.dropFirst(2).first == ":" { return nil }
    return Field(letter: letter, value: String(line.dropFirst(2)).trimmed)
  }

  /// The tunes of a book: each begins with a line `X:`; what is before the first is left out.
  public static func texts(in book: String) -> [String] {
    var texts: [[Substring]] = []
    for line in book.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      if line.hasPrefix("X:") { texts.append([]) }
      if !texts.isEmpty { texts[texts.count - 1].append(line) }
    }
    return texts.map { $0.joined(separator: "\n") + "\n" }
  }

  /// How many tunes a book has and how many of them are valid, with what is wrong with the first that isn't.
  public static func check(_ book: String) -> (tunes: Int, valid: Int, firstError: ABCError?) {
    var (valid, first) = (0, ABCError?.none)
    let texts = texts(in: book)
    for text in texts {
      do throws(ABCError) {
        _ = try ABCTune(text)
        valid += 1
      } catch {
        if first == nil { first = error }
      }
    }
    return (texts.count, valid, first)
  }
}

/// Why a text is no valid tune in ABC notation.
public struct ABCError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line of the tune, from 1 on.
  public let line: Int
  /// What was expected and what was found.
  public let reason: String

  /// What is wrong in a line.
  public init(line: Int, reason: String) { (self.line, self.reason) = (line, reason) }

  /// "line 7: expected …".
  public var description: String { oneLine("line \(line): \(reason)") }
}
