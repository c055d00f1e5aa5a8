import CellgateFiles

/// What is wrong with a table of series: where, what was expected and what was found.
public struct SeriesError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file.
  public let file: String
  /// The line, counted from 1; nil for all of the file.
  public let line: Int?
  /// The column's name; nil for none.
  public let column: String?
  /// What was expected.
  public let expected: String
  /// What was found.
  public let found: String

  /// An error at a place.
  public init(_ file: String, line: Int? = nil, column: String? = nil, expected: String, found: String) {
    (self.file, self.line, self.column) = (file, line, column)
    (self.expected, self.found) = (expected, found)
  }

  /// One line.
  public var description: String {
    oneLine(
      "\(file): " + (line.map { "line \($0): " } ?? "")
        + (column.map { "column '\(quotedName($0))': " } ?? "")
        + "expected \(expected), found \(found)")
  }
}
