import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Makes several training runs of one task, each in a folder of its own below a common one, or in memory.
///
/// Runs that are complete are read, those that were interrupted are resumed, and one that diverges stops no other.
/// The numbers are the same however many run at a time.
struct RunQueue: Sendable {
  /// A run to make.
  struct Entry: Sendable, Equatable {
    /// The name of its folder.
    var name: String
    /// What it is made with.
    var settings: TrainingSettings
    /// The step after whose evaluation it pauses, before any test data are looked at; nil for a whole run.
    var pause: Int?
    /// On what else its best model is tested.
    var tests: [Experiment.Test] = []
  }

  /// What a run that has ended leaves.
  struct Ended: Sendable, Equatable {
    /// The result, or where the run diverged.
    var outcome: Outcome
    /// The evaluations.
    var records: [MetricsRecord]
    /// Numbers that are learned.
    var parameters: Int
    /// What the best model reaches in other tests, in their order.
    var tests: [TestedValue] = []

    /// How a run ends.
    enum Outcome: Sendable, Equatable {
      case completed(TrainingResult)
      case diverged(Divergence)
      /// It has come as far as it was to, or is solved and ends by that.
      case paused(step: Int)
    }

    /// The result of a complete run.
    var result: TrainingResult? { if case .completed(let result) = outcome { result } else { nil } }

    /// The event of the end.
    var event: RunEvent {
      switch outcome {
      case .completed(let result): .completed(result)
      case .diverged(let divergence): .diverged(divergence)
      case .paused(let step): .paused(step: step)
      }
    }
  }

  /// What a run reports.
  enum Message: Sendable {
    case training(TrainingEvent)
    case ended(Ended)
  }

  let task: any SequenceTask.Type
  let cells: [Cell]
  let data: DataSource
  /// The folder of the runs' folders.
  let path: String?
  /// What each run writes into its folder on the way.
  var recording = RunRecording()

  /// Makes the runs, `jobs` at a time; false when it was asked to stop, which saves those that are under way.
  /// Throws `data` or `run`, or what `receive` throws.
  func run(
    _ entries: [Entry], jobs: Int = 1,
    receive: (_ index: Int, _ job: Int, Message) throws(TrainingError) -> Void, shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    try Jobs(count: jobs).run(
      entries.count,
      { (index, _, report, shouldStop) throws(TrainingError) in
        let ended = try make(entries[index], { report(.training($0)) }, shouldStop)
        if let ended { report(.ended(ended)) }
      }, receive: receive, shouldStop: shouldStop)
  }

  /// The task with its data.
  func makeTask(_ settings: TrainingSettings) throws(TrainingError) -> any SequenceTask {
    do throws(TaskDataError) {
      return try task.init(settings: settings, data: data)
    } catch { throw .data(error) }
  }

  /// What a complete run in its folder left; nil when there is none.
  func completed(_ entry: Entry) throws(TrainingError) -> Ended? {
    guard let path = folder(of: entry), RunDirectory.exists(RunDirectory.configFile(path)) else { return nil }
    if entry.pause != nil { return try paused(entry, path) }
    do throws(RunError) {
      let directory = try RunDirectory(resuming: path, expecting: entry.settings)
      guard let result = try directory.result(), let tests = try tests(of: entry, in: path) else {
        return nil
      }
      let records = try MetricsLog.read(directory.metricsFile, metrics: task.metricNames(entry.settings))
      return Ended(
        outcome: .completed(result), records: records, parameters: result.parameters, tests: tests)
    } catch { throw .run(error) }
  }

  /// Whether a run has its result, or has diverged.
  func hasEnded(_ entry: Entry) throws(TrainingError) -> Bool {
    if try completed(entry) != nil { return true }
    return folder(of: entry).map { RunDirectory.exists(RunDirectory.divergenceFile($0)) } ?? false
  }

  /// What an update costs: about its multiply-adds.
  func updateCost(_ settings: TrainingSettings) -> Double {
    let shape = task.shape(settings)
    guard let cell = cells.first(where: { $0.name == settings.cell }) else { return 0 }
    return settings.bodyParameters(cell, inputSize: shape.inputSize, hidden: settings.hidden)
      * Double(shape.steps)
      * Double(settings.batch)
  }

  private static func testsFile(_ path: String) -> String { path + "/tests.json" }

  /// What the best model of a complete run was found to reach in its tests; nil before all are known.
  private func tests(of entry: Entry, in path: String) throws(RunError) -> [TestedValue]? {
    let file = Self.testsFile(path)
    guard !entry.tests.isEmpty else { return [] }
    guard RunDirectory.exists(file) else { return nil }
    let known = try ConfigFile.decode([TestedValue].self, RunDirectory.read(file), file: file)
    return known.map(\.label) == entry.tests.map(\.label) ? known : nil
  }

  /// Tests the best model of a run that has just ended.
  private func test(_ entry: Entry, _ trainer: Trainer) throws(TrainingError) -> [TestedValue] {
    guard let cell = entry.settings.definition(among: cells) else {
      fail("RunQueue: expected a cell '\(entry.settings.cell)', found none")
    }
    var values: [TestedValue] = []
    for test in entry.tests {
      let other = try makeTask(test.settings(of: entry.settings))
      let evaluation: Evaluation
      if let path = folder(of: entry) {
        evaluation = try RunDirectory.evaluate(path, task: other, cell: cell)
      } else {
        let bound = other.bound(cell: cell)
        ParameterSet(bound.model, withBuffers: true).assign(trainer.parameters.values)
        evaluation = try bound.evaluate(.test, .inference())
      }
      values.append(TestedValue(label: test.label, value: evaluation.value))
    }
    guard let path = folder(of: entry), !values.isEmpty else { return values }
    do throws(FileError) {
      try AtomicFile.write(ConfigFile.encode(values), to: Self.testsFile(path))
    } catch { throw .run(.file(error)) }
    return values
  }

  /// What a run that has paused left in its folder; nil when it has not come so far.
  private func paused(_ entry: Entry, _ path: String) throws(TrainingError) -> Ended? {
    do throws(RunError) {
      let directory = try RunDirectory(resuming: path, expecting: entry.settings)
      if let divergence = try RunDirectory.divergence(of: path) {
        let records =
          RunDirectory.exists(directory.metricsFile)
          ? try MetricsLog.read(directory.metricsFile, metrics: task.metricNames(entry.settings)) : []
        return Ended(outcome: .diverged(divergence), records: records, parameters: 0)
      }
      // Rows that a killed run left after its last checkpoint are those that it would write again.
      guard RunDirectory.exists(directory.metricsFile),
        let records = try? MetricsLog.read(directory.metricsFile, metrics: task.metricNames(entry.settings)),
        let last = records.last, isOver(entry, last)
      else { return nil }
      return Ended(outcome: .paused(step: last.step), records: records, parameters: 0)
    } catch { throw .run(error) }
  }

  /// Whether a run that pauses has come as far as it goes.
  private func isOver(_ entry: Entry, _ record: MetricsRecord) -> Bool {
    func isSolved<Task: SequenceTask>(_ task: Task.Type) -> Bool {
      task.solved.isMet(by: record.validation, of: task, entry.settings)
    }
    return record.step >= entry.pause ?? .max || (entry.settings.stopWhenSolved == true && isSolved(task))
  }

  /// Makes one run, or reads it when it is complete; nil when it was asked to stop.
  private func make(
    _ entry: Entry, _ onEvent: (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Ended? {
    if let ended = try completed(entry) { return ended }
    let trainer = try Trainer(
      task: try makeTask(entry.settings), settings: entry.settings,
      cell: cells.first { $0.name == entry.settings.cell }, directory: try directory(entry),
      recording: recording)
    let outcome: Ended.Outcome
    var pausedAt: Int?
    do throws(TrainingError) {
      let outcomeOfRun = try trainer.run(
        onEvent: { event in
          if entry.pause != nil, case .evaluated(let record, _, _) = event, isOver(entry, record) {
            pausedAt = record.step
          }
          onEvent(event)
        }, shouldStop: { pausedAt != nil || shouldStop() })
      switch outcomeOfRun {
      case .interrupted:
        guard let pausedAt else { return nil }
        outcome = .paused(step: pausedAt)
      case .completed(let result): outcome = .completed(result)
      }
    } catch {
      guard case .diverged(let divergence) = error else { throw error }
      outcome = .diverged(divergence)
    }
    var tests: [TestedValue] = []
    if case .completed = outcome { tests = try test(entry, trainer) }
    return Ended(
      outcome: outcome, records: trainer.records, parameters: trainer.parameterCount, tests: tests)
  }

  private func folder(of entry: Entry) -> String? { path.map { $0 + "/" + entry.name } }

  private func directory(_ entry: Entry) throws(TrainingError) -> RunDirectory? {
    guard let path = folder(of: entry) else { return nil }
    do throws(RunError) {
      return RunDirectory.exists(RunDirectory.configFile(path))
        ? try RunDirectory(resuming: path, expecting: entry.settings)
        : try RunDirectory(creating: path, settings: entry.settings)
    } catch { throw .run(error) }
  }
}

extension RunQueue {
  /// How long an update and an evaluation take, in seconds.
  struct Pace: Sendable, Equatable {
    var update: Double
    var evaluation: Double
  }

  /// Times a few updates and an evaluation of each entry, `jobs` at a time, and keeps nothing; nil when it was asked to
  /// stop. An entry that diverges at once has no time.
  func pace(
    of entries: [Entry], jobs: Int, updates: Int = 4, shouldStop: () -> Bool
  ) throws(TrainingError) -> [Pace?]? {
    var paces = [Pace?](repeating: nil, count: entries.count)
    let isWhole = try Jobs(count: jobs).run(
      entries.count,
      { (index, _, report: (Pace) -> Void, shouldStop) throws(TrainingError) in
        if let pace = try pace(of: entries[index], updates, shouldStop) { report(pace) }
      }, receive: { (index, _, pace) in paces[index] = pace }, shouldStop: shouldStop)
    return isWhole ? paces : nil
  }

  private func pace(
    of entry: Entry, _ updates: Int, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Pace? {
    var settings = entry.settings
    settings.evaluationInterval = updates
    let trainer = try Trainer(
      task: try makeTask(settings), settings: settings, cell: cells.first { $0.name == settings.cell })
    // The first update allocates and is no measure.
    var (first, last, evaluated): (Double?, Double?, Double?)
    let start = ContinuousClock.now
    do throws(TrainingError) {
      _ = try trainer.run(
        onEvent: { event in
          switch event {
          case .progress(let progress) where progress.step == 1: first = start.secondsSince
          case .progress(let progress) where progress.step == updates: last = start.secondsSince
          case .evaluated: if evaluated == nil { evaluated = start.secondsSince }
          default: break
          }
        }, shouldStop: { evaluated != nil || shouldStop() })
    } catch {
      guard case .diverged = error else { throw error }
    }
    guard let first, let last, let evaluated else { return nil }
    return Pace(update: (last - first) / Double(updates - 1), evaluation: evaluated - last)
  }
}
