import CellgateCharts
import CellgateTraining

/// What a study has found as a page of Markdown: its `results.md`.
struct StudyTable {
  private let study: Study
  private let results: StudyResults

  init(_ study: Study, _ results: StudyResults) {
    self.study = study
    self.results = results
  }

  /// The page.
  var text: String {
    ([heading] + results.experiments.flatMap { own in own.comparisons.map { section(own, $0) } } + [
      costs, notes,
    ])
    .filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  private var heading: String {
    // They are the same for all of its experiments.
    let options = study.experiments.first?.options ?? []
    let command = ["cellgate reproduce \(study.name) --budget \(study.budget.rawValue)"] + options
    var lines = ["# \(study.question)", "", "    " + command.joined(separator: " ")]
    if !results.complete { lines += ["", "**So far**: not all of it is known."] }
    if study.budget == .smoke {
      lines += ["", "This budget shows that everything runs; its numbers mean nothing."]
    }
    for line in results.leftOut { lines += ["", "Left out: \(line)"] }
    return lines.joined(separator: "\n")
  }

  private func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }

  private func value(_ value: Double?, _ metric: String) -> String {
    guard let value else { return "–" }
    return metric == "accuracy" ? NumberText.number(100 * value) + " %" : NumberText.number(value)
  }

  /// The quality, the time and the memory of one experiment's models.
  private func section(_ own: StudiedExperiment, _ comparison: ReproducedComparison) -> String {
    let metric = own.metric.replacing("_", with: " ")
    let time = comparison.equalSeconds.map(NumberText.duration) ?? "equal time"
    var columns = ["model", "units", "parameters", "test \(metric)", "seeds"]
    if own.measure != .value { columns.append("solved at step") }
    columns += [
      "ms per update", "validation \(metric) after \(time) of updates", "memory of training, estimated",
    ]
    let lines = comparison.rows.map { line -> String in
      let summary = line.summary
      var cells = [
        "`\(summary.cell)`", NumberText.count(summary.hidden), NumberText.count(summary.parameters),
        value(summary.mean, own.metric) + (summary.spread.map { " ± " + value($0, own.metric) } ?? ""),
        NumberText.count(summary.runs),
      ]
      if own.measure != .value {
        cells.append(line.stepsToReach.map { NumberText.count($0) } ?? "not reached")
      }
      cells += [
        summary.msPerStep.map { NumberText.number($0, digits: 3) } ?? "–",
        value(line.equalTimeValue, own.metric), line.trainingBytes.map(NumberText.bytes) ?? "–",
      ]
      return row(cells)
    }
    let head = [row(columns), row(columns.indices.map { $0 == 0 ? "---" : "---:" })]
    let note =
      "\(own.better.prefix(1).uppercased() + own.better.dropFirst()) is better; without a model "
      + "\(value(comparison.baseline, own.metric)) (\(comparison.baselineLabel)). "
      + "\(own.jobs) \(own.jobs == 1 ? "run" : "runs") at a time on \(own.threads) "
      + "\(own.threads == 1 ? "thread" : "threads"), \(NumberText.duration(own.wallSeconds)) in all: "
      + "[all numbers](\(own.experiment)/results.md)."
    return (["## `\(own.task)`, \(comparison.part)", ""] + head + lines + ["", note]).joined(separator: "\n")
  }

  /// The cost of one more symbol at each length.
  private var costs: String {
    guard !results.costs.isEmpty else { return "" }
    let lengths = results.costs.map(\.length).reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
    let cells = results.costs.map(\.cell).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let columns =
      ["model"]
      + lengths.flatMap { ["ms, \(NumberText.count($0)) symbols", "kept, \(NumberText.count($0)) symbols"] }
    let lines = cells.map { cell in
      row(
        ["`\(cell)`"]
          + lengths.flatMap { length -> [String] in
            guard let cost = results.costs.first(where: { $0.cell == cell && $0.length == length }) else {
              return ["–", "–"]
            }
            return [
              NumberText.number(cost.msPerSymbol, digits: 3), NumberText.bytes(Double(cost.stateBytes)),
            ]
          })
    }
    return
      ([
        "## Writing one more symbol", "", row(columns), row(columns.indices.map { $0 == 0 ? "---" : "---:" }),
      ] + lines + [
        "",
        "Language models of the sizes above, one text, all of whose symbols the model sees: milliseconds of a step, and bytes that "
          + "hold what is kept of the text.",
      ]).joined(separator: "\n")
  }

  private var notes: String {
    let machine = results.machine
    return """
      The models of an experiment have as many parameters. The test data are scored with the best model by the validation data; the \
      validation column is the best that each had reached in the time that the fastest of them takes for its updates.

      Cellgate \(results.version) on \(machine.processor), \(machine.cores) cores, \(machine.instructionSet), \(machine.system).
      """
  }
}
