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
  /// Which columns are read.
  public struct Columns: Codable, Equatable, Sendable {
    /// The time: one column, or year, month, day, hour, minute, second as far as there are; [] for rows one step apart.
    public var time: [String]
    /// What is forecast; ["all"] for every column of numbers that is no time, group or covariate.
    public var targets: [String]
    /// Numbers that are known up to the last step.
    public var past: [String] = []
    /// Numbers that are known of the steps that are forecast, too, such as prices or holidays.
    public var future: [String] = []
    /// What names the series; nil for a table of one.
    public var group: String?

    /// Columns by their names.
    public init(
      time: [String], targets: [String], past: [String] = [], future: [String] = [], group: String? = nil
    ) {
      (self.time, self.targets, self.past, self.future, self.group) = (time, targets, past, future, group)
    }
  }

  /// One series.
  public struct Series: Sendable, Equatable {
    /// Its name in the group's column; "" of a table of one.
    public var id: String
    /// The time of the first step.
    public var start: Double
    /// Of each target the value at each step; NaN where there is none.
    public var targets: [[Double]]
    /// The same of the covariates, the past ones and then the future ones.
    public var covariates: [[Double]]

    /// Steps.
    public var count: Int { targets.first?.count ?? 0 }
  }

  /// The file.
  public let file: String
  /// The columns, the targets by name.
  public let columns: Columns
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

  /// Reads a table. With a `step` that is known, such as a model's, series of one row are read too. Throws ``TaskDataError``.
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
    let covariates = try (columns.past + columns.future).map { name throws(SeriesError) in
      try table.column(name)
    }
    var targets: [Int]
    if columns.targets == ["all"], !table.header.contains("all") {
      let taken = Set(times + covariates + (group.map { [$0] } ?? []))
      targets = table.header.indices.filter { !taken.contains($0) && table.isNumeric($0) }
      columns.targets = targets.map { table.header[$0] }
      if targets.isEmpty {
        throw SeriesError(file, expected: "a column of numbers to forecast", found: "none")
      }
    } else {
      targets = try columns.targets.map { name throws(SeriesError) in try table.column(name) }
    }
    let named = columns.targets + columns.past + columns.future
    for (index, name) in named.enumerated() where named[..<index].contains(name) {
      throw SeriesError(
        file, column: name, expected: "a column named once, as target, past or future", found: "it twice")
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
      var last = -1
      for (row, time) in zip(own.rows, own.times) {
        let place = Int(step.steps(from: start, to: time).rounded())
        guard place > last, place < count else {
          throw SeriesError(
            file, line: table.line(row), column: columns.time.first,
            expected: "a step of \(Self.text(step, ownForm)) after the row before",
            found: SeriesTime(value: time, form: ownForm).text)
        }
        last = place
        for index in numbers.indices {
          let value = numbers[index][row]
          if value.isNaN { missing += 1 }
          values[index][place] = value
        }
      }
      absent += count - own.rows.count
      series.append(
        Series(
          id: id, start: start, targets: Array(values[..<targets.count]),
          covariates: Array(values[targets.count...])))
    }
    (self.file, self.columns, self.form, self.step, self.series) = (file, columns, ownForm, step, series)
    (absentSteps, missingValues) = (absent, missing)
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
