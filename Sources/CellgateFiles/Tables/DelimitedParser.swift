/// Cuts bytes that come piece by piece into the rows of a CSV or TSV text.
///
/// A quote counts where a field begins with it; a doubled one inside is one. A row ends with a line feed, or a carriage return
/// and a line feed, outside quotes; the last one may end with the text. A byte-order mark in front and lines with nothing on them
/// don't count. Source: https://www.rfc-editor.org/rfc/rfc4180
struct DelimitedParser {
  /// The fields of one row, one after the other.
  struct Row {
    /// The fields' bytes without quotes and delimiters.
    var bytes: [UInt8] = []
    /// Where each field ends in `bytes`.
    var ends: [Int] = []
    /// The line on which it begins, from 1.
    var line = 1

    /// Field `index`.
    func field(_ index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }
    /// Field `index` as text.
    func text(_ index: Int) -> String { String(decoding: field(index), as: UTF8.self) }
  }

  private enum Place { case start, plain, quoted, closed }

  private let file: String
  private let delimiter: UInt8
  private let hasQuotes: Bool
  private var row = Row()
  private var place = Place.start
  /// The line that is read.
  private var line = 1
  /// Where the last quote opened.
  private var opening = (line: 0, column: 0)
  private var hasReturn = false
  /// Whether nothing stands on the line as yet.
  private var isBlank = true
  private var isFirst = true

  init(file: String, delimiter: UInt8, hasQuotes: Bool) {
    (self.file, self.delimiter, self.hasQuotes) = (file, delimiter, hasQuotes)
  }

  /// Reads the next bytes and gives each row that ends in them, until `body` returns false; whether it goes on.
  mutating func read(
    _ piece: ArraySlice<UInt8>, _ body: (Row) throws(TableError) -> Bool
  ) throws(TableError) -> Bool {
    var piece = piece
    if isFirst, !piece.isEmpty {
      isFirst = false
      if piece.starts(with: [0xEF, 0xBB, 0xBF]) { piece = piece.dropFirst(3) }
      if piece.starts(with: [0xFF, 0xFE]) || piece.starts(with: [0xFE, 0xFF]) {
        throw .notText(
          file: file, line: 1, reason: "UTF-16; convert it, such as with: iconv -f UTF-16 -t UTF-8")
      }
    }
    for byte in piece {
      if hasReturn {
        hasReturn = false
        if byte != 0x0A {
          // A carriage return alone is a character like any other.
          if place == .closed { throw afterQuote(0x0D) }
          row.bytes.append(0x0D)
          (place, isBlank) = (.plain, false)
        }
      }
      switch byte {
      case 0x22 where place == .quoted: place = .closed
      case 0x22 where place == .closed:
        row.bytes.append(byte)
        place = .quoted
      case 0x22 where place == .start && hasQuotes:
        opening = (line, row.ends.count + 1)
        (place, isBlank) = (.quoted, false)
      case delimiter where place != .quoted:
        row.ends.append(row.bytes.count)
        (place, isBlank) = (.start, false)
      case 0x0D where place != .quoted: hasReturn = true
      case 0x0A:
        line += 1
        if place == .quoted {
          row.bytes.append(byte)
        } else if try !endRow(body) {
          return false
        }
      case 0: throw .notText(file: file, line: line, reason: "a zero byte")
      default:
        if place == .closed { throw afterQuote(byte) }
        row.bytes.append(byte)
        if place == .start { place = .plain }
        isBlank = false
      }
    }
    return true
  }

  /// Gives the last row where no line feed ends it; throws `openQuote`.
  mutating func end(_ body: (Row) throws(TableError) -> Bool) throws(TableError) {
    if place == .quoted { throw .openQuote(file: file, line: opening.line, column: opening.column) }
    line += 1
    _ = try endRow(body)
  }

  private mutating func endRow(_ body: (Row) throws(TableError) -> Bool) throws(TableError) -> Bool {
    var goesOn = true
    if !isBlank {
      row.ends.append(row.bytes.count)
      goesOn = try body(row)
    }
    row.bytes.removeAll(keepingCapacity: true)
    row.ends.removeAll(keepingCapacity: true)
    row.line = line
    (place, isBlank, hasReturn) = (.start, true, false)
    return goesOn
  }

  private func afterQuote(_ byte: UInt8) -> TableError {
    .afterQuote(
      file: file, line: line, column: row.ends.count + 1, found: String(decoding: [byte], as: UTF8.self))
  }
}
