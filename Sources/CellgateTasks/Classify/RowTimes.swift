import CellgateData
import CellgateFiles

/// The times of a table's rows, by which they are put in order: numbers, or dates in any of the forms of ``SeriesTime``, else texts in
/// the order of their characters.
struct RowTimes {
  private let table: DataTable
  private let column: TableColumn
  /// Numbers as they are, and dates in seconds; nil of other texts.
  private let numbers: [Double]?

  /// Those in the column `name`; throws a row without one.
  init(_ table: DataTable, _ name: String) throws(TableError) {
    self.table = table
    let column = try table.column(name)
    self.column = column
    if let row = (0..<table.rows).first(where: { column[$0] == nil }) {
      throw .value(file: table.file, line: table.lines[row], column: name, expected: "a time", found: "")
    }
    let times = column.numbers ?? (0..<table.rows).compactMap { SeriesTime(column[$0] ?? "")?.value }
    numbers = times.count == table.rows && times.allSatisfy(\.isFinite) ? times : nil
  }

  /// Whether a row is earlier than another.
  func areInOrder(_ left: Int, _ right: Int) -> Bool {
    if let numbers { return numbers[left] < numbers[right] }
    return (column[left] ?? "") < (column[right] ?? "")
  }

  /// The times as numbers, dates in seconds; throws the first that is neither.
  func moments() throws(TableError) -> [Double] {
    if let numbers { return numbers }
    let wrong = (0..<table.rows).first { SeriesTime(column[$0] ?? "")?.value.isFinite != true } ?? 0
    throw .value(
      file: table.file, line: table.lines[wrong], column: column.name, expected: "a number or a date",
      found: column[wrong] ?? "")
  }
}
