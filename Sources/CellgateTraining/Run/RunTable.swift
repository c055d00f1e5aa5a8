import CellgateFiles

/// A CSV file of a run's folder, whose fields are read one by one. A last row that is still being written is left out.
package struct RunTable {
  /// The file's path.
  package let file: String
  /// The columns and the fields of each row.
  package let table: CSVTable

  /// The fields of each row.
  package var rows: [[String]] { table.rows }

  /// What a checkpoint says about a file.
  package struct Extent {
    /// The rows there were.
    package var rows: Int
    /// The most updates that any of them is of.
    package var most: Int
  }

  /// Reads a file that has the columns of `header` if there is one; of a file that is to be continued after a
  /// checkpoint only the rows of that time are read. Throws `file`, `metrics` for another header or too few rows,
  /// `badState` for a row that can't be one of them.
  package init(_ file: String, header: [String]? = nil, keeping extent: Extent? = nil) throws(RunError) {
    self.file = file
    var table: CSVTable
    do throws(CSVError) {
      if let header {
        table = try CSVTable(file, header: header)
      } else {
        do throws(FileError) { table = try CSVTable(file) } catch { throw .file(error) }
      }
    } catch {
      if case .file(let error) = error { throw .file(error) }
      throw .metrics(error)
    }
    var next: [String]?
    if let extent {
      guard table.rows.count >= extent.rows else {
        throw .metrics(.missingRows(file: file, expected: extent.rows, found: table.rows.count))
      }
      next = table.rows.dropFirst(extent.rows).first
      table = CSVTable(header: table.header, rows: Array(table.rows.prefix(extent.rows)))
    }
    self.table = table
    for (index, row) in rows.enumerated() where row.count != table.header.count {
      throw .badState(
        file: file, name: "row \(index + 1)", expected: "\(table.header.count) fields",
        found: row.joined(separator: ","))
    }
    if let extent { try checkSteps(extent, next) }
  }

  /// Throws `badState` unless the updates in the first column fit to the checkpoint, and those of the row after to what
  /// came later: else a row is missing or there is one too many.
  private func checkSteps(_ extent: Extent, _ next: [String]?) throws(RunError) {
    var last = 0
    for row in rows.indices {
      let step = try count(row, 0)
      guard step >= last, step <= extent.most else {
        throw bad(row, 0, "at least \(last) and at most \(extent.most) updates")
      }
      last = step
    }
    guard let text = next?.first, let step = Int(text), step <= extent.most else { return }
    throw .badState(
      file: file, name: "row \(extent.rows + 1): \(table.header[0])",
      expected: "more than \(extent.most) updates, after the \(extent.rows) rows of the checkpoint",
      found: text)
  }

  /// A field as a number, which may be NaN or infinite; `row` and `column` count from 0. Throws `badState`.
  package func number(_ row: Int, _ column: Int) throws(RunError) -> Double {
    guard let value = Double(rows[row][column]) else { throw bad(row, column, "a number") }
    return value
  }

  /// A field as a whole number of 0 or more; throws `badState`.
  package func count(_ row: Int, _ column: Int) throws(RunError) -> Int {
    guard let value = Int(rows[row][column]), value >= 0 else { throw bad(row, column, "a whole number") }
    return value
  }

  private func bad(_ row: Int, _ column: Int, _ expected: String) -> RunError {
    .badState(
      file: file, name: "row \(row + 1): \(table.header[column])", expected: expected,
      found: rows[row][column])
  }
}
