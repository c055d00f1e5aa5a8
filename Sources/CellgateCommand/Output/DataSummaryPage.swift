import Cellgate
import CellgateBasics
import CellgateFiles

/// What was recognised in a file, for people or as one JSON object.
struct DataSummaryPage {
  private let summary: DataSummary

  init(_ summary: DataSummary) { self.summary = summary }

  func print(json: Bool) {
    if json {
      printJSON()
      return
    }
    Console.print("\n  \(Terminal.output.styled(summary.file, .bold))  \(form)")
    printColumns()
    if let parts = summary.parts {
      Console.print(
        "\n  \(Text.plural(summary.rows, "sequence")): \(Text.count(parts.training)) for training, "
          + "\(Text.count(parts.validation)) for validation, \(Text.count(parts.test)) for the test")
      if let remark = summary.remark { Console.print("  " + remark) }
      if let width = summary.width {
        Console.print(
          "  \(Text.plural(width, "number")) a step, \(Text.count(summary.missing)) missing in all")
      }
      if let words = summary.words { Console.print("  \(Text.plural(words, "word")) known") }
    }
    printClasses()
    if let targets = summary.targets {
      print(targets, title: "number to be found", number: { Text.number($0) })
    }
    // Lengths are whole; those that bins begin at are the next ones.
    if let lengths = summary.lengths { print(lengths, title: "steps") { Text.count(Int($0.rounded(.up))) } }
    Console.print()
  }

  private var form: String {
    guard let form = summary.form else { return "\(Text.count(summary.rows)) series" }
    let delimiter = form.delimiter.map { $0 == "\t" ? "tabs" : "'\($0)'" }
    let header = form.hasHeader == false ? ", no header" : ""
    return "a table, \(Text.plural(summary.tableRows, "row"))"
      + (delimiter.map { ", fields between \($0)" } ?? "") + header
  }

  private func printColumns() {
    guard !summary.columns.isEmpty else { return }
    Console.print()
    var table = Table([.left("column"), .left("type"), .right("missing"), .right("different")])
    for column in summary.columns.prefix(Self.mostLines) {
      table.add([
        quotedName(column.name), column.kind.rawValue, Text.count(column.missing),
        Text.count(column.different),
      ])
    }
    table.print()
    let rest = summary.columns.count - Self.mostLines
    if rest > 0 { Console.print("  and \(Text.count(rest)) more") }
  }

  private func printClasses() {
    guard !summary.classes.isEmpty else { return }
    Console.print()
    var table = Table([.left("class"), .right("sequences"), .left("")])
    let most = summary.classes.map(\.count).max() ?? 1
    for (name, count) in summary.classes.prefix(Self.mostLines) {
      table.add([quotedName(name), Text.count(count), Self.bar(count, of: most)])
    }
    table.print()
    let rest = summary.classes.count - Self.mostLines
    if rest > 0 { Console.print("  and \(Text.count(rest)) more") }
  }

  private func print(_ spread: DataSummary.Spread, title: String, number: (Double) -> String) {
    Console.print(
      "\n  \(title): \(number(spread.least)) to \(number(spread.most)), median \(number(spread.median))")
    var table = Table([.right("from"), .right("sequences"), .left("")])
    let width = (spread.most - spread.least) / Double(spread.bins.count)
    let most = spread.bins.max() ?? 1
    for (place, count) in spread.bins.enumerated() {
      table.add([
        number(spread.least + Double(place) * width), Text.count(count), Self.bar(count, of: most),
      ])
    }
    table.print()
  }

  /// Columns and classes that are shown.
  private static let mostLines = 30
  private static let longestBar = 40

  private static func bar(_ count: Int, of most: Int) -> String {
    String(repeating: "█", count: (count * longestBar + most - 1) / max(most, 1))
  }

  private func printJSON() {
    func spread(_ spread: DataSummary.Spread?) -> JSONValue {
      guard let spread else { return .null }
      return .object([
        ("least", .number(spread.least)), ("median", .number(spread.median)), ("most", .number(spread.most)),
        ("bins", .array(spread.bins.map { .integer($0) })),
      ])
    }
    JSONValue.object([
      ("data", .string(summary.file)),
      ("delimiter", summary.form?.delimiter.map { .string(String($0)) } ?? .null),
      ("header", summary.form?.hasHeader.map { .bool($0) } ?? .null),
      ("rows", .integer(summary.tableRows)), ("sequences", .integer(summary.rows)),
      (
        "columns",
        .array(
          summary.columns.map {
            .object([
              ("name", .string($0.name)), ("type", .string($0.kind.rawValue)),
              ("missing", .integer($0.missing)), ("different", .integer($0.different)),
            ])
          })
      ),
      (
        "parts",
        summary.parts.map {
          .object([
            ("train", .integer($0.training)), ("valid", .integer($0.validation)), ("test", .integer($0.test)),
          ])
        } ?? .null
      ),
      (
        "classes",
        .array(
          summary.classes.map { .object([("label", .string($0.name)), ("count", .integer($0.count))]) })
      ),
      ("targets", spread(summary.targets)), ("lengths", spread(summary.lengths)),
      ("width", summary.width.map { .integer($0) } ?? .null),
      ("words", summary.words.map { .integer($0) } ?? .null), ("missing", .integer(summary.missing)),
      ("remark", summary.remark.map { .string($0) } ?? .null),
    ]).print()
  }
}
