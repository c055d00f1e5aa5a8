import CellgateBasics
import CellgateFiles
import CellgateTraining

/// What a comparison found: its `compare.json`, with keys in snake case.
public struct ComparisonSummary: Codable, Equatable, Sendable {
  /// The task's name.
  public var task: String
  /// What the cells had in common: "units" or "parameters".
  public var equal: ComparisonSettings.Equality
  /// The metric's name.
  public var metric: String
  /// Whether "lower" or "higher" values are better.
  public var better: String
  /// The metric by which best models were chosen; nil where that is `metric`.
  public var selection: String?
  /// The metric's value without learning, and how it is reached.
  public var baseline: Double, baselineLabel: String
  /// When a run counts as solved: "mse < 0.01".
  public var solved: String
  /// A row for each cell, in the order of the comparison.
  public var rows: [ComparisonRow]
  /// The metric's difference of each pair of cells, seed by seed; nil in files of older versions.
  public var differences: [PairedDifference]?
  /// The complete runs.
  public var runs: [TrainingResult]

  /// As the bytes of `compare.json`.
  func encoded() -> Data { ConfigFile.encode(self) }

  /// As the text of `compare.csv`: a line for each cell, empty where there is no value.
  func csv() -> String {
    let header = [
      "cell", "hidden", "parameters", "metric", "mean", "spread", "runs", "solved_runs", "steps_to_solve",
      "diverged_runs", "ms_per_step",
    ]
    func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    let lines = rows.map { row in
      CSVWriter.line([
        row.cell, "\(row.hidden)", "\(row.parameters)", row.metric, text(row.mean), text(row.spread),
        "\(row.runs)", "\(row.solvedRuns)", text(row.stepsToSolve), "\(row.divergedRuns)",
        text(row.msPerStep),
      ])
    }
    return CSVWriter.line(header) + lines.joined()
  }
}

/// What one cell reached over all seeds. A value that does not exist is null in files.
public struct ComparisonRow: Codable, Equatable, Sendable {
  /// The cell's name.
  public var cell: String
  /// Hidden units.
  public var hidden: Int
  /// Numbers learned, in all of the model.
  public var parameters: Int
  /// The metric's name.
  public var metric: String
  /// The mean of the metric on the test data over the complete runs; nil when there is none.
  public var mean: Double?
  /// The sample standard deviation; nil for fewer than two runs.
  public var spread: Double?
  /// Complete runs.
  public var runs: Int
  /// Their seeds; nil in files of older versions.
  public var seeds: [UInt64]?
  /// Runs that solved the task.
  public var solvedRuns: Int
  /// The median over all runs of the step at which the task was solved, a run that did not solve it counting as
  /// later than any other; nil when that is the median.
  public var stepsToSolve: Double?
  /// Runs that diverged.
  public var divergedRuns: Int
  /// Milliseconds per update, the mean over the complete runs.
  public var msPerStep: Double?

  /// The row of the cell in `settings` from its runs that have ended.
  init(settings: TrainingSettings, metric: String, ended: [RunQueue.Ended]) {
    let results = ended.compactMap(\.result)
    cell = settings.cell
    hidden = settings.hidden
    parameters = ended.first?.parameters ?? 0
    self.metric = metric
    mean = Statistics.mean(results.map(\.value))
    spread = Statistics.spread(results.map(\.value))
    runs = results.count
    seeds = results.map(\.seed)
    solvedRuns = results.count { $0.solvedAtStep != nil }
    stepsToSolve = Statistics.medianStep(ended.map { $0.result?.solvedAtStep })
    divergedRuns = ended.count - results.count
    msPerStep = Statistics.mean(results.map(\.msPerStep))
  }

  /// Writes every key, null where there is no value.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(cell, forKey: .cell)
    try values.encode(hidden, forKey: .hidden)
    try values.encode(parameters, forKey: .parameters)
    try values.encode(metric, forKey: .metric)
    try values.encode(mean, forKey: .mean)
    try values.encode(spread, forKey: .spread)
    try values.encode(runs, forKey: .runs)
    try values.encode(seeds, forKey: .seeds)
    try values.encode(solvedRuns, forKey: .solvedRuns)
    try values.encode(stepsToSolve, forKey: .stepsToSolve)
    try values.encode(divergedRuns, forKey: .divergedRuns)
    try values.encode(msPerStep, forKey: .msPerStep)
  }
}
