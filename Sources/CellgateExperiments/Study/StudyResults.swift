import CellgateBasics
import CellgateFiles
import CellgateTraining

/// What a study has found so far: its `results.json`, with keys in snake case. All numbers of an experiment are in the
/// `results.json` of its own folder.
public struct StudyResults: Codable, Equatable, Sendable {
  /// The layout of the file.
  public var formatVersion = 1
  /// The version of Cellgate.
  public var version = CellgateVersion.current
  /// The study's name.
  public var study: String
  /// How much time each experiment may take.
  public var budget: Budget
  /// Whether all runs of all experiments have ended and the costs are known.
  public var complete: Bool
  /// What each experiment has found.
  public var experiments: [StudiedExperiment] = []
  /// Experiments that were left out, and why, in a line each.
  public var leftOut: [String] = []
  /// The costs of writing one more symbol.
  public var costs: [GenerationCost] = []
  /// The machine.
  public var machine = Machine.current

  /// Results without any yet.
  public init(_ study: Study) {
    (self.study, budget, complete) = (study.name, study.budget, false)
  }

  /// Takes what an experiment has found, in place of what it had before.
  public mutating func take(_ results: ReproductionResults) {
    let own = StudiedExperiment(results)
    if let place = experiments.firstIndex(where: { $0.experiment == own.experiment }) {
      experiments[place] = own
    } else {
      experiments.append(own)
    }
  }

  /// As the bytes of `results.json`.
  func encoded() -> Data { ConfigFile.encode(self) }
}

/// What one experiment of a study has found.
public struct StudiedExperiment: Codable, Equatable, Sendable {
  /// The experiment's name, and its task's.
  public var experiment: String, task: String
  /// The metric's name, and whether "lower" or "higher" values are better.
  public var metric: String, better: String
  /// What the cells are judged by, and when a run counts as solved.
  public var measure: Experiment.Measure, solved: String
  /// Whether all runs have ended.
  public var complete: Bool
  /// The comparisons.
  public var comparisons: [ReproducedComparison]
  /// Runs made at a time, and the threads that they shared.
  public var jobs: Int, threads: Int
  /// Seconds in all.
  public var wallSeconds: Double

  init(_ results: ReproductionResults) {
    (experiment, task) = (results.experiment.title, results.task)
    (metric, better) = (results.metric, results.better)
    (measure, solved, complete) = (results.measure, results.solved, results.complete)
    (comparisons, jobs, threads) = (results.comparisons, results.jobs, results.threads)
    wallSeconds = results.wallSeconds
  }
}
