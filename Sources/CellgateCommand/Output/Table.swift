import CellgateBasics

/// Aligned columns under a heading, with a rule between.
///
///     var table = Table([.left("cell"), .right("parameters")])
///     table.add(["lstm", "67,072"])
///     table.print()
struct Table {
  /// A column's heading, and on which side its cells are flush.
  struct Column {
    var title: String
    var isRight: Bool

    /// Text.
    static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
    /// Numbers.
    static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
  }

  private let columns: [Column]
  private var rows: [(cells: [String], style: Style?)] = []

  /// A table without rows.
  init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row of as many cells as there are columns.
  mutating func add(_ cells: [String], style: Style? = nil) {
    require(cells.count == columns.count, "Table: expected \(columns.count) cells, found \(cells.count)")
    rows.append((cells, style))
  }

  /// The lines for a terminal; a last column of text is cut where the terminal ends.
  func lines(for terminal: Terminal = .output) -> [String] {
    var widths = columns.indices.map { column in
      ([columns[column].title] + rows.map { $0.cells[column] }).map(Text.width).max() ?? 0
    }
    if let width = terminal.width, let last = columns.indices.last, !columns[last].isRight {
      let others = widths.dropLast().reduce(2) { $0 + $1 + 2 }
      widths[last] = min(widths[last], max(12, width - others))
    }
    func line(_ cells: [String]) -> String {
      let padded = columns.indices.map { column in
        Text.padded(
          Text.truncated(cells[column], to: widths[column]), to: widths[column],
          alignRight: columns[column].isRight)
      }
      var text = "  " + padded.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text
    }
    let rule = "  " + widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    return [terminal.styled(line(columns.map(\.title)), .bold), terminal.styled(rule, .dim)]
      + rows.map { row in row.style.map { terminal.styled(line(row.cells), $0) } ?? line(row.cells) }
  }

  /// Prints the table on standard output.
  func print() { for line in lines() { Console.print(line) } }
}
