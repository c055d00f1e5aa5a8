import CellgateFormats

/// A CSV file of a run's folder with a known header, whose fields are read one by one. A last row that is still being
/// written is left out.
struct RunTable {
  /// The file's path.
  let file: String
  /// The fields of each row.
  let rows: [[String]]

  /// Reads a file; throws `file`, `metrics` for another header, `badState` for a row of another length.
  init(_ file: String, header: [String]) throws(RunError) {
    let table: CSVTable
    do throws(FileError) { table = try CSVTable(file) } catch { throw .file(error) }
    guard table.header == header else {
      throw .metrics(
        .wrongHeader(
          file: file, expected: header.joined(separator: ","), found: table.header.joined(separator: ",")))
    }
    for (index, row) in table.rows.enumerated() where row.count != header.count {
      throw .badState(
        file: file, name: "row \(index + 1)", expected: "\(header.count) fields",
        found: row.joined(separator: ","))
    }
    self.file = file
    rows = table.rows
  }

  /// A field as a number, which may be NaN or infinite; `row` and `column` count from 0. Throws `badState`.
  func number(_ row: Int, _ column: Int) throws(RunError) -> Double {
    guard let value = Double(rows[row][column]) else { throw bad(row, column, "a number") }
    return value
  }

  /// A field as a whole number of 0 or more; throws `badState`.
  func count(_ row: Int, _ column: Int) throws(RunError) -> Int {
    guard let value = Int(rows[row][column]), value >= 0 else { throw bad(row, column, "a whole number") }
    return value
  }

  private func bad(_ row: Int, _ column: Int, _ expected: String) -> RunError {
    .badState(file: file, name: "row \(row + 1)", expected: expected, found: rows[row][column])
  }
}
