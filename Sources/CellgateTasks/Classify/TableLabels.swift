import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// The columns of a table that say what its rows are, besides those of what goes in.
struct TableLabels {
  private let table: DataTable
  private let labels, parts, groups: TableColumn?
  /// One for each label, of rows that may have several.
  private let sets: [TableColumn]
  private let targets: [Double]?
  /// The place of each row in time.
  private let moments: [Int]?

  init(
    _ table: DataTable, _ source: Preprocessing.RowSource, _ kind: SequenceRows.Label?,
    split: SequenceRows.SplitColumns
  ) throws(TableError) {
    self.table = table
    // Rows that are predicted need no labels.
    guard let kind, source.label != nil || source.labels != nil else {
      (labels, parts, groups, sets, targets, moments) = (nil, nil, nil, [], nil, nil)
      return
    }
    func column(_ name: String?) throws(TableError) -> TableColumn? {
      guard let name else { return nil }
      return try table.column(name)
    }
    labels = try column(source.label)
    if kind == .numbers, let name = source.label { targets = try table.numbers(name) } else { targets = nil }
    (parts, groups) = (try column(split.part), try column(split.group))
    moments = try split.time.map { name throws(TableError) in
      try Self.places(RowTimes(table, name), table.rows)
    }
    if let groups, let row = (0..<table.rows).first(where: { groups[$0] == nil }) {
      throw .value(
        file: table.file, line: table.lines[row], column: groups.name, expected: "what the row belongs to",
        found: "")
    }
    var sets: [TableColumn] = []
    for name in source.labels ?? [] {
      let column = try table.column(name)
      for row in 0..<table.rows {
        guard let cell = column[row], LabelSets.isSet(cell) == nil else { continue }
        throw .value(
          file: table.file, line: table.lines[row], column: name, expected: "1 or 0", found: cell)
      }
      sets.append(column)
    }
    self.sets = sets
  }

  /// The place of each row in time, the same for equal times.
  private static func places(_ times: RowTimes, _ count: Int) -> [Int] {
    var places = [Int](repeating: 0, count: count)
    let order = places.indices.sorted { times.areInOrder($0, $1) }
    for (before, row) in zip(order, order.dropFirst()) {
      places[row] = places[before] + (times.areInOrder(before, row) ? 1 : 0)
    }
    return places
  }

  /// Those that are the same in all rows of a sequence.
  var columns: [TableColumn] { [labels, parts, groups].compactMap { $0 } + sets }

  /// What the table's rows at some places, which are one row or sequence, say of it; throws for a label of which they say nothing.
  func set(_ row: inout SequenceRows.Row, _ places: [Int]) throws(TableError) {
    let place = places.first { labels?[$0] != nil } ?? places[0]
    row.label = labels?[place]
    row.target = targets.flatMap { $0[place].isFinite ? $0[place] : nil }
    row.part = places.lazy.compactMap { parts?[$0] }.first
    row.splitGroup = places.lazy.compactMap { groups?[$0] }.first
    row.splitTime = moments.flatMap { moments in places.map { moments[$0] }.min() }
    for column in sets {
      guard let cell = places.lazy.compactMap({ column[$0] }).first else {
        throw .value(
          file: table.file, line: table.lines[places[0]], column: column.name, expected: "1 or 0", found: "")
      }
      if LabelSets.isSet(cell) == true { row.labels.append(column.name) }
    }
  }
}
