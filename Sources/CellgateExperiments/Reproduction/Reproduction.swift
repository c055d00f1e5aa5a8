import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTraining

/// Makes all runs of one of the paper's experiments, several at a time, and keeps what they reach beside what the
/// paper gives.
///
///     experiment.json              the experiment's settings
///     search.json, search.csv      with a search: what each trial has reached, and which settings each cell got
///     search-length200-…/ ...      the folder of each trial
///     length200-lstm-128units-seed1/ ...   the folder of each run
///     results.json, results.md     what is known so far: all numbers, and the tables
///     *.svg                        the figures
///
/// A run that two comparisons share is made once. The results are written again whenever a run ends, so that one that
/// was interrupted, however, shows what is known; made again in the same folder it goes on. The numbers are the same
/// bits however many runs are made at a time.
///
/// ```swift
/// let experiment = try Experiments.named("adding", .quick)
/// let reproduction = try Reproduction(experiment, task: AddingTask.self, directory: "runs/adding")
/// let outcome = try reproduction.run { run, job, event in print(run.name, event) }
/// ```
public final class Reproduction {
  /// One run of a reproduction.
  public struct Run: Sendable, Equatable {
    /// Its place among the runs, counted from 0.
    public let index: Int
    /// The name of its folder.
    public let name: String
    /// The label of its part: "T = 200".
    public let part: String
    /// What it is made with.
    public let settings: TrainingSettings
    /// Whether it is a trial of the search, of which the results say nothing.
    public let isTrial: Bool
    /// The place of its part.
    let partIndex: Int
  }

  /// How far a reproduction is.
  public struct Progress: Sendable, Equatable {
    /// The share of the work, in [0, 1]; a run that ends early counts as whole.
    public var share: Double
    /// An estimate of the seconds left at most; nil until there is something to go by.
    public var secondsLeft: Double?
  }

  /// How a reproduction ended.
  public enum Outcome: Sendable, Equatable {
    /// All runs are complete or have diverged.
    case completed(ReproductionResults)
    /// It was asked to stop; the runs are saved.
    case interrupted(ReproductionResults)
  }

  /// What is reproduced.
  public let experiment: Experiment
  /// The part of the runs that is made; nil for all.
  public let shard: RunShard?
  /// All runs but the search's: for each seed every part, comparison and cell in turn. Before a search is over they have
  /// the settings of their part.
  public internal(set) var runs: [Run]
  /// What each run writes into its folder on the way.
  public var recording: RunRecording {
    get { queue.recording }
    set { queue.recording = newValue }
  }

  /// One line that says so when the file system of the folder has no locks: nothing holds the folder then.
  public var lockWarning: String? { lock?.warning }

  var queue: RunQueue
  let path: String?
  private let lock: FolderLock?
  /// The names of the sizes and runs that are the shard's.
  private var own: Set<String>?
  /// For each comparison and each of its cells the runs by their places.
  var members: [[[Int]]]
  /// The search for each cell's settings; nil without one.
  var search: SettingsSearch?
  var ended: [Int: RunQueue.Ended] = [:]
  /// For each part what is reached without learning, and the updates of a run.
  var baselines: [Baseline] = []
  private var lengths: [Int] = []
  var work = ReproductionWork()
  var jobs = 1
  /// The results of an earlier start in this folder.
  var earlier: ReproductionResults?
  /// Whether an earlier start left nothing to do.
  var isMadeEarlier = false
  var began = ContinuousClock.now

  /// A reproduction on the task of this type, or a shard of it, in a folder, new or begun by an earlier one; without a folder
  /// it lies in memory. Missing data are reported before a folder is made. Throws `settings`, `data` or `run`.
  public init(
    _ experiment: Experiment, task: any SequenceTask.Type, cells: [Cell] = Cell.all,
    data: DataSource = .unspecified, directory path: String? = nil, shard: RunShard? = nil
  ) throws(TrainingError) {
    self.shard = shard
    let problems = experiment.problems(tasks: [task], cells: cells)
    if !problems.isEmpty { throw .settings(SettingsErrors(problems)) }
    require(
      Set(experiment.parts.map(\.label)).count == experiment.parts.count,
      "Reproduction: expected parts of different labels, found \(experiment.parts.map(\.label))")
    self.experiment = experiment
    (runs, members) = Self.plan(experiment, task: task, cells: cells)
    let all = experiment.comparisons.first?.settings.allCells(cells) ?? cells
    queue = RunQueue(task: task, cells: all, data: data, path: path)
    self.path = path
    for part in experiment.parts {
      var settings = part.training
      settings.cell = experiment.cells(of: part)[0]
      let task = try queue.makeTask(settings)
      baselines.append(task.baseline)
      lengths.append(task.totalSteps(settings))
    }
    do throws(RunError) {
      lock = try path.map { (path) throws(RunError) in try Self.open(path, experiment) }
    } catch { throw .run(error) }
    earlier = earlierResults
    deal()
    makeSearch()
  }

  /// All runs, and those of each comparison's cells by their places; with a search that is over each cell has its own
  /// settings.
  static func plan(
    _ experiment: Experiment, task: any SequenceTask.Type, cells: [Cell], search: SettingsSearch? = nil
  ) -> (runs: [Run], members: [[[Int]]]) {
    var runs: [Run] = []
    var places: [String: Int] = [:]
    let comparisons = experiment.comparisons.map { part, settings in
      (part, settings.runs(tasks: [task], cells: cells), settings.cells.count)
    }
    var members = comparisons.map { _, _, count in [[Int]](repeating: [], count: count) }
    for seed in 0..<experiment.seeds {
      for (index, (part, all, count)) in comparisons.enumerated() {
        for cell in 0..<count {
          let usual = all[seed * count + cell]
          let size = experiment.folderName(of: usual)
          let name = "\(size)-seed\(usual.seed)"
          let settings = search?.best(for: size, seed: usual.seed) ?? usual
          let place = places[name] ?? runs.count
          if place == runs.count {
            places[name] = place
            let label = experiment.parts[part].label
            runs.append(
              Run(
                index: place, name: name, part: label, settings: settings, isTrial: false, partIndex: part))
          }
          require(
            runs[place].settings == settings,
            "Reproduction: expected equal settings of the runs \(name) of two parts, found different ones")
          members[index][cell].append(place)
        }
      }
    }
    return (runs, members)
  }

  /// The experiment of the reproduction in a folder; nil where there is none. Throws `badConfig` or `file`.
  public static func experiment(of path: String) throws(RunError) -> Experiment? {
    let file = path + "/experiment.json"
    guard RunDirectory.exists(file) else { return nil }
    return try ConfigFile.decode(Experiment.self, RunDirectory.read(file), file: file)
  }

  /// Opens a folder that an earlier reproduction began, or begins one.
  private static func open(_ path: String, _ experiment: Experiment) throws(RunError) -> FolderLock {
    let file = path + "/experiment.json"
    if !RunDirectory.exists(file) {
      do throws(RunError) { try FolderLock.makeFolder(path) } catch {
        guard case .exists = error else { throw error }
        throw .notAReproduction(folder: path)
      }
    }
    let lock = try FolderLock(path)
    if let own = try Self.experiment(of: path) {
      if let (name, expected, found) = own.firstDifference(from: experiment) {
        throw .otherSettings(folder: path, setting: name, expected: expected, found: found)
      }
    }
    do throws(FileError) {
      try AtomicFile.removeLeftovers(in: path)
      try AtomicFile.write(ConfigFile.encode(experiment), to: file)
    } catch { throw .file(error) }
    return lock
  }

  /// What an earlier start wrote. What can't be read is nothing: all but its time is made again.
  private var earlierResults: ReproductionResults? {
    guard let path, let data = try? RunDirectory.read(path + "/results.json") else { return nil }
    return try? ConfigFile.decode(ReproductionResults.self, data, file: path)
  }

  /// Deals the runs out to the shards: with a search all runs of a cell of one size together, as their settings come from it.
  private func deal() {
    guard let shard else { return }
    var names: [String] = []
    var costs: [Double] = []
    for run in runs {
      let name = dealt(run)
      let place = names.firstIndex(of: name) ?? names.count
      if place == names.count {
        names.append(name)
        costs.append(0)
      }
      costs[place] += cost(run)
    }
    own = Set(zip(names, shard.takes(costs)).filter(\.1).map(\.0))
  }

  /// What a run is dealt out with.
  private func dealt(_ run: Run) -> String {
    experiment.search == nil ? run.name : experiment.folderName(of: run.settings)
  }

  /// Whether a run is made here.
  func isOwn(_ run: Run) -> Bool { own?.contains(dealt(run)) ?? true }

  /// The runs that are made here: all, or the shard's.
  public var ownRuns: [Run] { runs.filter(isOwn) }

  // MARK: The runs

  /// The names of the runs that have not ended. Throws `run`.
  public func missingRuns() throws(TrainingError) -> [String] {
    guard isSearched else { return runs.map(\.name) }
    var missing: [String] = []
    for run in runs where try !queue.hasEnded(entry(run)) { missing.append(run.name) }
    return missing
  }

  /// Writes what is known without making a run. Throws `run`.
  public func writeKnown() throws(TrainingError) {
    _ = try readCompleted { _, _, _ in }
    _ = try writeResults()
  }

  /// Makes the runs that are not complete yet, `jobs` at a time (nil for as many as `jobCount()` says), and
  /// writes the results whenever one ends. Throws `settings` where memory is too small, `data` or `run`.
  public func run(
    jobs: Int? = nil, onEvent: (_ run: Run, _ job: Int, _ event: RunEvent) -> Void = { _, _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Outcome {
    let needed = try readCompleted { _, _, _ in }
    self.jobs = try self.jobs(asked: jobs, for: needed)
    isMadeEarlier = needed.isEmpty && isSearched
    work = ReproductionWork(total: needed.reduce(0) { $0 + cost(runs[$1]) } + searchCost)
    began = .now
    if try !makeTrials(onEvent, shouldStop) { return .interrupted(try writeResults()) }
    let pending = try readCompleted(onEvent)
    let isComplete = try queue.run(
      pending.map { entry(runs[$0]) }, jobs: self.jobs,
      receive: { (index, job, message) throws(TrainingError) in
        let run = runs[pending[index]]
        switch message {
        case .training(let event):
          note(event, run.index, 0..<steps(of: run), cost: cost(run))
          onEvent(run, job, .training(event))
        case .ended(let end):
          ended[run.index] = end
          work.finish(run.index, cost: cost(run))
          _ = try writeResults()
          onEvent(run, job, end.event)
        }
      }, shouldStop: shouldStop)
    let results = try writeResults()
    return isComplete ? .completed(results) : .interrupted(results)
  }

  /// Reads the runs that are complete, and reports them as job 0; returns the others.
  func readCompleted(_ onEvent: (Run, Int, RunEvent) -> Void) throws(TrainingError) -> [Int] {
    guard isSearched else { return runs.indices.filter { isOwn(runs[$0]) } }
    var pending: [Int] = []
    for run in ownRuns {
      if let end = try queue.completed(entry(run)) {
        ended[run.index] = end
        onEvent(run, 0, end.event)
      } else {
        pending.append(run.index)
      }
    }
    return pending
  }

  private func entry(_ run: Run) -> RunQueue.Entry {
    RunQueue.Entry(
      name: run.name, settings: run.settings, tests: experiment.parts[run.partIndex].tests ?? [])
  }

  /// Runs that have ended.
  public var endedRuns: Int { ended.count }
  /// Runs that have ended, and trials that have come to the end of a round; and how many there will be of both.
  public var endedPieces: Int { ended.count + trialPieces.ended }
  /// The runs, and the trials of each round.
  public var pieceCount: Int { ownRuns.count + trialPieces.all }

  /// How far the runs are that this call of `run` makes.
  public var progress: Progress { work.progress(seconds: began.secondsSince) }

  /// Notes how far a run is that is made from one step to another.
  func note(_ event: TrainingEvent, _ index: Int, _ range: Range<Int>, cost: Double) {
    func share(_ step: Int) -> Double {
      min(1, max(0, Double(step - range.lowerBound) / Double(max(1, range.count))))
    }
    switch event {
    case .started(let step, _, _): work.start(index, share: share(step))
    case .progress(let progress): work.advance(index, share: share(progress.step), cost: cost)
    case .notice, .evaluated, .saved: break
    }
  }

  /// What a run costs: about its multiply-adds.
  func cost(_ run: Run) -> Double { queue.updateCost(run.settings) * Double(steps(of: run)) }

  func steps(of run: Run) -> Int { lengths[run.partIndex] }
}
