/// The whole rows of a CSV file as text.
///
///     let table = try CSVTable("run/metrics.csv")
///     table.header            // ["step", "loss"]
///     table.rows[0]           // ["100", "0.1667"]
///
/// A file that ``CSVWriter`` wrote is read, and one that a spreadsheet saved: a row ends with a line feed, or a carriage
/// return and a line feed, outside quotes; a byte-order mark at the beginning and lines with nothing on them don't count.
/// A last row without its line feed is still being written, and left out.
public struct CSVTable: Sendable, Equatable {
  /// The names of the columns; empty for a file without a whole line.
  public let header: [String]
  /// The fields of each row after the header.
  public let rows: [[String]]

  /// A table of these columns and rows.
  public init(header: [String], rows: [[String]] = []) {
    self.header = header
    self.rows = rows
  }

  /// Reads a file; throws ``FileError``.
  public init(_ path: String) throws(FileError) {
    self.init(bytes: try InputFile(path).readAll())
  }

  /// Reads a file that must have these columns; throws ``CSVError``.
  public init(_ path: String, header: [String]) throws(CSVError) {
    do throws(FileError) { try self.init(path) } catch { throw .file(error) }
    guard self.header == header else {
      throw .wrongHeader(
        file: path, expected: header.joined(separator: ","), found: self.header.joined(separator: ","))
    }
  }

  init(bytes: [UInt8]) {
    var records: [[String]] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false, wasQuote = false, isBlank = true, hasReturn = false
    for byte in bytes.starts(with: Self.byteOrderMark) ? bytes[Self.byteOrderMark.count...] : bytes[...] {
      // A carriage return that no line feed follows is a character like any other.
      if hasReturn, byte != UInt8(ascii: "\n") {
        field.append(UInt8(ascii: "\r"))
        isBlank = false
      }
      hasReturn = false
      // A quote inside quotes ends them, unless another one follows.
      if byte == UInt8(ascii: "\"") {
        if wasQuote { field.append(byte) }
        wasQuote = isQuoted
        isQuoted.toggle()
        isBlank = false
        continue
      }
      wasQuote = false
      switch byte {
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
        isBlank = false
      case UInt8(ascii: "\r") where !isQuoted: hasReturn = true
      case UInt8(ascii: "\n") where !isQuoted:
        if !isBlank { records.append(fields + [String(decoding: field, as: UTF8.self)]) }
        (fields, field, isBlank) = ([], [], true)
      default:
        field.append(byte)
        isBlank = false
      }
    }
    header = records.first ?? []
    rows = Array(records.dropFirst())
  }

  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
}
