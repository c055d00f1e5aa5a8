/// The rows of a CSV file with a known header, written as `CSVWriter` does or as RFC 4180 says.
///
/// A last line without a line break is left out: whoever writes the file has not finished it.
package struct CSVTable: Sendable {
  /// The file, as it was named.
  package let file: String
  /// The fields of each row.
  package let rows: [[String]]

  /// Reads a file; throws `file`, `wrongHeader`, or `badRow` when a row has more or fewer fields than the header.
  package init(_ path: String, header: [String]) throws(CSVError) {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    let records = Self.records(String(decoding: bytes, as: UTF8.self))
    guard records.first == header else {
      throw .wrongHeader(
        file: path, expected: header.joined(separator: ","),
        found: (records.first ?? []).joined(separator: ","))
    }
    for (index, record) in records.enumerated() where record.count != header.count {
      throw .badRow(
        file: path, row: index, expected: "\(header.count) fields", found: record.joined(separator: ","))
    }
    file = path
    rows = Array(records.dropFirst())
  }

  /// A field as a number, which may be NaN or infinite; `row` and `column` count from 0. Throws `badRow`.
  package func number(_ row: Int, _ column: Int) throws(CSVError) -> Double {
    let text = rows[row][column]
    guard let value = Double(text) else {
      throw .badRow(file: file, row: row + 1, expected: "a number", found: text)
    }
    return value
  }

  /// A field as a whole number of 0 or more; throws `badRow`.
  package func count(_ row: Int, _ column: Int) throws(CSVError) -> Int {
    let text = rows[row][column]
    guard let value = Int(text), value >= 0 else {
      throw .badRow(file: file, row: row + 1, expected: "a whole number", found: text)
    }
    return value
  }

  private static func records(_ text: String) -> [[String]] {
    var (records, record, field): ([[String]], [String], String.UnicodeScalarView) = ([], [], .init())
    var isQuoted = false
    var afterQuote = false
    for scalar in text.unicodeScalars {
      if scalar == "\"" {
        // Two quotes inside quotes stand for one.
        if !isQuoted, afterQuote { field.append(scalar) }
        isQuoted.toggle()
        afterQuote = !isQuoted
        continue
      }
      afterQuote = false
      if isQuoted {
        field.append(scalar)
      } else if scalar == "," || scalar == "\n" {
        record.append(String(field))
        field = .init()
        if scalar == "\n" {
          records.append(record)
          record = []
        }
      } else if scalar != "\r" {
        field.append(scalar)
      }
    }
    return records
  }
}
