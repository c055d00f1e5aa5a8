import Foundation

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What is wrong with a CSV file that is to be continued, or its writing.
public enum CSVError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The first line is not the header of the rows to come.
  case wrongHeader(file: String, expected: String, found: String)
  /// The file has fewer whole rows than shall be kept.
  case missingRows(file: String, expected: Int, found: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .wrongHeader(let file, let expected, let found):
      "\(file): expected the header \(quotedName(expected)), found \(quotedName(found))"
    case .missingRows(let file, let expected, let found):
      "\(file): expected at least \(expected) rows, found \(found)"
    }
  }
}

/// Appends rows to a CSV file with a fixed header; a row is in the file when `append` returns.
///
///     let metrics = try CSVWriter(creating: "run/metrics.csv", header: ["step", "loss"])
///     try metrics.append(["100", "0.1667"])
///
/// Fields are quoted as in RFC 4180 where they need it; lines end with a line feed. A row that could not be
/// written whole is cut off again.
public final class CSVWriter {
  /// The names of the columns.
  public let header: [String]
  /// Rows in the file, the header not counted.
  public private(set) var rows: Int
  private let file: OutputFile
  private var size: Int

  /// Starts a file with its header, replacing an old one; throws `CSVError.file`.
  public init(creating path: String, header: [String]) throws(CSVError) {
    let line = Self.line(header)
    do throws(FileError) {
      try AtomicFile.write(Data(line.utf8), to: path)
      file = try OutputFile(opening: path, flags: O_WRONLY | O_APPEND)
    } catch { throw .file(error) }
    self.header = header
    rows = 0
    size = line.utf8.count
  }

  /// Continues a file behind its first `rows` rows and cuts off the rest, as after a resume from a checkpoint;
  /// throws `wrongHeader` or `missingRows` and leaves the file as it was.
  public init(continuing path: String, header: [String], keeping rows: Int) throws(CSVError) {
    precondition(rows >= 0, "a file has no negative count of rows")
    let content: [UInt8]
    do throws(FileError) { content = try InputFile(path).readAll() } catch { throw .file(error) }
    let ends = Self.recordEnds(content)
    let first = content[..<(ends.first ?? content.count)]
    guard !ends.isEmpty, Self.isLine(first, header) else {
      let found = String(decoding: first, as: UTF8.self).trimmingCharacters(in: .newlines)
      let expected = Self.line(header).trimmingCharacters(in: .newlines)
      throw .wrongHeader(file: path, expected: expected, found: found)
    }
    guard ends.count > rows else {
      throw .missingRows(file: path, expected: rows, found: ends.count - 1)
    }
    self.header = header
    self.rows = rows
    size = ends[rows]
    do throws(FileError) {
      file = try OutputFile(opening: path, flags: O_WRONLY | O_APPEND)
      try file.truncate(to: size)
    } catch { throw .file(error) }
  }

  /// Appends a row of as many fields as the header has; throws `CSVError.file`.
  public func append(_ fields: [String]) throws(CSVError) {
    precondition(fields.count == header.count, "\(fields.count) fields for \(header.count) columns")
    let line = Self.line(fields)
    do throws(FileError) {
      try file.write(line)
    } catch {
      try? file.truncate(to: size)
      throw .file(error)
    }
    rows += 1
    size += line.utf8.count
  }

  /// Waits until all rows are on the disk; throws `CSVError.file`.
  public func sync() throws(CSVError) {
    do throws(FileError) { try file.sync() } catch { throw .file(error) }
  }

  /// One row as text with its line feed, fields quoted where they hold a comma, a quote or a line break.
  public static func line(_ fields: [String]) -> String {
    let quoted = fields.map { field in
      let needsQuotes = field.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
      return needsQuotes ? "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : field
    }
    return quoted.joined(separator: ",") + "\n"
  }

  /// The offsets behind each whole record; line breaks inside quotes end none.
  private static func recordEnds(_ content: [UInt8]) -> [Int] {
    var ends: [Int] = []
    var isQuoted = false
    for (offset, byte) in content.enumerated() {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if byte == UInt8(ascii: "\n"), !isQuoted { ends.append(offset + 1) }
    }
    return ends
  }

  /// True when a record is the line of these fields, ended by LF or CRLF.
  private static func isLine(_ record: ArraySlice<UInt8>, _ fields: [String]) -> Bool {
    let line = Array(line(fields).utf8)
    return Array(record) == line || Array(record) == line.dropLast() + [0x0D, 0x0A]
  }
}
