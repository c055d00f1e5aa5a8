import CellgateBasics
import CellgateCells
import CellgateCharts
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
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
  /// All runs but the search's: for each seed every part, comparison and cell in turn. Before a search is over they have
  /// the settings of their part.
  public private(set) var runs: [Run]
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
  private var members: [[[Int]]]
  /// The search for each cell's settings; nil without one.
  private var search: SettingsSearch?
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
    data: DataSource = .unspecified, directory path: String? = nil
  ) throws(TrainingError) {
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
    makeSearch(cells)
  }

  /// All runs, and those of each comparison's cells by their places; with a search that is over each cell has its own
  /// settings.
  private static func plan(
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
          let name = name(of: usual)
          let settings = search?.best(for: size(of: usual), seed: usual.seed) ?? usual
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

  /// The name of a run's folder: "length200-lstm-128units-seed1".
  static func name(of settings: TrainingSettings) -> String {
    size(of: settings) + "-seed\(settings.seed)"
  }

  /// What the runs of all seeds have in their names: "length200-lstm-128units".
  private static func size(of settings: TrainingSettings) -> String {
    let options = settings.taskOptions.sorted { $0.key < $1.key }.map { "\($0.key)\($0.value)" }
    return (options + [settings.cell, "\(settings.hidden)units"]).joined(separator: "-")
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
    let needed = try readCompleted { _, _, _ in }
    self.jobs = try self.jobs(asked: jobs, for: needed)
    isMadeEarlier = needed.isEmpty && isSearched
    work = Work(total: needed.reduce(0) { $0 + cost(runs[$1]) } + searchCost)
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
  private func readCompleted(_ onEvent: (Run, Int, RunEvent) -> Void) throws(TrainingError) -> [Int] {
    guard isSearched else { return Array(runs.indices) }
    var pending: [Int] = []
    for run in runs {
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
  public var pieceCount: Int { runs.count + trialPieces.all }

  /// How far the runs are that this call of `run` makes.
  public var progress: Progress { work.progress(seconds: began.secondsSince) }

  /// Notes how far a run is that is made from one step to another.
  private func note(_ event: TrainingEvent, _ index: Int, _ range: Range<Int>, cost: Double) {
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
  private func cost(_ run: Run) -> Double { updateCost(run.settings) * Double(steps(of: run)) }

  private func updateCost(_ settings: TrainingSettings) -> Double {
    let shape = queue.task.shape(settings)
    guard let cell = queue.cells.first(where: { $0.name == settings.cell }) else { return 0 }
    return shape.stack(settings).parameters(cell, hidden: settings.hidden) * Double(shape.steps)
      * Double(settings.batch)
  }

  private func steps(of run: Run) -> Int { lengths[run.partIndex] }

  // MARK: The search

  /// Whether all cells have their settings.
  private var isSearched: Bool { search?.isComplete ?? true }

  private var trialPieces: (ended: Int, all: Int) {
    (search?.groups ?? []).reduce((0, 0)) { sum, group in
      (
        sum.0 + group.reached.reduce(0) { $0 + $1.count },
        sum.1 + group.rounds.reduce(0) { $0 + $1.trials }
      )
    }
  }

  /// Plans the search, with what an earlier start in this folder found.
  private func makeSearch(_ cells: [Cell]) {
    guard let settings = experiment.search else { return }
    var search = SettingsSearch(settings, measure: experiment.measure, metric: queue.task.metric)
    for run in runs {
      search.add(
        Self.size(of: run.settings), part: (run.partIndex, run.part), final: run.settings,
        updates: steps(of: run), interval: evaluationInterval(of: run))
    }
    if let path, let data = try? RunDirectory.read(path + "/search.json"),
      let known = try? ConfigFile.decode(SearchResults.self, data, file: path)
    {
      search.take(known)
    }
    self.search = search
    if search.isComplete { planFinal() }
  }

  /// Gives each run the settings that its cell got.
  private func planFinal() {
    (runs, members) = Self.plan(experiment, task: queue.task, cells: queue.cells, search: search)
  }

  private var searchCost: Double {
    (search?.updatesLeft ?? []).reduce(0) { sum, left in
      sum + Double(left.updates) * updateCost(search?.groups[left.group].trials[0] ?? runs[0].settings)
    }
  }

  /// Makes the trials that are left, round by round; false when it was asked to stop.
  private func makeTrials(
    _ onEvent: (_ run: Run, _ job: Int, _ event: RunEvent) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    guard !isSearched, var search else { return true }
    for round in 0..<search.roundCount {
      guard let pieces = search.pieces(of: round) else { break }
      let trials = pieces.map { trial(of: $0, search) }
      let groups = search.groups
      let isWhole = try queue.run(
        zip(pieces, trials).map {
          RunQueue.Entry(
            name: $1.name, settings: $1.settings, pause: groups[$0.group].end(of: round))
        }, jobs: jobs,
        receive: { (index, job, message) throws(TrainingError) in
          let (piece, run) = (pieces[index], trials[index])
          let from = round == 0 ? 0 : groups[piece.group].end(of: round - 1)
          let range = from..<groups[piece.group].end(of: round)
          let cost = updateCost(run.settings) * Double(range.count)
          switch message {
          case .training(let event):
            note(event, run.index, range, cost: cost)
            onEvent(run, job, .training(event))
          case .ended(let end):
            search.note(piece, end, task: queue.task, baseline: baselines[run.partIndex].value)
            self.search = search
            work.finish(run.index, cost: cost)
            try writeSearch()
            onEvent(run, job, end.event)
          }
        }, shouldStop: shouldStop)
      if !isWhole { return false }
    }
    planFinal()
    try writeSearch()
    return true
  }

  /// A trial as a run; its index is none of the others'.
  private func trial(of piece: SettingsSearch.Piece, _ search: SettingsSearch) -> Run {
    let group = search.groups[piece.group]
    let before = search.groups[..<piece.group].reduce(0) { $0 + $1.trials.count }
    return Run(
      index: runs.count + before + piece.trial, name: group.names[piece.trial], part: group.part,
      settings: group.trials[piece.trial], isTrial: true, partIndex: group.partIndex)
  }

  private func writeSearch() throws(TrainingError) {
    guard let path, let results = search?.results else { return }
    do throws(FileError) {
      try AtomicFile.write(results.encoded(), to: path + "/search.json")
      try AtomicFile.write(Data(results.csv().utf8), to: path + "/search.csv")
    } catch { throw .run(.file(error)) }
  }

  // MARK: Jobs

  /// How many runs `run(jobs:)` makes at a time. Throws `settings` where memory is too small, or `run`.
  public func jobCount(asked: Int? = nil) throws(TrainingError) -> Int {
    try jobs(asked: asked, for: readCompleted { _, _, _ in })
  }

  /// As many jobs as there are threads, runs, and room in memory for: trainings side by side, each on its own threads,
  /// get more done than threads that share the steps of one.
  private func jobs(asked: Int?, for pending: [Int]) throws(TrainingError) -> Int {
    let trials = isSearched ? [] : (search?.groups ?? []).flatMap(\.trials)
    let needs = (pending.map { runs[$0].settings } + trials).map(memory).sorted(by: >)
    func needed(_ jobs: Int) -> Double { needs.prefix(jobs).reduce(0, +) }
    if let asked {
      require(asked > 0, "Reproduction: expected 1 or more jobs, found \(asked)")
      if asked > 1, needed(asked) > MemoryEstimate.available {
        throw .settings(
          SettingsErrors([
            .tooLarge(option: "jobs", needed: needed(asked), available: MemoryEstimate.available)
          ]))
      }
      return min(asked, max(1, needs.count))
    }
    var jobs = max(1, min(ThreadPool.current.threads, needs.count))
    while jobs > 1, needed(jobs) > 0.8 * MemoryEstimate.available { jobs -= 1 }
    return jobs
  }

  private func memory(_ settings: TrainingSettings) -> Double {
    guard let cell = queue.cells.first(where: { $0.name == settings.cell }) else { return 0 }
    return MemoryEstimate(settings, cell: cell, shape: queue.task.shape(settings)).bytes
  }

  /// How long what is left of a reproduction takes at most.
  public struct Estimate: Sendable, Equatable {
    /// Seconds of the search, and of the runs that follow, added up over runs that are made one after the other on the
    /// threads of a job.
    public var searchSeconds: Double, runSeconds: Double
    /// How many runs are made at a time.
    public var jobs: Int
    /// Threads that they share.
    public var threads: Int

    /// From the start to the end.
    public var wallSeconds: Double { (searchSeconds + runSeconds) / Double(jobs) }
    /// The same on one thread, where two threads take half the time of one.
    public var threadSeconds: Double { wallSeconds * Double(threads) }
  }

  /// About how many seconds `run(jobs:)` will take at most on this machine. Nil when it was asked to stop, and when
  /// nothing is left to do.
  public func estimatedSeconds(
    jobs: Int? = nil, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Double? {
    try estimate(jobs: jobs, shouldStop: shouldStop)?.wallSeconds
  }

  /// About how long `run(jobs:)` will take at most on this machine: a few updates and an evaluation of every size and
  /// cell are timed. Nil when it was asked to stop, and when nothing is left to do.
  public func estimate(
    jobs: Int? = nil, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Estimate? {
    let pending = try readCompleted { _, _, _ in }
    let jobs = try self.jobs(asked: jobs, for: pending)
    let sizes = pending.map { size(of: runs[$0]) }
    let distinct = sizes.enumerated().filter { sizes[..<$0].firstIndex(of: $1) == nil }.map(\.element)
    guard !distinct.isEmpty, let paces = try queue.pace(of: distinct, jobs: jobs, shouldStop: shouldStop)
    else { return nil }
    func seconds(_ updates: Int, _ pace: RunQueue.Pace, interval: Int, more: Double) -> Double {
      Double(updates) * pace.update + (Double(updates) / Double(interval) + more) * pace.evaluation
    }
    // The test data are some times as many as the validation data.
    let final = zip(pending, sizes).reduce(0.0) { sum, pair in
      let (run, size) = (runs[pair.0], pair.1)
      guard let place = distinct.firstIndex(of: size), let pace = paces[place] else { return sum }
      return sum + seconds(steps(of: run), pace, interval: evaluationInterval(of: run), more: 5)
    }
    let trials = (search?.updatesLeft ?? []).reduce(0.0) { sum, left in
      guard let group = search?.groups[left.group],
        let place = distinct.firstIndex(where: { Self.size(of: $0.settings) == group.name }),
        let pace = paces[place]
      else { return sum }
      let interval = group.trials[0].evaluationInterval ?? 1
      return sum + seconds(left.updates, pace, interval: interval, more: 0)
    }
    return Estimate(
      searchSeconds: isSearched ? 0 : trials, runSeconds: final, jobs: jobs,
      threads: ThreadPool.current.threads)
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
              ? paper.first { $0.cell == run.cell && $0.equal == settings.equal }?.value : nil,
            searched: search != nil && isSearched ? run : nil,
            tests: experiment.parts[part].tests.map { tests in
              tests.indices.map { row(tests[$0].label, $0, ends) }
            })
        }, differences: differences(cells) { $1.value },
        stepDifferences: experiment.measure == .value
          ? nil
          : differences(cells) {
            Double(experiment.measure.step(of: $0, baseline: baselines[part].value) ?? $1.steps)
          },
        testDifferences: experiment.parts[part].tests.map { tests in
          tests.indices.map { test in
            TestedDifferences(
              label: tests[test].label, differences: differences(cells) { end, _ in end.tests[test].value })
          }
        })
    }
    return ReproductionResults(
      version: CellgateVersion.current, task: experiment.task, budget: experiment.budget,
      metric: task.metric.name, better: task.metric.direction.rawValue, solved: task.solved.description,
      measure: experiment.measure, complete: ended.count == runs.count, comparisons: comparisons,
      runs: runs.map(reproduced), experiment: experiment, machine: origin.machine, jobs: origin.jobs,
      threads: origin.threads, search: search?.results,
      wallSeconds: (earlier?.wallSeconds ?? 0) + (isMadeEarlier ? 0 : began.secondsSince))
  }

  /// What the models of some runs reach in a test.
  private func row(_ label: String, _ test: Int, _ ends: [RunQueue.Ended]) -> TestedRow {
    let values = ends.filter { $0.result != nil }.map { $0.tests[test].value }
    return TestedRow(label: label, mean: Statistics.mean(values), spread: Statistics.spread(values))
  }

  /// The differences of each pair of a comparison's cells, by what a complete run has.
  private func differences(
    _ cells: [[Int]], _ value: (RunQueue.Ended, TrainingResult) -> Double
  ) -> [PairedDifference] {
    PairedDifference.all(
      cells.map { places in
        var values: [UInt64: Double] = [:]
        for place in places {
          guard let end = ended[place], let result = end.result else { continue }
          values[runs[place].settings.seed] = value(end, result)
        }
        return (runs[places[0]].settings.cell, values)
      })
  }

  private func reproduced(_ run: Run) -> ReproducedRun {
    let end = ended[run.index]
    var result = ReproducedRun(
      name: run.name, part: run.part, cell: run.settings.cell, hidden: run.settings.hidden,
      seed: run.settings.seed, state: .pending)
    guard let end else { return result }
    result.stepsToReach = experiment.measure.step(of: end, baseline: baselines[run.partIndex].value)
    switch end.outcome {
    case .completed(let value):
      (result.state, result.result) = (.completed, value)
      result.tests = end.tests.isEmpty ? nil : end.tests
    case .diverged(let divergence): (result.state, result.divergedAtStep) = (.diverged, divergence.step)
    case .paused: break
    }
    return result
  }

  /// The figures so far, by the names of their files.
  public var figures: [(name: String, chart: SVGChart)] {
    let results = results
    var figures: [(name: String, chart: SVGChart)] = []
    for (comparison, cells) in zip(results.comparisons, members) {
      let own = zip(comparison.rows, cells).map { ($0.summary.cell, $1.compactMap { ended[$0] }) }
      let title = experiment.title + (experiment.parts.count > 1 ? ", " + comparison.part : "")
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
