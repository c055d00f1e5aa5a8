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
    /// The class, or the number to be found as it was written; nil where there is none.
    var label: String?
    /// The labels of a row that may have several.
    var labels: [String] = []
    /// The number to be found; nil of classes.
    var target: Double?
    /// Which part of the data it belongs to, where a column says so.
    var part: String?
    /// Rows of one value belong to one part, where a column says so.
    var splitGroup: String?
    /// Its place in time among the rows of the file, the same for equal times, where a column says so.
    var splitTime: Int?
    /// The times of the first and the last step where gaps between steps count.
    var times: (first: Double, last: Double)?
  }

  /// What the labels are.
  enum Label {
    /// Names of classes.
    case classes
    /// Numbers.
    case numbers
    /// Names of which a row may have none, one or several.
    case sets
  }

  let file: String
  private(set) var rows: [Row]
  /// Where they came from, as a model keeps it.
  private(set) var source: Preprocessing.RowSource
  /// The column of a table without groups that names its rows; nil where they are numbered.
  private(set) var idColumn: String?
  /// F; nil of texts. The columns of a wide table are steps of one number.
  var width: Int? {
    if source.text != nil { return nil }
    return source.dimensions
      ?? (source.group == nil ? 1 : (source.features?.count ?? 1) + (source.gaps == true ? 1 : 0))
  }

  /// The columns that say which part of the data a row belongs to.
  struct SplitColumns {
    /// Of the part's name.
    var part: String?
    /// Of what belongs together.
    var group: String?
    /// Of what the parts follow each other by.
    var time: String?
  }

  /// Reads a file as `source` says. `labels` asks for a class or number in every row; nil for rows that need none. `split` are the
  /// columns of the parts, `audio` what features of sounds a new model takes. Throws what is wrong with the file.
  init(
    _ file: String, source: Preprocessing.RowSource, labels: Label?, split: SplitColumns = .init(),
    audio: AudioFeatures.Kind? = nil
  ) throws(TaskDataError) {
    var source = source
    if FolderRows.isOne(file) {
      let read = try FolderRows(file).rows(known: source, audio: audio)
      let separator = source.labelSeparator
      source.labelSeparator = nil
      let (isKnown, found) =
        switch read.kind {
        case .texts: (source.text != nil, "texts")
        case .bands, .features: (source.highestFrequency != nil || source.audio != nil, "sounds")
        case .clips(let width):
          (
            source.hasClips == true && source.dimensions == width,
            "sequences of frames with \(width) numbers each"
          )
        }
      guard source == .init() || isKnown else {
        throw .unfit(file: file, reason: "expected rows as in training, found a folder of \(found)")
      }
      // Files have no columns.
      source = .init()
      source.labelSeparator = separator
      switch read.kind {
      case .texts: source.text = ""
      case .bands(let highest): (source.highestFrequency, source.dimensions) = (highest, SpectrumFrames.bands)
      case .features(let features): (source.audio, source.dimensions) = (features, features.width)
      case .clips(let width): (source.hasClips, source.dimensions) = (true, width)
      }
      try self.init(file, read.rows, source, labels)
    } else if source.text == nil, source.features == nil {
      let read =
        if TSFile.isOne(file) {
          try TSFile(file).rows()
        } else if ArrayRows.isOne(file) {
          try ArrayRows(file).rows()
        } else {
          try Self.series(try Self.table(file, hasHeader: false))
        }
      if let dimensions = source.dimensions, dimensions != read.dimensions {
        throw .unfit(
          file: file, reason: "expected \(dimensions) dimensions as in training, found \(read.dimensions)")
      }
      source.dimensions = read.dimensions
      try self.init(file, read.rows, source, labels)
    } else {
      try self.init(try Self.table(file, hasHeader: nil), source: source, labels: labels, split: split)
    }
  }

  /// The sequences of a table with columns, or of a part of one, whose first row is the `first` one of all.
  init(
    _ table: DataTable, source: Preprocessing.RowSource, labels: Label?, split: SplitColumns = .init(),
    first: Int = 0
  ) throws(TaskDataError) {
    let id = Self.id(table, source, split)
    var rows: [Row]
    do throws(TableError) {
      let columns = try TableLabels(table, source, labels, split: split)
      rows =
        try source.text == nil
        ? Self.steps(table, source, columns, first) : Self.texts(table, source, columns, first)
      if let id {
        let names = try table.column(id)
        for place in rows.indices { rows[place].id = names[place] ?? rows[place].id }
      }
    } catch { throw .table(error) }
    try self.init(table.file, rows, source, labels)
    idColumn = id
  }

  /// The column `id` of a table without groups that has one for nothing else.
  private static func id(
    _ table: DataTable, _ source: Preprocessing.RowSource, _ split: SplitColumns
  ) -> String? {
    let others =
      [source.text, source.time, source.label, split.part, split.group, split.time].compactMap { $0 }
      + (source.features ?? []) + (source.labels ?? [])
    return source.group != nil
      ? nil : table.columns.first { $0.name.lowercased() == "id" && !others.contains($0.name) }?.name
  }

  /// Rows that are read.
  init(
    _ file: String, _ rows: [Row], _ source: Preprocessing.RowSource, _ labels: Label?
  ) throws(TaskDataError) {
    (self.file, self.source) = (file, source)
    self.rows = rows
    guard let labels else { return }
    if labels == .sets {
      try readSets()
      return
    }
    let column = quotedName(source.label ?? "class")
    if let row = rows.first(where: { $0.label == nil }) {
      throw .unfit(
        file: file,
        reason:
          "line \(row.line), column '\(column)': expected a \(labels == .classes ? "class" : "number"), found none"
      )
    }
    guard labels == .numbers else { return }
    for place in rows.indices where rows[place].target == nil {
      guard let number = rows[place].label.flatMap({ Double($0.trimmed) }), number.isFinite else {
        throw .unfit(
          file: file,
          reason:
            "line \(rows[place].line), column '\(column)': expected a number, found '\(quotedName(rows[place].label ?? ""))'"
        )
      }
      self.rows[place].target = number
    }
  }

  /// Cuts the labels of each row apart; throws where nothing is between any.
  private mutating func readSets() throws(TaskDataError) {
    if source.labels != nil { return }
    guard let separator = source.labelSeparator ?? LabelSets.separator(of: rows.compactMap(\.label)) else {
      throw .unfit(
        file: file,
        reason:
          "column '\(quotedName(source.label ?? "class"))': expected labels with \(LabelSets.usualText) "
          + "between those of a row, found none of these; --label-separator names another one")
    }
    source.labelSeparator = separator
    for place in rows.indices {
      rows[place].labels = rows[place].label.map { LabelSets.labels($0, separator: separator) } ?? []
    }
  }

  private static func table(
    _ file: String, hasHeader: Bool?
  ) throws(TaskDataError) -> DataTable {
    do throws(TableError) { return try DataTable(file, options: .init(hasHeader: hasHeader)) } catch {
      throw .table(error)
    }
  }

  private static func texts(
    _ table: DataTable, _ source: Preprocessing.RowSource, _ labels: TableLabels, _ first: Int
  ) throws(TableError) -> [Row] {
    let texts = try table.column(source.text ?? "")
    return try (0..<table.rows).map { place throws(TableError) in
      var row = Row(id: "\(first + place + 1)", line: table.lines[place], text: texts[place] ?? "")
      try labels.set(&row, [place])
      return row
    }
  }

  /// Rows of a wide table, or the steps of sequences in a long one.
  private static func steps(
    _ table: DataTable, _ source: Preprocessing.RowSource, _ labels: TableLabels, _ first: Int
  ) throws(TableError) -> [Row] {
    var columns: [[Double]] = []
    for name in source.features ?? [] { columns.append(try finite(table, name)) }
    func values(_ row: Int) -> [Float] { columns.map { Float($0[row]) } }
    guard let group = source.group else {
      return try (0..<table.rows).map { place throws(TableError) in
        var row = Row(id: "\(first + place + 1)", line: table.lines[place], numbers: values(place))
        try labels.set(&row, [place])
        return row
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
    let times = try source.time.map { name throws(TableError) in try RowTimes(table, name) }
    let moments = try source.gaps == true ? times?.moments() : nil
    var rows: [Row] = []
    for name in order {
      var own = members[name] ?? []
      if let times { own.sort { times.areInOrder($0, $1) || !times.areInOrder($1, $0) && $0 < $1 } }
      for column in labels.columns {
        let value = own.lazy.compactMap { column[$0] }.first
        if let row = own.first(where: { column[$0] != nil && column[$0] != value }) {
          throw .value(
            file: table.file, line: table.lines[row], column: column.name,
            expected: "'\(value ?? "")' as in the other rows of \(name)", found: column[row] ?? "")
        }
      }
      var row = Row(id: name, line: table.lines[own[0]])
      for (step, place) in own.enumerated() {
        row.numbers += values(place)
        if let moments { row.numbers.append(Float(step > 0 ? moments[place] - moments[own[step - 1]] : 0)) }
      }
      if let moments, let last = own.last { row.times = (moments[own[0]], moments[last]) }
      try labels.set(&row, own)
      rows.append(row)
    }
    return rows
  }

  /// The numbers of a column, NaN where one is missing; throws the first that is infinite.
  private static func finite(_ table: DataTable, _ name: String) throws(TableError) -> [Double] {
    let numbers = try table.numbers(name)
    // Beyond Float too.
    if let row = numbers.firstIndex(where: { Float($0).isInfinite }) {
      throw .value(
        file: table.file, line: table.lines[row], column: name, expected: "a finite number",
        found: try table.column(name)[row] ?? "")
    }
    return numbers
  }

  /// UCR's form: a class or number, then the numbers of a series; missing ones at its end are none.
  private static func series(_ table: DataTable) throws(TaskDataError) -> (rows: [Row], dimensions: Int) {
    guard table.columns.count > 1 else {
      throw .unfit(
        file: table.file,
        reason: "expected --text COLUMN, --features COLUMNS or a file of series, found one column")
    }
    var columns: [[Double]] = []
    do throws(TableError) {
      for column in table.columns.dropFirst() { columns.append(try finite(table, column.name)) }
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

extension SequenceRows.Label {
  /// What the task of this name finds.
  init(task: String) {
    switch task {
    case RegressTask.name: self = .numbers
    case MultiLabelTask.name: self = .sets
    default: self = .classes
    }
  }
}
