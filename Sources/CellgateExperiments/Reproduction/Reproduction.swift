import CellgateBasics
import CellgateCells
import CellgateCharts
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation

/// Makes all runs of one of the paper's experiments, several at a time, and keeps what they reach beside what the
/// paper gives.
///
///     experiment.json              the experiment's settings
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
  /// All runs: for each seed every part, comparison and cell in turn.
  public let runs: [Run]
  /// What each run writes into its folder on the way.
  public var recording: RunRecording {
    get { queue.recording }
    set { queue.recording = newValue }
  }

  /// One line that says so when the file system of the folder has no locks: nothing holds the folder then.
  public var lockWarning: String? { lock?.warning }

  private var queue: RunQueue
  private let path: String?
  private let lock: FolderLock?
  /// For each comparison and each of its cells the runs by their places.
  private let members: [[[Int]]]
  private var ended: [Int: RunQueue.Ended] = [:]
  /// For each part what is reached without learning, and the updates of a run.
  private var baselines: [Baseline] = []
  private var lengths: [Int] = []
  private var work = Work()
  private var jobs = 1
  /// The results of an earlier start in this folder.
  private var earlier: ReproductionResults?
  /// Whether an earlier start left nothing to do.
  private var isMadeEarlier = false
  private var began = ContinuousClock.now

  /// A reproduction on the task of this type in a folder, new or begun by an earlier one; without a folder it lies in
  /// memory. Missing data are reported before a folder is made. Throws `settings`, `data` or `run`.
  public init(
    _ experiment: Experiment, task: any SequenceTask.Type, cells: [Cell] = Cell.all,
    dataDirectory: String = "", directory path: String? = nil
  ) throws(TrainingError) {
    let problems = experiment.problems(tasks: [task], cells: cells)
    if !problems.isEmpty { throw .settings(SettingsErrors(problems)) }
    require(
      Set(experiment.parts.map(\.label)).count == experiment.parts.count,
      "Reproduction: expected parts of different labels, found \(experiment.parts.map(\.label))")
    self.experiment = experiment
    (runs, members) = Self.plan(experiment, task: task, cells: cells)
    let all = experiment.comparisons.first?.settings.allCells(cells) ?? cells
    queue = RunQueue(task: task, cells: all, dataDirectory: dataDirectory, path: path)
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
  }

  private static func plan(
    _ experiment: Experiment, task: any SequenceTask.Type, cells: [Cell]
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
          let settings = all[seed * count + cell]
          let name = name(of: settings)
          let place = places[name] ?? runs.count
          if place == runs.count {
            places[name] = place
            let label = experiment.parts[part].label
            runs.append(
              Run(index: place, name: name, part: label, settings: settings, partIndex: part))
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

  /// The name of a run's folder: "length200-lstm-128units-seed1".
  static func name(of settings: TrainingSettings) -> String {
    let options = settings.taskOptions.sorted { $0.key < $1.key }.map { "\($0.key)\($0.value)" }
    return (options + [settings.cell, "\(settings.hidden)units", "seed\(settings.seed)"])
      .joined(separator: "-")
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
      try AtomicFile.write(ConfigFile.encode(experiment), to: file)
    } catch { throw .file(error) }
    return lock
  }

  /// What an earlier start wrote. What can't be read is nothing: all but its time is made again.
  private var earlierResults: ReproductionResults? {
    guard let path, let data = try? RunDirectory.read(path + "/results.json") else { return nil }
    return try? ConfigFile.decode(ReproductionResults.self, data, file: path)
  }

  // MARK: The runs

  /// Makes the runs that are not complete yet, `jobs` at a time (nil for as many as `jobCount()` says), and
  /// writes the results whenever one ends. Throws `settings` where memory is too small, `data` or `run`.
  public func run(
    jobs: Int? = nil, onEvent: (_ run: Run, _ job: Int, _ event: RunEvent) -> Void = { _, _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Outcome {
    let pending = try readCompleted(onEvent)
    self.jobs = try self.jobs(asked: jobs, for: pending)
    isMadeEarlier = pending.isEmpty
    work = Work(total: pending.reduce(0) { $0 + cost(runs[$1]) })
    began = .now
    let isComplete = try queue.run(
      pending.map { RunQueue.Entry(name: runs[$0].name, settings: runs[$0].settings) }, jobs: self.jobs,
      receive: { (index, job, message) throws(TrainingError) in
        let run = runs[pending[index]]
        switch message {
        case .training(let event):
          note(event, of: run)
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
  private func readCompleted(_ onEvent: (Run, Int, RunEvent) -> Void) throws(TrainingError) -> [Int] {
    var pending: [Int] = []
    for run in runs {
      if let end = try queue.completed(RunQueue.Entry(name: run.name, settings: run.settings)) {
        ended[run.index] = end
        onEvent(run, 0, end.event)
      } else {
        pending.append(run.index)
      }
    }
    return pending
  }

  /// Runs that have ended.
  public var endedRuns: Int { ended.count }

  /// How far the runs are that this call of `run` makes.
  public var progress: Progress { work.progress(seconds: began.secondsSince) }

  private func note(_ event: TrainingEvent, of run: Run) {
    switch event {
    case .started(let step, let steps, _): work.start(run.index, share: Double(step) / Double(max(1, steps)))
    case .progress(let progress):
      work.advance(run.index, share: Double(progress.step) / Double(max(1, progress.steps)), cost: cost(run))
    case .notice, .evaluated, .saved: break
    }
  }

  /// What a run costs: about its multiply-adds.
  private func cost(_ run: Run) -> Double {
    let shape = queue.task.shape(run.settings)
    let size = StackSize(
      inputSize: shape.inputSize, layers: run.settings.layers, bidirectional: run.settings.bidirectional)
    guard let cell = queue.cells.first(where: { $0.name == run.settings.cell }) else { return 0 }
    return size.parameters(cell, hidden: run.settings.hidden) * Double(shape.steps)
      * Double(run.settings.batch) * Double(steps(of: run))
  }

  private func steps(of run: Run) -> Int { lengths[run.partIndex] }

  // MARK: Jobs

  /// How many runs `run(jobs:)` makes at a time. Throws `settings` where memory is too small, or `run`.
  public func jobCount(asked: Int? = nil) throws(TrainingError) -> Int {
    try jobs(asked: asked, for: readCompleted { _, _, _ in })
  }

  /// As many jobs as there are threads, runs, and room in memory for: trainings side by side, each on its own threads,
  /// get more done than threads that share the steps of one.
  private func jobs(asked: Int?, for pending: [Int]) throws(TrainingError) -> Int {
    let needs = pending.map { memory(runs[$0].settings) }.sorted(by: >)
    func needed(_ jobs: Int) -> Double { needs.prefix(jobs).reduce(0, +) }
    if let asked {
      require(asked > 0, "Reproduction: expected 1 or more jobs, found \(asked)")
      if asked > 1, needed(asked) > MemoryEstimate.available {
        throw .settings(
          SettingsErrors([
            .tooLarge(option: "jobs", needed: needed(asked), available: MemoryEstimate.available)
          ]))
      }
      return min(asked, max(1, pending.count))
    }
    var jobs = max(1, min(ThreadPool.current.threads, pending.count))
    while jobs > 1, needed(jobs) > 0.8 * MemoryEstimate.available { jobs -= 1 }
    return jobs
  }

  private func memory(_ settings: TrainingSettings) -> Double {
    guard let cell = queue.cells.first(where: { $0.name == settings.cell }) else { return 0 }
    return MemoryEstimate(settings, cell: cell, shape: queue.task.shape(settings)).bytes
  }

  /// About how many seconds `run(jobs:)` will take at most on this machine: a few updates and an evaluation of every
  /// size and cell are timed. Nil when it was asked to stop, and when nothing is left to do.
  public func estimatedSeconds(
    jobs: Int? = nil, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Double? {
    let pending = try readCompleted { _, _, _ in }
    let jobs = try self.jobs(asked: jobs, for: pending)
    let sizes = pending.map { size(of: runs[$0]) }
    let distinct = sizes.enumerated().filter { sizes[..<$0].firstIndex(of: $1) == nil }.map(\.element)
    guard !distinct.isEmpty, let paces = try queue.pace(of: distinct, jobs: jobs, shouldStop: shouldStop)
    else { return nil }
    let seconds = zip(pending, sizes).reduce(0.0) { sum, pair in
      let (run, size) = (runs[pair.0], pair.1)
      guard let place = distinct.firstIndex(of: size), let pace = paces[place] else { return sum }
      let evaluations = Double(steps(of: run)) / Double(evaluationInterval(of: run))
      // The test data are some times as many as the validation data.
      return sum + Double(steps(of: run)) * pace.update + (evaluations + 5) * pace.evaluation
    }
    return seconds / Double(jobs)
  }

  /// The run with the first seed: all seeds take the same time.
  private func size(of run: Run) -> RunQueue.Entry {
    var settings = run.settings
    settings.seed = experiment.parts[0].training.seed
    return RunQueue.Entry(name: Self.name(of: settings), settings: settings)
  }

  private func evaluationInterval(of run: Run) -> Int {
    if let interval = run.settings.evaluationInterval { return interval }
    return run.settings.epochs.map { max(1, steps(of: run) / $0) } ?? Trainer.usualEvaluationInterval
  }

  // MARK: The results

  /// What the numbers were made with.
  private var origin: (machine: Machine, jobs: Int, threads: Int) {
    if isMadeEarlier, let earlier { return (earlier.machine, earlier.jobs, earlier.threads) }
    return (.current, jobs, ThreadPool.current.threads)
  }

  /// What is known so far.
  public var results: ReproductionResults {
    let task = queue.task
    let comparisons = zip(experiment.comparisons, members).map { comparison, cells in
      let (part, settings) = comparison
      let paper = experiment.parts[part].paper
      return ReproducedComparison(
        part: experiment.parts[part].label, equal: settings.equal, baseline: baselines[part].value,
        baselineLabel: baselines[part].label,
        rows: cells.map { places in
          let run = runs[places[0]].settings
          let ends = places.compactMap { ended[$0] }
          return ReproducedRow(
            summary: ComparisonRow(settings: run, metric: task.metric.name, ended: ends),
            steps: ends.map { experiment.measure.step(of: $0, baseline: baselines[part].value) },
            paper: run.isKnown()
              ? paper.first { $0.cell == run.cell && $0.equal == settings.equal }?.value : nil)
        })
    }
    return ReproductionResults(
      version: CellgateVersion.current, task: experiment.task, budget: experiment.budget,
      metric: task.metric.name, better: task.metric.direction.rawValue, solved: task.solved.description,
      measure: experiment.measure, complete: ended.count == runs.count, comparisons: comparisons,
      runs: runs.map(reproduced), experiment: experiment, machine: origin.machine, jobs: origin.jobs,
      threads: origin.threads,
      wallSeconds: (earlier?.wallSeconds ?? 0) + (isMadeEarlier ? 0 : began.secondsSince))
  }

  private func reproduced(_ run: Run) -> ReproducedRun {
    let end = ended[run.index]
    var result = ReproducedRun(
      name: run.name, part: run.part, cell: run.settings.cell, hidden: run.settings.hidden,
      seed: run.settings.seed, state: .pending)
    guard let end else { return result }
    result.stepsToReach = experiment.measure.step(of: end, baseline: baselines[run.partIndex].value)
    switch end.outcome {
    case .completed(let value): (result.state, result.result) = (.completed, value)
    case .diverged(let divergence): (result.state, result.divergedAtStep) = (.diverged, divergence.step)
    }
    return result
  }

  /// The figures so far, by the names of their files.
  public var figures: [(name: String, chart: SVGChart)] {
    let results = results
    var figures: [(name: String, chart: SVGChart)] = []
    for (comparison, cells) in zip(results.comparisons, members) {
      let own = zip(comparison.rows, cells).map { ($0.summary.cell, $1.compactMap { ended[$0] }) }
      let title = results.task + (experiment.parts.count > 1 ? ", " + comparison.part : "")
      let chart = LearningCurves.chart(
        queue.task, title: title, equal: comparison.equal, rows: comparison.rows.map(\.summary),
        baseline: Baseline(comparison.baseline, comparison.baselineLabel),
        ended: Dictionary(uniqueKeysWithValues: own))
      figures.append((ReproductionFigures.curvesName(comparison), chart))
    }
    return figures + [ReproductionFigures.measure(results)]
  }

  private func writeResults() throws(TrainingError) -> ReproductionResults {
    let results = results
    guard let path else { return results }
    do throws(FileError) {
      try AtomicFile.write(results.encoded(), to: path + "/results.json")
      for (name, chart) in figures {
        try AtomicFile.write(Data(chart.render().utf8), to: path + "/" + name)
      }
      try AtomicFile.write(Data(ReproductionTable(results).text.utf8), to: path + "/results.md")
    } catch { throw .run(.file(error)) }
    return results
  }
}

/// How much work is done, in units of any size.
private struct Work {
  var total = 0.0
  private var doneHere = 0.0
  private var finished = 0.0
  /// Shares of the runs that are under way, now and when they were taken up.
  private var shares: [Int: (now: Double, first: Double, cost: Double)] = [:]

  init(total: Double = 0) { self.total = total }

  mutating func start(_ run: Int, share: Double) { shares[run] = (share, share, 0) }

  mutating func advance(_ run: Int, share: Double, cost: Double) {
    shares[run] = (share, shares[run]?.first ?? 0, cost)
  }

  mutating func finish(_ run: Int, cost: Double) {
    finished += cost
    if let share = shares.removeValue(forKey: run) { doneHere += (share.now - share.first) * cost }
  }

  func progress(seconds: Double) -> Reproduction.Progress {
    let underWay = shares.values.reduce(0) { $0 + $1.now * $1.cost }
    let done = doneHere + shares.values.reduce(0) { $0 + ($1.now - $1.first) * $1.cost }
    let left = max(0, total - finished - underWay)
    return Reproduction.Progress(
      share: total > 0 ? 1 - left / total : 1,
      secondsLeft: done > 0 && seconds > 2 ? left * seconds / done : nil)
  }
}
