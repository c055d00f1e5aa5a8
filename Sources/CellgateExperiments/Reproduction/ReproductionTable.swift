import CellgateCharts
import CellgateTraining

/// What a reproduction has found as a page of Markdown: its `results.md`.
struct ReproductionTable {
  private let results: ReproductionResults

  init(_ results: ReproductionResults) { self.results = results }

  /// The page.
  var text: String {
    let sections =
      [heading] + results.comparisons.map(section) + [notes] + searches + [figures, settings, origin]
    return sections.joined(separator: "\n\n") + "\n"
  }

  private var heading: String {
    var lines = [
      "# \(results.experiment.title), reproduced: budget \(results.budget.rawValue)", "", "    \(command)",
    ]
    let diverged = results.runs.count { $0.state == .diverged }
    if !results.complete {
      let ended = results.runs.count { $0.state != .pending }
      lines += ["", "**So far**: \(ended) of \(results.runs.count) runs have ended."]
    }
    if diverged > 0 {
      lines += ["", "\(diverged) of \(results.runs.count) runs diverged: a number became NaN or infinite."]
    }
    if results.budget == .smoke {
      lines += ["", "This budget shows that everything runs; its numbers mean nothing."]
    }
    return lines.joined(separator: "\n")
  }

  private var command: String {
    let experiment = results.experiment
    let words =
      ["cellgate reproduce \(experiment.title) --budget \(results.budget.rawValue)"]
      + ["--cells \(experiment.cells.joined(separator: ","))", "--seeds \(experiment.seeds)"]
      + (experiment.options ?? [])
    return words.joined(separator: " ")
  }

  private var metric: String { results.metric.replacing("_", with: " ") }
  private var hasOwnGoal: Bool { results.measure == .stepsToHalfBaseline }

  private func section(_ comparison: ReproducedComparison) -> String {
    var columns = ["cell", "units", "parameters", "test \(metric)", "seeds", "solved", "solved at step"]
    if hasOwnGoal { columns += ["half the baseline at step"] }
    let equalSeconds = comparison.rows.count > 1 ? comparison.equalSeconds : nil
    columns += ["ms per update"]
    if let equalSeconds { columns += ["validation \(metric) in \(NumberText.duration(equalSeconds))"] }
    columns += ["paper"]
    let lines = [
      "## \(comparison.part), equal \(comparison.equal.rawValue)", "", row(columns),
      row(columns.enumerated().map { $0.offset == 0 ? "---" : "---:" }),
    ]
    let best = best(comparison)
    return (lines + comparison.rows.map { row(cells($0, best: best, isTimed: equalSeconds != nil)) }).joined(
      separator: "\n")
      + "\n\nWithout learning: \(value(comparison.baseline)) (\(comparison.baselineLabel))."
      + differences(comparison) + tests(comparison)
  }

  /// What the best models reach in other tests, and the differences there.
  private func tests(_ comparison: ReproducedComparison) -> String {
    guard let tests = comparison.testDifferences, !tests.isEmpty else { return "" }
    var lines = [
      "", "", row(["test \(metric) at"] + tests.map(\.label)), row(["---"] + tests.map { _ in "---:" }),
    ]
    for own in comparison.rows {
      lines.append(
        row(
          ["`\(own.summary.cell)`"]
            + (own.tests ?? []).map { test in
              guard let mean = test.mean else { return "–" }
              return value(mean) + (test.spread.map { " ± \(spread($0))" } ?? "")
            }))
    }
    for place in tests[0].differences.indices where !tests[0].differences[place].seeds.isEmpty {
      let pair = tests[0].differences[place]
      lines.append(
        row(
          ["`\(pair.cell)` − `\(pair.reference)`"]
            + tests.map { test in
              let texts = test.differences[place].texts(spread)
              let mark = test.differences[place].isDistinguishable ? "" : " ≈"
              return texts.interval == "–" ? texts.difference : "\(texts.difference) \(texts.interval)\(mark)"
            }))
    }
    return lines.joined(separator: "\n")
  }

  /// The differences of each pair of cells, of what they are judged by.
  private func judgedDifferences(_ comparison: ReproducedComparison) -> [PairedDifference] {
    (results.measure == .value ? comparison.differences : comparison.stepDifferences) ?? []
  }

  private func differences(_ comparison: ReproducedComparison) -> String {
    let pairs = judgedDifferences(comparison).filter { !$0.seeds.isEmpty }
    guard !pairs.isEmpty else { return "" }
    let isOfSteps = results.measure != .value
    let unit = isOfSteps ? "updates" : "test \(metric)"
    let lines = pairs.map { pair in
      let texts = pair.texts { isOfSteps ? NumberText.count($0) : spread($0) }
      return row([
        "`\(pair.cell)` − `\(pair.reference)`", texts.difference, texts.interval, "\(pair.seeds.count)",
        texts.verdict,
      ])
    }
    return
      ([
        "", "", row(["difference, \(unit)", "mean", "95 % interval", "seeds", ""]),
        row(["---", "---:", "---:", "---:", "---"]),
      ] + lines).joined(separator: "\n")
  }

  private func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }

  /// What a cell is judged by; nil where it has none.
  private func judged(_ row: ReproducedRow) -> Double? {
    switch results.measure {
    case .value: row.summary.mean
    case .stepsToSolve: row.summary.stepsToSolve
    case .stepsToHalfBaseline: row.stepsToReach
    }
  }

  /// The best of what the cells are judged by, which stands out where its difference from every other cell is more than
  /// chance.
  private func best(_ comparison: ReproducedComparison) -> Double? {
    let rows = comparison.rows
    let values = rows.compactMap(judged)
    let isSure = rows.count > 1 && rows.allSatisfy { $0.summary.runs > 1 }
    let isLower = results.measure != .value || results.better == "lower"
    guard isSure, let best = isLower ? values.min() : values.max(),
      let cell = rows.first(where: { judged($0) == best })?.summary.cell
    else { return nil }
    let own = judgedDifferences(comparison).filter { $0.cell == cell || $0.reference == cell }
    return own.allSatisfy(\.isDistinguishable) ? best : nil
  }

  private func cells(_ row: ReproducedRow, best: Double?, isTimed: Bool) -> [String] {
    let summary = row.summary
    let all = summary.runs + summary.divergedRuns
    func steps(_ median: Double?, of measure: Experiment.Measure) -> String {
      guard all > 0 else { return "–" }
      guard let median else { return "not reached" }
      let text = NumberText.count(median)
      return results.measure == measure && median == best ? "**\(text)**" : text
    }
    var cells = [
      "`\(summary.cell)`", NumberText.count(summary.hidden),
      summary.parameters > 0 ? NumberText.count(summary.parameters) : "–", mean(summary, best: best),
      "\(all)",
      all > 0 ? "\(summary.solvedRuns) of \(all)" : "–", steps(summary.stepsToSolve, of: .stepsToSolve),
    ]
    if hasOwnGoal {
      cells.append(
        steps(row.stepsToReach, of: .stepsToHalfBaseline) + (all > 0 ? " (\(row.reachedRuns) of \(all))" : "")
      )
    }
    cells.append(summary.msPerStep.map { NumberText.number($0, digits: 3) } ?? "–")
    if isTimed { cells.append(row.equalTimeValue.map(value) ?? "–") }
    return cells + [row.paper.map(value) ?? "no number"]
  }

  private func mean(_ row: ComparisonRow, best: Double?) -> String {
    guard let mean = row.mean else { return row.divergedRuns > 0 ? "diverged" : "not run yet" }
    var text = results.measure == .value && mean == best ? "**\(value(mean))**" : value(mean)
    if let spread = row.spread { text += " ± \(self.spread(spread))" }
    return row.divergedRuns > 0 ? "\(text) (\(row.divergedRuns) diverged)" : text
  }

  /// An accuracy in per cent, as the paper writes it; anything else in four digits.
  private func value(_ value: Double) -> String {
    results.metric == "accuracy" ? fixed(100 * value) + " %" : NumberText.number(value)
  }

  private func spread(_ value: Double) -> String {
    results.metric == "accuracy" ? fixed(100 * value) + " %" : NumberText.number(value, digits: 2)
  }

  private func fixed(_ value: Double) -> String {
    let (whole, fraction) = SVGChart.decimal(value, 2)
    return whole + "." + fraction + String(repeating: "0", count: 2 - fraction.count)
  }

  private var notes: String {
    var lines = [
      "Test \(metric) of the best model by the validation data, \(results.better) is better; ± is the sample standard "
        + "deviation over the seeds. Steps are updates at which the validation data first showed "
        + "\(results.solved), the median over the seeds, those that never did counting as later than any other."
    ]
    if hasOwnGoal {
      lines.append(
        "Half the baseline: the first evaluation with a validation \(metric) of at most half of that without learning."
      )
    }
    if results.comparisons.contains(where: { $0.rows.count > 1 && $0.equalSeconds != nil }) {
      lines.append(
        "Validation \(metric) in a time: the best that the cell had reached when it had been trained for as long as the fastest "
          + "of them takes, evaluations not counted."
      )
    }
    if results.comparisons.contains(where: { !judgedDifferences($0).isEmpty }) {
      lines.append(
        "Differences are taken seed by seed, with the 95 % interval of their mean by Student's t: one that has 0 in it (≈) "
          + "may be chance. The intervals are of one pair each; of twenty pairs that are equal about one is "
          + "marked as different."
          + (results.measure == .value
            ? "" : " A run that did not get there counts with the updates that it made."))
    }
    lines.append("Paper: \(results.experiment.paperNote)")
    return lines.joined(separator: "\n\n")
  }

  /// The trials of the search, and which settings each cell got.
  private var searches: [String] {
    guard let search = results.search, let settings = results.experiment.search else { return [] }
    var lines = [
      "## Search", "", settings.description.prefix(1).uppercased() + settings.description.dropFirst() + ".",
      "Best validation \(metric) at the end of each trial's last round"
        + (search.measure == .value
          ? "" : ", or the step at which \(results.measure.goal(solved: results.solved, metric: metric))")
        + "; the best trial stands out. All rounds are in `search.csv`.",
    ]
    for part in search.cells.map(\.part).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
      let cells = search.cells.filter { $0.part == part }
      let trials = cells.first?.trials ?? []
      lines += [
        "", row([part] + trials.map { "\($0.initialization), \($0.learningRate)" }),
        row(["---"] + trials.map { _ in "---:" }),
      ]
      for cell in cells {
        let found = cell.trials.map { trial(isBest: cell.chosen == $0.run, $0) }
        lines.append(row(["`\(cell.cell)`, \(cell.hidden) units"] + found))
      }
    }
    let edges = search.cells.compactMap { cell in
      cell.rateAtEdge.map {
        "- `\(cell.cell)`, \(cell.hidden) units, \(cell.part): \($0.rate) is the \($0.isLargest ? "largest" : "smallest")"
      }
    }
    if !edges.isEmpty {
      lines += [
        "",
        "Best rates at the edge of those that were tried, beyond which there may be a better one (`--search-rates`):",
        "",
      ]
      lines += edges
    }
    return [lines.joined(separator: "\n")]
  }

  private func trial(isBest: Bool, _ trial: SearchTrial) -> String {
    guard let last = trial.rounds.last else { return "–" }
    var text = last.value.map(value) ?? "–"
    if last.divergedAtStep != nil { text = "diverged" }
    if results.measure != .value, let step = last.stepsToReach { text = "step \(NumberText.count(step))" }
    return isBest ? "**\(text)**" : text
  }

  private var figures: String {
    let names = results.comparisons.map { comparison in
      ("\(comparison.part), equal \(comparison.equal.rawValue)", ReproductionFigures.curvesName(comparison))
    }
    let measure = ReproductionFigures.measure(results)
    return ([(measure.chart.title, measure.name)] + names).map { "![\($0)](\($1))" }.joined(separator: "\n\n")
  }

  /// The settings that a search finds.
  private static let searched = [
    "optimizer_settings.learning_rate", "initialization", "chrono_steps", "forget_bias",
  ]

  private var settings: String {
    let lines = results.experiment.parts.filter { !$0.equal.isEmpty }.map { part in
      var settings = part.training.flattened()
      for name in ["task", "cell", "seed", "hidden", "format_version"] { settings[name] = nil }
      if results.search != nil {
        for name in settings.keys where Self.searched.contains(where: name.hasPrefix) { settings[name] = nil }
      }
      let text = settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      return "- \(part.label): \(text)"
    }
    let others = results.search == nil ? "" : " besides those that were searched for"
    return "Settings of all runs\(others), by their names in `config.json`:\n\n"
      + lines.joined(separator: "\n")
  }

  private var origin: String {
    let machine = results.machine
    return
      "Cellgate \(results.version) on \(machine.processor), \(machine.cores) cores, \(machine.instructionSet), "
      + "\(machine.system); \(results.jobs) \(results.jobs == 1 ? "run" : "runs") at a time, \(results.threads) "
      + "\(results.threads == 1 ? "thread" : "threads"); "
      + "\(NumberText.duration(results.wallSeconds)) in all."
  }
}
