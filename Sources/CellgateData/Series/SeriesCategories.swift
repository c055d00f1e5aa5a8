import CellgateBasics
import CellgateFiles

/// The columns of categories of a table of series, and those that say something of a whole series.
struct SeriesCategories {
  /// The categories of each column of them, in the order in which they come.
  let levels: [[String]]
  /// Of each such column each row's place among them; −1 where there is none.
  private let codes: [[Int32]]
  private let columns: SeriesTable.Columns
  private let file: SeriesFile
  /// The places of the static columns, and the numbers of those that have numbers.
  private let statics: [(name: String, place: Int)]
  private let numbers: [String: [Double]]

  init(_ file: SeriesFile, _ columns: SeriesTable.Columns) throws(SeriesError) {
    (self.file, self.columns) = (file, columns)
    var (levels, codes): ([[String]], [[Int32]]) = ([], [])
    for name in columns.categories {
      let column = try file.column(name)
      var (known, order, own): ([String: Int32], [String], [Int32]) = ([:], [], [])
      own.reserveCapacity(file.count)
      for row in 0..<file.count {
        guard let category = file.category(row, column) else {
          own.append(-1)
          continue
        }
        if let place = known[category] {
          own.append(place)
        } else {
          known[category] = Int32(order.count)
          own.append(Int32(order.count))
          order.append(category)
        }
      }
      levels.append(order)
      codes.append(own)
    }
    (self.levels, self.codes) = (levels, codes)
    var statics: [(name: String, place: Int)] = []
    var numbers: [String: [Double]] = [:]
    for name in columns.statics { statics.append((name, try file.column(name))) }
    for name in columns.numericStatics { numbers[name] = try file.numbers(file.column(name)) }
    (self.statics, self.numbers) = (statics, numbers)
  }

  /// Of each categorical covariate what stands at each of `count` steps, of which `rows` are those at `places`.
  func covariates(_ rows: [Int], at places: [Int], count: Int) -> [[Int32]] {
    codes.prefix(columns.categoricalCovariates.count).map { codes in
      var values = [Int32](repeating: -1, count: count)
      for (row, place) in zip(rows, places) { values[place] = codes[row] }
      return values
    }
  }

  /// What the static columns say of the series of these rows: its numbers, NaN for none, and its categories, −1 for none. Throws at the first row that
  /// says something else than one before.
  func statics(_ rows: [Int], id: String) throws(SeriesError) -> (numbers: [Double], categories: [Int32]) {
    for (name, place) in statics {
      var first: String?
      for row in rows {
        guard let text = file.category(row, place) else { continue }
        let known = first ?? text
        first = known
        let isSame = numbers[name] != nil ? Double(text) == Double(known) : text == known
        guard isSame || text == known else {
          let series = id.isEmpty ? "the table" : "series '\(quotedName(id))'"
          throw SeriesError(
            file.file, line: file.line(row), column: name,
            expected:
              "'\(quotedName(known))' as in the rows before of \(series), as what is static doesn't change",
            found: "'\(quotedName(text))'")
        }
      }
    }
    let categories = codes.suffix(columns.categoricalStatics.count).map { codes in
      rows.lazy.map { codes[$0] }.first { $0 >= 0 } ?? -1
    }
    let own = columns.numericStatics.map { name in
      rows.lazy.compactMap { numbers[name]?[$0] }.first { !$0.isNaN } ?? .nan
    }
    return (own, categories)
  }
}
