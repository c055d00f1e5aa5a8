import CellgateBasics
import CellgateNN
import CellgateTraining

/// What a reproduction has found so far: its `results.json`, with keys in snake case.
public struct ReproductionResults: Codable, Equatable, Sendable {
  /// The layout of the file.
  public var formatVersion = 1
  /// The version of Cellgate.
  public var version: String
  /// The task's name.
  public var task: String
  /// How much time it may take.
  public var budget: Budget
  /// The metric's name.
  public var metric: String
  /// Whether "lower" or "higher" values of the metric are better.
  public var better: String
  /// When a run counts as solved: "mse < 0.01".
  public var solved: String
  /// What the cells are judged by.
  public var measure: Experiment.Measure
  /// Whether all runs have ended.
  public var complete: Bool
  /// A comparison for each size or length and each thing that cells have in common.
  public var comparisons: [ReproducedComparison]
  /// All runs; one that several comparisons share is made once.
  public var runs: [ReproducedRun]
  /// What it was made with.
  public var experiment: Experiment
  /// The machine.
  public var machine: Machine
  /// Runs made at a time, and the threads that they shared.
  public var jobs: Int, threads: Int
  /// What the search for each cell's settings found; nil without one.
  public var search: SearchResults?
  /// Seconds in all from the start to the last result, interruptions not counted.
  public var wallSeconds: Double

  /// As the bytes of `results.json`.
  func encoded() -> Data { ConfigFile.encode(self) }
}

/// Cells that have something in common on one size or length of a task.
public struct ReproducedComparison: Codable, Equatable, Sendable {
  /// The part's label: "T = 200".
  public var part: String
  /// What the cells have in common.
  public var equal: ComparisonSettings.Equality
  /// The metric's value without learning, and how it is reached.
  public var baseline: Double, baselineLabel: String
  /// Seconds of updates that the cell takes whose runs take the fewest; nil before a run is complete, and in files of older
  /// versions.
  public var equalSeconds: Double?
  /// A row for each cell.
  public var rows: [ReproducedRow]
  /// The metric's difference of each pair of cells, seed by seed; nil in files of older versions.
  public var differences: [PairedDifference]?
  /// The same of the steps until what is measured was reached, where that is what cells are judged by: a run that did not
  /// counts with the updates that it made.
  public var stepDifferences: [PairedDifference]?
  /// The differences in each of the part's tests; nil without any.
  public var testDifferences: [TestedDifferences]?
}

/// What one cell reached over the seeds, and the paper's number. In files its keys stand beside those of the summary.
public struct ReproducedRow: Codable, Equatable, Sendable {
  /// The runs that have ended, summed up.
  public var summary: ComparisonRow
  /// Runs that reached what is measured, such as half the baseline.
  public var reachedRuns: Int
  /// The median over all runs of the step at which that was reached, a run that did not counting as later than any
  /// other; nil when that is the median.
  public var stepsToReach: Double?
  /// The metric in the paper; nil where it gives none.
  public var paper: Double?
  /// The learning rate and the initialisation that the search found best; nil without one.
  public var learningRate: Double?, initialization: String?
  /// What the best models reach in the part's tests; nil without any.
  public var tests: [TestedRow]?
  /// The best metric on the validation data in the comparison's `equalSeconds` of updates, the mean over the complete runs.
  public var equalTimeValue: Double?
  /// Bytes of memory that a run needs, estimated; nil in files of older versions.
  public var trainingBytes: Double?

  private enum CodingKeys: CodingKey {
    case reachedRuns, stepsToReach, paper, learningRate, initialization, tests, equalTimeValue, trainingBytes
  }

  init(
    summary: ComparisonRow, steps: [Int?], paper: Double?, searched: TrainingSettings? = nil,
    tests: [TestedRow]? = nil, equalTimeValue: Double? = nil, trainingBytes: Double? = nil
  ) {
    self.tests = tests
    (self.equalTimeValue, self.trainingBytes) = (equalTimeValue, trainingBytes)
    self.summary = summary
    reachedRuns = steps.count { $0 != nil }
    stepsToReach = Statistics.medianStep(steps)
    self.paper = paper
    learningRate = searched?.optimizerSettings.learningRate.flatMap { Double($0.description) }
    initialization = searched?.startName
  }

  /// Reads the summary's keys and its own.
  public init(from decoder: any Decoder) throws {
    summary = try ComparisonRow(from: decoder)
    let values = try decoder.container(keyedBy: CodingKeys.self)
    reachedRuns = try values.decode(Int.self, forKey: .reachedRuns)
    stepsToReach = try values.decodeIfPresent(Double.self, forKey: .stepsToReach)
    paper = try values.decodeIfPresent(Double.self, forKey: .paper)
    learningRate = try values.decodeIfPresent(Double.self, forKey: .learningRate)
    initialization = try values.decodeIfPresent(String.self, forKey: .initialization)
    tests = try values.decodeIfPresent([TestedRow].self, forKey: .tests)
    equalTimeValue = try values.decodeIfPresent(Double.self, forKey: .equalTimeValue)
    trainingBytes = try values.decodeIfPresent(Double.self, forKey: .trainingBytes)
  }

  /// Writes every key, null where there is no value.
  public func encode(to encoder: any Encoder) throws {
    try summary.encode(to: encoder)
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(reachedRuns, forKey: .reachedRuns)
    try values.encode(stepsToReach, forKey: .stepsToReach)
    try values.encode(paper, forKey: .paper)
    try values.encodeIfPresent(learningRate, forKey: .learningRate)
    try values.encodeIfPresent(initialization, forKey: .initialization)
    try values.encodeIfPresent(tests, forKey: .tests)
    try values.encodeIfPresent(equalTimeValue, forKey: .equalTimeValue)
    try values.encodeIfPresent(trainingBytes, forKey: .trainingBytes)
  }
}

/// One run of a reproduction.
public struct ReproducedRun: Codable, Equatable, Sendable {
  /// How far it is.
  public enum State: String, Codable, Sendable { case pending, completed, diverged }

  /// The name of its folder.
  public var name: String
  /// The part's label.
  public var part: String
  /// The cell's name.
  public var cell: String
  /// Hidden units.
  public var hidden: Int
  /// The seed.
  public var seed: UInt64
  /// How far it is.
  public var state: State
  /// The step at which it reached what is measured; nil when it did not.
  public var stepsToReach: Int?
  /// The step at which it diverged.
  public var divergedAtStep: Int?
  /// What came out, once it is complete.
  public var result: TrainingResult?
  /// What the best model reaches in the part's tests; nil without any, and until it is known.
  public var tests: [TestedValue]?
}

/// What a model reaches in a test of another kind than its training's.
public struct TestedValue: Codable, Equatable, Sendable {
  /// The test's label.
  public var label: String
  /// The metric on the test data.
  public var value: Double
}

/// What the models of a cell reach in such a test.
public struct TestedRow: Codable, Equatable, Sendable {
  /// The test's label.
  public var label: String
  /// The mean over the complete runs; nil when there is none.
  public var mean: Double?
  /// The sample standard deviation; nil for fewer than two runs.
  public var spread: Double?
}

/// The differences of each pair of cells in such a test.
public struct TestedDifferences: Codable, Equatable, Sendable {
  /// The test's label.
  public var label: String
  /// Each pair.
  public var differences: [PairedDifference]
}

extension Experiment.Measure {
  /// The step at which a run reached what is measured.
  func step(of run: RunQueue.Ended, baseline: Double) -> Int? {
    guard let result = run.result else { return nil }
    switch self {
    case .value, .stepsToSolve: return result.solvedAtStep
    case .stepsToHalfBaseline: return run.records.first { $0.validation.value <= baseline / 2 }?.step
    }
  }

  /// What is reached, in words: "mse < 0.01".
  func goal(solved: String, metric: String) -> String {
    self == .stepsToHalfBaseline ? "\(metric) ≤ half of that without learning" : solved
  }
}
