import Cellgate
import CellgateBasics

/// What a comparison found: the table, where the files are, and what to try next.
struct ComparisonReport {
  let result: ComparisonSummary
  let task: any SequenceTask.Type
  let settings: ComparisonSettings
  let folder: String
  /// The validation metric of each cell's first run, at each evaluation.
  let curves: [String: [Double]]
  /// What the model reached that all runs started from; nil for runs that started from first values.
  var before: Double?
  /// Whether the command that was typed is one to go on from.
  var suggests = true

  /// The promised summary.
  var record: JSONValue {
    let rows = result.rows.map { JSONValue.object(RunRecord.row($0)) }
    let start: [(key: String, value: JSONValue)] = before.map { [("before", .number($0))] } ?? []
    let record: JSONValue = [
      "record": "summary", "task": .string(result.task), "rows": .array(rows),
      "equal": .string(result.equal.rawValue), "better": .string(result.better),
      "baseline": .number(result.baseline), "solved": .string(result.solved),
      "seeds": .integer(settings.seeds), "directory": .string(folder),
      "differences": .array((result.differences ?? []).map { .object(RunRecord.difference($0)) }),
    ]
    let selection: [(key: String, value: JSONValue)] =
      result.selection.map { [("selection", .string($0))] } ?? []
    return (start + selection).reduce(record) { $0.adding($1.key, $1.value) }
  }

  /// Prints the report for people.
  func print() {
    Console.print()
    printTable()
    let direction = result.better == "lower" ? "lower is better" : "higher is better"
    Console.print(
      "\n  Test \(metricName) of the best model\(selectionText), \(direction); without learning "
        + "\(Text.number(result.baseline)) (\(result.baselineLabel)).")
    if let before { Console.print("  Before: \(Text.number(before)), with \(settings.cells[0]).") }
    if settings.seeds > 1 {
      Console.print("  ± is the standard deviation over \(settings.seeds) seeds; solved at is their median.")
      DifferenceTable.print(
        [("", result.differences ?? [])], of: "test \(metricName)", number: { Text.number($0, digits: 2) })
    } else {
      Console.print("  One seed: differences may be chance.")
    }
    Console.print("\n  In \(folder):")
    Console.print("    curves.svg                  the learning curves, for any browser")
    if (try? RunDiagnostics.all(in: folder))?.isEmpty == false {
      Console.print("    diagnostics-….svg           what was observed inside the cells, side by side")
    }
    Console.print("    compare.json, compare.csv   the table's numbers")
    Console.print("    a folder for each run       its settings, metrics and best model")
    let suggestions = suggestions
    if !suggestions.isEmpty { Console.print("\n  To try next:") }
    let width = suggestions.map { Text.width($0.1) }.max() ?? 0
    for (command, purpose) in suggestions {
      Console.print("    \(Text.padded(purpose, to: width))   \(command)")
    }
    Console.print()
  }

  private var metricName: String { Text.metric(result.metric) }

  /// By what best models were chosen, where that isn't the task's metric.
  private var selectionText: String {
    result.selection.map { ", chosen by validation \(Text.metric($0))" } ?? ""
  }

  private func printTable() {
    var columns: [Table.Column] = [
      .left("cell"), .right("hidden"), .right("parameters"), .right("test \(metricName)"),
      .right("solved at"), .right("ms/step"),
    ]
    let hasCurves = !curves.isEmpty
    if hasCurves { columns.append(.left("validation \(metricName) by step")) }
    var table = Table(columns)
    let drawn = drawnCurves
    let finite = drawn.values.flatMap { $0 }.filter(\.isFinite)
    let bounds = (finite.min() ?? 0)...(finite.max() ?? 0)
    for row in result.rows {
      var cells = [
        row.cell, Text.count(row.hidden), Text.count(row.parameters), row.valueText, row.solvedText,
        row.msPerStep.map { Text.fixed($0, 1) } ?? "–",
      ]
      if hasCurves { cells.append(Sparkline.draw(drawn[row.cell] ?? [], columns: 24, within: bounds)) }
      table.add(cells)
    }
    table.print()
  }

  /// The curves as they are drawn: errors by their logarithm.
  private var drawnCurves: [String: [Double]] {
    let isLogarithmic = result.better == "lower" && curves.values.allSatisfy { $0.allSatisfy { $0 > 0 } }
    return isLogarithmic ? curves.mapValues { $0.map { log($0) } } : curves
  }

  private var suggestions: [(String, String)] {
    // A comparison that was continued may name cells that it alone has.
    if before != nil || !suggests { return [] }
    if settings.cellTexts != nil, CommandLine.arguments.contains("--resume") { return [] }
    var lines: [(String, String)] = []
    if settings.seeds < 3 { lines.append((TypedCommand.changing("--seeds", "3"), "is it chance?")) }
    if settings.equal == .units, Set(result.rows.map(\.parameters)).count > 1 {
      lines.append((TypedCommand.changing("--equal", "parameters"), "the same number of parameters"))
    }
    if let length = settings.training.taskOptions["length"]?.whole {
      lines.append((TypedCommand.changing("--length", "\(2 * length)"), "a longer memory"))
    }
    if settings.cellTexts == nil, let last = settings.cells.last {
      lines.append((TypedCommand.line(["cells", last]), "what this cell computes"))
    }
    return lines
  }
}
