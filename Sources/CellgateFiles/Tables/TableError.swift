/// What is wrong with a table of the user's own.
public enum TableError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// A gzipped file is damaged.
  case gzip(GzipError)
  /// Nothing, or a header alone.
  case noRows(file: String, found: String)
  /// The bytes are no text.
  case notText(file: String, line: Int, reason: String)
  /// A row has more or fewer fields than the header, or the first row, has.
  case fieldCount(file: String, line: Int, expected: Int, found: Int)
  /// A quote that opens in a field never closes.
  case openQuote(file: String, line: Int, column: Int)
  /// Something follows the quote that closes a field.
  case afterQuote(file: String, line: Int, column: Int, found: String)
  /// A value is not what is asked for.
  case value(file: String, line: Int, column: String, expected: String, found: String)
  /// Two columns have one name.
  case sameName(file: String, name: String)
  /// There is no such column.
  case noColumn(file: String, name: String, known: [String])
  /// A line is no JSON object.
  case json(JSONError)

  /// One line naming the file, the line and the column, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .gzip(let error): error.description
    case .noRows(let file, let found): "\(file): expected rows of a table, found \(found)"
    case .notText(let file, let line, let reason):
      "\(file): line \(line): expected UTF-8 text, found \(reason)"
    case .fieldCount(let file, let line, let expected, let found):
      "\(file): line \(line): expected \(expected) fields as in the first line, found \(found)"
    case .openQuote(let file, let line, let column):
      "\(file): line \(line), column \(column): expected the quote that opens here to close, "
        + "found the end of the file"
    case .afterQuote(let file, let line, let column, let found):
      "\(file): line \(line), column \(column): expected a delimiter after the closing quote, "
        + "found '\(quotedName(found))'"
    case .value(let file, let line, let column, let expected, let found):
      "\(file): line \(line), column '\(quotedName(column))': "
        + "expected \(expected), found '\(quotedName(found))'"
    case .sameName(let file, let name):
      "\(file): expected columns of different names, found two '\(quotedName(name))'"
    case .noColumn(let file, let name, let known):
      "\(file): expected a column '\(quotedName(name))', "
        + "found \(joined(known.map { "'\(quotedName($0))'" }, most: 8))"
    case .json(let error): error.description
    }
  }
}
