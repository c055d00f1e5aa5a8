import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// Sequences of a user's own file with what they are called and what they are, before anything is learned from them.
struct SequenceRows {
  /// One text, or the numbers of one series.
  struct Row {
    /// What names it in predictions: its group, or its row from 1 on.
    var id: String
    /// The line it begins on.
    var line: Int
    /// The text; nil of numbers.
    var text: String?
    /// T · F numbers, step by step; NaN where one is missing.
    var numbers: [Float] = []
    /// The class; nil where there is none.
    var label: String?
  }

  let file: String
  let rows: [Row]
  /// Where they came from, as a model keeps it.
  let source: Preprocessing.RowSource
  /// F; nil of texts.
  var width: Int? { source.text == nil ? source.dimensions ?? source.features?.count ?? 1 : nil }

  /// Reads a file as `source` says. `needsLabels` asks for a class in every row. Throws what is wrong with the file.
  init(_ file: String, source: Preprocessing.RowSource, needsLabels: Bool) throws(TaskDataError) {
    self.file = file
    var source = source
    if source.text == nil, source.features == nil {
      let read =
        try TSFile.isOne(file) ? TSFile(file).rows(file) : Self.series(try Self.table(file, hasHeader: false))
      rows = read.rows
      if let dimensions = source.dimensions, dimensions != read.dimensions {
        throw .unfit(
          file: file, reason: "expected \(dimensions) dimensions as in training, found \(read.dimensions)")
      }
      source.dimensions = read.dimensions
    } else {
      let table = try Self.table(file, hasHeader: nil)
      rows = source.text == nil ? try Self.steps(table, source) : try Self.texts(table, source)
    }
    self.source = source
    if needsLabels, let row = rows.first(where: { $0.label == nil }) {
      throw .unfit(
        file: file,
        reason:
          "line \(row.line), column '\(quotedName(source.label ?? "class"))': expected a class, found none")
    }
  }

  private static func table(_ file: String, hasHeader: Bool?) throws(TaskDataError) -> DataTable {
    do throws(TableError) { return try DataTable(file, options: .init(hasHeader: hasHeader)) } catch {
      throw .table(error)
    }
  }

  /// The labels of a column that may be missing in files without any.
  private static func labels(
    _ table: DataTable, _ source: Preprocessing.RowSource
  ) -> TableColumn? { source.label.flatMap { try? table.column($0) } }

  private static func texts(
    _ table: DataTable, _ source: Preprocessing.RowSource
  ) throws(TaskDataError) -> [Row] {
    do throws(TableError) {
      let texts = try table.column(source.text ?? "")
      let labels = labels(table, source)
      return (0..<table.rows).map { row in
        Row(
          id: "\(row + 1)", line: table.lines[row], text: texts[row] ?? "", label: labels?[row])
      }
    } catch { throw .table(error) }
  }

  /// Rows of a wide table, or the steps of sequences in a long one.
  private static func steps(
    _ table: DataTable, _ source: Preprocessing.RowSource
  ) throws(TaskDataError) -> [Row] {
    do throws(TableError) {
      var columns: [[Double]] = []
      for name in source.features ?? [] { columns.append(try table.numbers(name)) }
      let labels = labels(table, source)
      func values(_ row: Int) -> [Float] { columns.map { Float($0[row]) } }
      guard let group = source.group else {
        return (0..<table.rows).map { row in
          Row(id: "\(row + 1)", line: table.lines[row], numbers: values(row), label: labels?[row])
        }
      }
      let groups = try table.column(group)
      var members: [String: [Int]] = [:]
      var order: [String] = []
      for row in 0..<table.rows {
        guard let name = groups[row] else {
          throw .value(
            file: table.file, line: table.lines[row], column: group, expected: "a sequence's name", found: "")
        }
        if members[name] == nil { order.append(name) }
        members[name, default: []].append(row)
      }
      let times = try source.time.map { name throws(TableError) in try table.column(name) }
      var rows: [Row] = []
      for name in order {
        var own = members[name] ?? []
        if let times {
          if let row = own.first(where: { times[$0] == nil }) {
            throw .value(
              file: table.file, line: table.lines[row], column: times.name, expected: "a time", found: "")
          }
          if let numbers = times.numbers {
            own.sort { (numbers[$0], $0) < (numbers[$1], $1) }
          } else {
            // Dates as in ISO 8601 are in the order of their characters.
            own.sort { (times[$0] ?? "", $0) < (times[$1] ?? "", $1) }
          }
        }
        let label = own.lazy.compactMap { labels?[$0] }.first
        if let labels, let row = own.first(where: { labels[$0] != nil && labels[$0] != label }) {
          throw .value(
            file: table.file, line: table.lines[row], column: labels.name,
            expected: "'\(label ?? "")' as in the other rows of \(name)", found: labels[row] ?? "")
        }
        rows.append(
          Row(id: name, line: table.lines[own[0]], numbers: own.flatMap(values), label: label))
      }
      return rows
    } catch { throw .table(error) }
  }

  /// UCR's form: a class, then the numbers of a series; missing ones at its end are none.
  private static func series(_ table: DataTable) throws(TaskDataError) -> (rows: [Row], dimensions: Int) {
    guard table.columns.count > 1 else {
      throw .unfit(
        file: table.file,
        reason: "expected --text COLUMN, --features COLUMNS or a file of series, found one column")
    }
    var columns: [[Double]] = []
    do throws(TableError) {
      for column in table.columns.dropFirst() { columns.append(try table.numbers(column.name)) }
    } catch {
      throw .unfit(
        file: table.file,
        reason:
          "expected a class and the numbers of a series in each row, or --text COLUMN or --features COLUMNS; \(error)"
      )
    }
    let rows = (0..<table.rows).map { row in
      var numbers = columns.map { Float($0[row]) }
      while numbers.last?.isNaN == true { numbers.removeLast() }
      return Row(id: "\(row + 1)", line: table.lines[row], numbers: numbers, label: table.columns[0][row])
    }
    return (rows, 1)
  }
}

/// A file of series in the form of the UEA archive: after `@data` a line a series, its dimensions between colons, its class last.
struct TSFile {
  private let lines: [(number: Int, text: Substring)]
  private let hasClass: Bool

  /// Whether a file is of this form by its name.
  static func isOne(_ file: String) -> Bool { file.hasSuffix(".ts") || file.hasSuffix(".ts.gz") }

  init(_ file: String) throws(TaskDataError) {
    let text = String(String.UnicodeScalarView(try TextFile(file).text))
    var (data, hasClass, isData): ([(Int, Substring)], Bool, Bool) = ([], true, false)
    for (index, line) in text.split(separator: /\r?\n/, omittingEmptySubsequences: false).enumerated() {
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("%") { continue }
      if isData {
        data.append((index + 1, line))
      } else {
        let words = line.lowercased().split(separator: " ")
        if words.first == "@classlabel", words.count > 1 { hasClass = words[1] == "true" }
        if words.first == "@targetlabel" { hasClass = true }
        isData = words.first == "@data"
      }
    }
    guard !data.isEmpty else {
      throw .unfit(
        file: file, reason: isData ? "expected series after @data, found none" : "expected @data, found none")
    }
    (lines, self.hasClass) = (data, hasClass)
  }

  func rows(_ file: String) throws(TaskDataError) -> (rows: [SequenceRows.Row], dimensions: Int) {
    var rows: [SequenceRows.Row] = []
    var width: Int?
    for (number, line) in lines {
      var fields = line.split(separator: ":", omittingEmptySubsequences: false)
      let label = hasClass ? fields.popLast().map { String($0.trimmingPrefix { $0 == " " }) } : nil
      if let width, width != fields.count || width == 0 {
        throw .unfit(
          file: file, reason: "line \(number): expected \(width) dimensions, found \(fields.count)")
      }
      width = fields.count
      var columns: [[Float]] = []
      for (dimension, field) in fields.enumerated() {
        var values: [Float] = []
        for text in field.split(separator: ",") {
          guard let value = text == "?" ? .nan : Float(text.trimmingPrefix { $0 == " " }) else {
            throw .unfit(
              file: file,
              reason:
                "line \(number), dimension \(dimension + 1): expected numbers with commas between, found '\(quotedName(String(text)))'"
            )
          }
          values.append(value)
        }
        columns.append(values)
      }
      let steps = columns.map(\.count).max() ?? 0
      // A dimension that ends before the others is missing from there on.
      let numbers = (0..<steps).flatMap { step in columns.map { step < $0.count ? $0[step] : .nan } }
      rows.append(
        .init(
          id: "\(rows.count + 1)", line: number, numbers: numbers, label: label?.isEmpty == true ? nil : label
        ))
    }
    return (rows, width ?? 0)
  }
}
