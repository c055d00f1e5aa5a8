import Cellgate
import CellgateBasics
import CellgateCharts

/// What a reproduction found: the table, and where the files are.
struct ReproductionReport {
  let results: ReproductionResults
  let reproduction: Reproduction
  let folder: String

  /// The last record: the rows of a comparison's summary, each with the comparison that it belongs to.
  var record: JSONValue {
    var rows: [JSONValue] = []
    for comparison in results.comparisons {
      for row in comparison.rows {
        let tests = (row.tests ?? []).map { test -> JSONValue in
          ["label": .string(test.label), "mean": .optional(test.mean), "spread": .optional(test.spread)]
        }
        let own: [(key: String, value: JSONValue)] = [
          ("part", .string(comparison.part)), ("equal", .string(comparison.equal.rawValue)),
          ("steps_to_reach", .optional(row.stepsToReach)), ("reached_runs", .integer(row.reachedRuns)),
          ("paper", .optional(row.paper)), ("learning_rate", .optional(row.learningRate)),
          ("initialization", row.initialization.map { .string($0) } ?? .null), ("tests", .array(tests)),
        ]
        rows.append(.object(RunRecord.row(row.summary) + own))
      }
    }
    return [
      "record": "summary", "task": .string(results.task), "rows": .array(rows),
      "budget": .string(results.budget.rawValue), "better": .string(results.better),
      "solved": .string(results.solved), "measure": .string(results.measure.rawValue),
      "seeds": .integer(reproduction.experiment.seeds), "runs": .integer(results.runs.count),
      "wall_seconds": .number(results.wallSeconds), "directory": .string(folder),
      "differences": .array(
        results.comparisons.flatMap { comparison in
          (comparison.differences ?? []).map { pair in
            .object(
              RunRecord.difference(pair) + [
                ("part", .string(comparison.part)), ("equal", .string(comparison.equal.rawValue)),
              ])
          }
        }),
    ]
  }

  /// Prints the report for people.
  func print() {
    Console.print()
    let metric = Text.metric(results.metric)
    let isHalf = results.measure == .stepsToHalfBaseline
    var columns: [Table.Column] = [
      .left("part"), .left("equal"), .left("cell"), .right("hidden"), .right("parameters"),
      .right("test \(metric)"), .right("solved at"),
    ]
    if isHalf { columns.append(.right("half baseline at")) }
    var table = Table(columns + [.right("paper")])
    for comparison in results.comparisons {
      for (index, row) in comparison.rows.enumerated() {
        let summary = row.summary
        var cells = [
          index == 0 ? comparison.part : "", index == 0 ? comparison.equal.rawValue : "", summary.cell,
          Text.count(summary.hidden), Text.count(summary.parameters), summary.valueText, summary.solvedText,
        ]
        if isHalf { cells.append(summary.stepText(row.stepsToReach, of: row.reachedRuns)) }
        table.add(cells + [row.paper.map { Text.number($0) } ?? "–"])
      }
    }
    table.print()
    Console.print(
      "\n  Test \(metric) of the best model, \(results.better) is better; ± is the standard deviation over the seeds."
    )
    let isOfSteps = results.measure != .value
    DifferenceTable.print(
      results.comparisons.map {
        ("\($0.part), equal \($0.equal.rawValue)", (isOfSteps ? $0.stepDifferences : $0.differences) ?? [])
      }, of: isOfSteps ? "updates" : "test \(metric)",
      number: { isOfSteps ? Text.count($0) : Text.number($0, digits: 2) })
    printTests(metric)
    printSearch()
    let note = Text.wrapped(
      "Paper: \(results.experiment.paperNote)", to: min(100, Terminal.output.width ?? 100) - 4)
    for line in note { Console.print("  \(line)") }
    Console.print("\n  In \(folder), after \(Text.duration(results.wallSeconds)) in all:")
    let figures = reproduction.figures.map(\.name)
    let width = (figures + ["results.json"]).map(Text.width).max() ?? 0
    func line(_ name: String, _ text: String) {
      Console.print("    \(Text.padded(name, to: width))  \(text)")
    }
    line("results.md", "these tables, with all settings")
    line("results.json", "all numbers")
    if results.search != nil { line("search.csv", "what each trial of the search reached") }
    for (name, chart) in reproduction.figures {
      line(name, "\(chart.title)\(name.hasPrefix("curves") ? ": learning curves" : "")")
    }
    Console.print()
  }

  /// Prints what the best models reach in other tests.
  private func printTests(_ metric: String) {
    for comparison in results.comparisons {
      guard let tests = comparison.testDifferences, !tests.isEmpty else { continue }
      Console.print("\n  Test \(metric) of the same models elsewhere, equal \(comparison.equal.rawValue):\n")
      var table = Table([.left("cell")] + tests.map { .right($0.label) })
      for row in comparison.rows {
        table.add(
          [row.summary.cell]
            + (row.tests ?? []).map { test in
              let spread = test.spread.map { " ± \(Text.number($0, digits: 2))" } ?? ""
              return (test.mean.map { Text.number($0) } ?? "–") + spread
            })
      }
      table.print()
    }
  }

  /// Prints which settings each cell got.
  private func printSearch() {
    guard let search = results.search, search.complete else { return }
    Console.print("\n  Found by the search, on validation data:\n")
    var table = Table([
      .left("part"), .left("cell"), .right("hidden"), .right("learning rate"), .left("initialization"),
    ])
    for (index, cell) in search.cells.enumerated() {
      guard let best = cell.trials.first(where: { $0.run == cell.chosen }) else { continue }
      let isNew = index == 0 || search.cells[index - 1].part != cell.part
      table.add([
        isNew ? cell.part : "", cell.cell, Text.count(cell.hidden), "\(best.learningRate)",
        best.initialization,
      ])
    }
    table.print()
  }
}
