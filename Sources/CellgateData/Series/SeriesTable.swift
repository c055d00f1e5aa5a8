import CellgateBasics
import CellgateFiles

/// Series of numbers in a table: a row a step, in one or many series, put on a grid of equal steps.
///
/// ```swift
/// let table = try SeriesTable("ETTh1.csv", columns: .init(time: ["date"], targets: ["OT"]))
/// table.step.length                 // 3600
/// table.series[0].targets[0].count  // 17420
/// ```
///
/// A step that has no row, and a field that is empty or says that there is no value (NA, NaN, null, -, ?), is NaN. The time must grow
/// within a series, and each time stand on the grid.
public struct SeriesTable: Sendable {
  /// One series.
  public struct Series: Sendable, Equatable {
    /// Its name in the group's column; "" of a table of one.
    public var id: String
    /// The time of the first step.
    public var start: Double
    /// Of each target the value at each step; NaN where there is none.
    public var targets: [[Double]]
    /// The same of the covariates that are numbers, the past ones and then the future ones.
    public var covariates: [[Double]]
    /// Of the covariates that are categories, in the same order, the place of each step's one in `levels`; −1 where there is none.
    public var categories: [[Int32]]
    /// What is known of all of it: its numbers, NaN where there is none.
    public var statics: [Double]
    /// And its categories, as places in `levels`; −1 where there is none.
    public var staticCategories: [Int32]

    /// Steps.
    public var count: Int { targets.first?.count ?? 0 }
  }

  /// The file.
  public let file: String
  /// The columns, the targets and the categories by name.
  public let columns: Columns
  /// The categories of each column of them, in the order of `Columns.categories`.
  public let levels: [[String]]
  /// How times are written.
  public let form: TimeForm
  /// The time between steps.
  public let step: TimeStep
  /// The series, in the order of their first rows.
  public let series: [Series]
  /// Steps without a row, and fields without a value of those that have one.
  public let absentSteps: Int, missingValues: Int

  /// The most steps of a grid for each row.
  static let mostStepsOfARow = 100

  /// Reads a table. Covariates and static columns of texts are categories. With a `step` that is known, such as a model's, series of one row are read
  /// too, and those columns alone are categories that `columns` say are. Throws ``TaskDataError``.
  public init(_ path: String, columns: Columns, step known: TimeStep? = nil) throws(TaskDataError) {
    let table = try SeriesFile(path)
    do throws(SeriesError) { try self.init(table, columns: columns, step: known) } catch {
      throw .series(error)
    }
  }

  init(_ table: SeriesFile, columns given: Columns, step known: TimeStep? = nil) throws(SeriesError) {
    let file = table.file
    var columns = given
    let times = try columns.time.map { name throws(SeriesError) in try table.column(name) }
    let group = try columns.group.map { name throws(SeriesError) in try table.column(name) }
    columns.categorical = try Self.categorical(table, given, recognizes: known == nil)
    let covariates = try columns.numericCovariates.map { name throws(SeriesError) in try table.column(name) }
    let others = try (columns.categories + columns.numericStatics).map { name throws(SeriesError) in
      try table.column(name)
    }
    var targets: [Int]
    if columns.targets == ["all"], !table.header.contains("all") {
      let taken = Set(times + covariates + others + (group.map { [$0] } ?? []))
      targets = table.header.indices.filter { !taken.contains($0) && table.isNumeric($0) }
      columns.targets = targets.map { table.header[$0] }
      if targets.isEmpty {
        throw SeriesError(file, expected: "a column of numbers to forecast", found: "none")
      }
    } else {
      targets = try columns.targets.map { name throws(SeriesError) in try table.column(name) }
    }
    let named = columns.targets + columns.past + columns.future + columns.statics
    for (index, name) in named.enumerated() where named[..<index].contains(name) {
      throw SeriesError(
        file, column: name, expected: "a column named once, as target, past, future or static",
        found: "it twice")
    }

    // The rows of each series, with their times.
    var order: [String] = []
    var rows: [String: (times: [Double], rows: [Int])] = [:]
    var form: TimeForm?
    for row in 0..<table.count {
      let id = group.map { table.text(row, $0) } ?? ""
      if rows[id] == nil { order.append(id) }
      let time: SeriesTime
      if times.isEmpty {
        time = SeriesTime(value: Double((rows[id]?.rows.count ?? 0) + 1), form: .number)
      } else {
        time = try table.time(row, times)
      }
      if let form, form != time.form, form == .number || time.form == .number {
        throw SeriesError(
          file, line: table.line(row), column: columns.time[0], expected: "a \(form.rawValue) as before",
          found: "'\(quotedName(table.text(row, times[0])))'")
      }
      // Of times at midnight some tables leave out the hour.
      form = form == .time ? .time : time.form
      if let last = rows[id]?.times.last, time.value <= last {
        let name = id.isEmpty ? "" : " of series '\(quotedName(id))'"
        throw SeriesError(
          file, line: table.line(row), column: columns.time[0],
          expected: "a time after \(SeriesTime(value: last, form: time.form).text)\(name)",
          found: time.value == last ? "the same time again" : time.text)
      }
      rows[id, default: ([], [])].times.append(time.value)
      rows[id, default: ([], [])].rows.append(row)
    }
    let ownForm = form ?? .number
    guard
      let step = known ?? (times.isEmpty ? TimeStep(length: 1) : nil)
        ?? TimeStep(of: order.map { rows[$0]?.times ?? [] }, form: ownForm)
    else { throw SeriesError(file, expected: "two rows or more of a series", found: "one") }

    let categories = try SeriesCategories(table, columns)
    let numbers = try (targets + covariates).map { column throws(SeriesError) in try table.numbers(column) }
    var series: [Series] = []
    var (absent, missing) = (0, 0)
    for id in order {
      guard let own = rows[id], let start = own.times.first, let end = own.times.last else { continue }
      let span = step.steps(from: start, to: end)
      guard span < Double(Self.mostStepsOfARow * own.rows.count + 1000) else {
        throw SeriesError(
          file, line: own.rows.last.map(table.line), column: columns.time.first,
          expected: "times about \(Self.text(step, ownForm)) apart",
          found:
            "\(own.rows.count) rows from \(SeriesTime(value: start, form: ownForm).text) to \(SeriesTime(value: end, form: ownForm).text)"
        )
      }
      let count = Int(span.rounded()) + 1
      var values = (targets + covariates).map { _ in [Double](repeating: .nan, count: count) }
      var (last, places) = (-1, [Int]())
      for (row, time) in zip(own.rows, own.times) {
        let place = Int(step.steps(from: start, to: time).rounded())
        guard place > last, place < count else {
          throw SeriesError(
            file, line: table.line(row), column: columns.time.first,
            expected: "a step of \(Self.text(step, ownForm)) after the row before",
            found: SeriesTime(value: time, form: ownForm).text)
        }
        last = place
        places.append(place)
        for index in numbers.indices {
          let value = numbers[index][row]
          if value.isNaN { missing += 1 }
          values[index][place] = value
        }
      }
      absent += count - own.rows.count
      let statics = try categories.statics(own.rows, id: id)
      series.append(
        Series(
          id: id, start: start, targets: Array(values[..<targets.count]),
          covariates: Array(values[targets.count...]),
          categories: categories.covariates(own.rows, at: places, count: count), statics: statics.numbers,
          staticCategories: statics.categories))
    }
    (self.file, self.columns, self.form, self.step, self.series) = (file, columns, ownForm, step, series)
    (absentSteps, missingValues, levels) = (absent, missing, categories.levels)
  }

  /// Which of the covariates and static columns are categories: those that are named so, and those of texts where they are to be recognised.
  private static func categorical(
    _ table: SeriesFile, _ columns: Columns, recognizes: Bool
  ) throws(SeriesError) -> [String] {
    let all = columns.past + columns.future + columns.statics
    if let other = columns.categorical.first(where: { !all.contains($0) }) {
      throw SeriesError(
        table.file, column: other, expected: "a past, future or static column to be one of categories",
        found: "none of these")
    }
    var found: [String] = []
    for name in all {
      let column = try table.column(name)
      if columns.categorical.contains(name) || recognizes && table.isText(column) { found.append(name) }
    }
    return found
  }

  private static func text(_ step: TimeStep, _ form: TimeForm) -> String {
    if let months = step.months { return months == 1 ? "one month" : "\(months) months" }
    return form == .number ? "\(step.length)" : "\(step.length) seconds"
  }

  /// Throws ``TaskDataError`` at the first target that is no count, 0 or more, with its line.
  public func requireCounts() throws(TaskDataError) {
    func isCount(_ value: Double) -> Bool { value.isNaN || (value >= 0 && value == value.rounded()) }
    guard !series.allSatisfy({ $0.targets.allSatisfy { $0.allSatisfy(isCount) } }) else { return }
    let table = try SeriesFile(file)
    do throws(SeriesError) {
      for name in columns.targets {
        let column = try table.column(name)
        let numbers = try table.numbers(column)
        guard let row = numbers.firstIndex(where: { !isCount($0) }) else { continue }
        throw SeriesError(
          file, line: table.line(row), column: name, expected: "a count, a whole number of 0 or more",
          found: "'\(quotedName(table.text(row, column)))'")
      }
    } catch { throw .series(error) }
  }

  /// The time of a step of a series, as the file writes times.
  public func time(_ index: Int, of series: Series) -> String {
    SeriesTime(value: step.time(index, after: series.start), form: form).text
  }
}
