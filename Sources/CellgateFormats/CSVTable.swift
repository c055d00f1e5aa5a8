/// The whole rows of a CSV file as text, as ``CSVWriter`` writes them.
///
///     let table = try CSVTable("run/metrics.csv")
///     table.header            // ["step", "loss"]
///     table.rows[0]           // ["100", "0.1667"]
///
/// A last row without its line feed is still being written, and left out.
public struct CSVTable: Sendable, Equatable {
  /// The names of the columns; empty for a file without a whole line.
  public let header: [String]
  /// The fields of each row behind the header.
  public let rows: [[String]]

  /// Reads a file; throws ``FileError``.
  public init(_ path: String) throws(FileError) {
    self.init(bytes: try InputFile(path).readAll())
  }

  init(bytes: [UInt8]) {
    var records: [[String]] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false, wasQuote = false
    for byte in bytes {
      // A quote inside quotes ends them, unless another one follows.
      if byte == UInt8(ascii: "\"") {
        if wasQuote { field.append(byte) }
        wasQuote = isQuoted
        isQuoted.toggle()
        continue
      }
      wasQuote = false
      switch byte {
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
      case UInt8(ascii: "\n") where !isQuoted:
        if field.last == UInt8(ascii: "\r") { field.removeLast() }
        records.append(fields + [String(decoding: field, as: UTF8.self)])
        (fields, field) = ([], [])
      default: field.append(byte)
      }
    }
    header = records.first ?? []
    rows = Array(records.dropFirst())
  }
}
