import CellgateBasics
import CellgateCells
import CellgateTensor
import CellgateTraining

/// How many runs are made at a time, and how long they take.
extension Reproduction {
  /// How many runs `run(jobs:)` makes at a time. Throws `settings` where memory is too small, or `run`.
  public func jobCount(asked: Int? = nil) throws(TrainingError) -> Int {
    try jobs(asked: asked, for: readCompleted { _, _, _ in })
  }

  /// As many jobs as there are threads, runs, and room in memory for: trainings side by side, each on its own threads,
  /// get more done than threads that share the steps of one.
  func jobs(asked: Int?, for pending: [Int]) throws(TrainingError) -> Int {
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

  func memory(_ settings: TrainingSettings) -> Double {
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
        let place = distinct.firstIndex(where: { experiment.folderName(of: $0.settings) == group.name }),
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
  func size(of run: Run) -> RunQueue.Entry {
    var settings = run.settings
    settings.seed = experiment.parts[0].training.seed
    return RunQueue.Entry(name: experiment.folderName(of: settings), settings: settings)
  }

  func evaluationInterval(of run: Run) -> Int {
    if let interval = run.settings.evaluationInterval { return interval }
    return run.settings.epochs.map { max(1, steps(of: run) / $0) } ?? Trainer.usualEvaluationInterval
  }
}
