import CellgateBasics
import CellgateFiles

/// The rows of a table of series, and how their fields are read.
struct SeriesFile {
  private let table: DataTable

  /// Reads a table, gzipped or not. Throws ``TaskDataError``.
  init(_ path: String) throws(TaskDataError) {
    if Paths.isFolder(path) { throw .folder(path: path) }
    do throws(TableError) { table = try DataTable(path) } catch {
      if case .file(let error) = error { throw .file(error) }
      throw .table(error)
    }
  }

  var file: String { table.file }
  var header: [String] { table.columns.map(\.name) }
  /// How many rows there are.
  var count: Int { table.rows }

  func line(_ row: Int) -> Int { table.lines[row] }

  /// A field as it was written; "" where none is.
  func text(_ row: Int, _ column: Int) -> String {
    (table.columns[column][row] ?? "").trimmed
  }

  /// The place of a column.
  func column(_ name: String) throws(SeriesError) -> Int {
    guard let place = table.columns.firstIndex(where: { $0.name == name }) else {
      let known = header.prefix(20).map { "'\(quotedName($0))'" }.joined(separator: ", ")
      throw SeriesError(
        file, expected: "a column '\(quotedName(name))'",
        found: known + (header.count > 20 ? " and \(header.count - 20) more" : ""))
    }
    return place
  }

  /// What says that there is no value, besides what every table's columns know.
  private static let missing: Set<String> = ["", "none", "nil", "-", "--", "?", "missing"]

  /// The numbers of a column; NaN for none.
  func numbers(_ column: Int) throws(SeriesError) -> [Double] {
    if let numbers = table.columns[column].numbers {
      guard let row = numbers.firstIndex(where: { abs($0) >= 1e30 }) else { return numbers }
      throw wrong(row, column)
    }
    var numbers: [Double] = []
    numbers.reserveCapacity(count)
    for row in 0..<count {
      let text = text(row, column)
      if let value = Double(text), abs(value) < 1e30 {
        numbers.append(value)
      } else if Self.missing.contains(text.lowercased()) {
        numbers.append(.nan)
      } else {
        throw wrong(row, column)
      }
    }
    return numbers
  }

  /// A field as a category; nil for none.
  func category(_ row: Int, _ column: Int) -> String? {
    guard let text = table.columns[column][row]?.trimmed, !Self.missing.contains(text.lowercased()) else {
      return nil
    }
    return text
  }

  /// Whether most of what a column has are no numbers.
  func isText(_ column: Int) -> Bool {
    if table.columns[column].numbers != nil { return false }
    var (known, others) = (0, 0)
    for row in 0..<count {
      guard let text = category(row, column) else { continue }
      known += 1
      if Double(text) == nil { others += 1 }
    }
    return 2 * others > known
  }

  private func wrong(_ row: Int, _ column: Int) -> SeriesError {
    SeriesError(
      file, line: line(row), column: table.columns[column].name, expected: "a number, or nothing",
      found: "'\(quotedName(text(row, column)))'")
  }

  /// Whether a column has numbers, and nothing else.
  func isNumeric(_ column: Int) -> Bool {
    guard let numbers = try? numbers(column) else { return false }
    return numbers.contains { !$0.isNaN }
  }

  /// A row's time: of one column, or of year, month, day and so on in several.
  func time(_ row: Int, _ columns: [Int]) throws(SeriesError) -> SeriesTime {
    let texts = columns.map { text(row, $0) }
    let time: SeriesTime?
    if texts.count == 1 {
      time = SeriesTime(texts[0])
    } else {
      let numbers = texts.compactMap { Double($0) }.compactMap { Int(exactly: $0) }
      time = numbers.count == texts.count ? Self.time(numbers) : SeriesTime(texts.joined(separator: " "))
    }
    guard let time else {
      throw SeriesError(
        file, line: line(row), column: columns.map { table.columns[$0].name }.joined(separator: ","),
        expected: "a date, a time or a number", found: "'\(quotedName(texts.joined(separator: " ")))'")
    }
    return time
  }

  private static func time(_ numbers: [Int]) -> SeriesTime? {
    let sizes = [3600.0, 60, 1]
    guard numbers.count <= 6,
      var seconds = SeriesTime.seconds(
        numbers[0], numbers.count > 1 ? numbers[1] : 1, numbers.count > 2 ? numbers[2] : 1)
    else { return nil }
    for (number, size) in zip(numbers.dropFirst(3), sizes) {
      guard (0...60).contains(number) else { return nil }
      seconds += Double(number) * size
    }
    return SeriesTime(
      value: seconds, form: numbers.count > 3 ? .time : numbers.count > 2 ? .date : .month)
  }
}
