import CellgateBasics

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
  /// The file has fewer whole rows than are to be kept.
  case missingRows(file: String, expected: Int, found: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
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
  public convenience init(creating path: String, header: [String]) throws(CSVError) {
    try self.init(continuing: path, as: CSVTable(header: header))
  }

  /// Goes on after the rows of `table`, as after a resume from a checkpoint: the file is replaced by them, whole or not
  /// at all, however they stood in it and whatever followed. Throws `CSVError.file`.
  public init(continuing path: String, as table: CSVTable) throws(CSVError) {
    let content = Data(([table.header] + table.rows).map(Self.line).joined().utf8)
    do throws(FileError) {
      try AtomicFile.write(content, to: path)
      file = try OutputFile(opening: path, flags: O_WRONLY | O_APPEND)
    } catch { throw .file(error) }
    header = table.header
    rows = table.rows.count
    size = content.count
  }

  /// Appends a row of as many fields as the header has; throws `CSVError.file`.
  public func append(_ fields: [String]) throws(CSVError) {
    require(fields.count == header.count, "CSVWriter: expected \(header.count) fields, found \(fields.count)")
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

  /// One row as text with its line feed, fields quoted where they hold a comma, a quote or a line break; an empty field
  /// that is alone too, for a line with nothing on it is no row.
  public static func line(_ fields: [String]) -> String {
    if fields == [""] { return "\"\"\n" }
    let quoted = fields.map { field in
      let needsQuotes = field.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
      return needsQuotes ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
    }
    return quoted.joined(separator: ",") + "\n"
  }
}
