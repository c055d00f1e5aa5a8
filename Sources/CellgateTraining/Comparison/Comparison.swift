import CellgateCells
import CellgateFormats
import Foundation

/// Trains several cells under the same settings, one run after the other, and sums up what they reached.
///
///     config.json          the comparison's settings
///     lstm-seed1/ ...      the folder of each run
///     compare.json         the summary and the results
///     compare.csv          the summary
///     curves.svg           the learning curves
///     diagnostics-….svg    with diagnostics: what was observed in the runs, side by side
///
/// The runs follow one another, so that each has all threads and its time per update means something. A comparison
/// that was interrupted continues where it was: complete runs are read, the others resumed. It may then have
/// more cells or seeds.
public final class Comparison {
  /// One run of a comparison.
  public struct Run: Sendable, Equatable {
    /// Its place, counted from 0, among `count` runs.
    public var index: Int, count: Int
    /// The cell's name.
    public var cell: String
    /// The seed.
    public var seed: UInt64
  }

  /// What a comparison tells while it goes on.
  public enum Event: Sendable, Equatable {
    /// A run tells something.
    case training(TrainingEvent)
    /// A run is complete, now or from before.
    case completed(TrainingResult)
    /// A run became NaN or infinite. The others go on.
    case diverged(Divergence)
  }

  /// How a comparison ended.
  public enum Outcome: Sendable, Equatable {
    /// All runs are complete or have diverged.
    case completed(ComparisonSummary)
    /// It was asked to stop; the runs are saved.
    case interrupted
  }

  /// What is compared.
  public let settings: ComparisonSettings
  /// The settings of all runs, in order.
  public let runs: [TrainingSettings]
  /// The longest time in seconds between two checkpoints of a run.
  public var checkpointSeconds = 60.0
  /// The most updates between two checkpoints of a run; nil for no limit.
  public var checkpointSteps: Int?
  /// Whether scalars for TensorBoard are written into the runs' folders.
  public var writesTensorBoard = false
  /// Updates between two observations of a run's layers, as for ``Trainer``; nil for none, but in a run that goes
  /// on. Needs a folder.
  public var diagnosticsEvery: Int?

  private let taskType: any SequenceTask.Type
  private let cells: [Cell]
  private let dataDirectory: String
  private let path: String?
  private let lock: FolderLock?
  private var histories: [String: [[MetricsRecord]]] = [:]
  private var results: [String: [TrainingResult]] = [:]
  private var diverged: [String: Int] = [:]
  private var parameters: [String: Int] = [:]
  private var baseline: Baseline?

  /// A comparison on the task of this type, in a new folder or, `resuming`, an old one; without a folder it lies in
  /// memory. Throws `settings` or `run`.
  public init(
    _ settings: ComparisonSettings, task: any SequenceTask.Type, cells: [Cell] = Cell.all,
    dataDirectory: String = "", directory path: String? = nil, resuming: Bool = false
  ) throws(TrainingError) {
    let problems = settings.problems(tasks: [task], cells: cells)
    if !problems.isEmpty { throw .settings(SettingsErrors(problems)) }
    self.settings = settings
    runs = settings.runs(tasks: [task], cells: cells)
    taskType = task
    self.cells = cells
    self.dataDirectory = dataDirectory
    self.path = path
    do throws(RunError) {
      lock = try path.map { (path) throws(RunError) in
        try Self.open(path, settings: settings, resuming: resuming)
      }
    } catch { throw .run(error) }
  }

  private static func open(
    _ path: String, settings: ComparisonSettings, resuming: Bool
  ) throws(RunError) -> FolderLock {
    let config = path + "/config.json"
    if resuming {
      guard RunDirectory.exists(config) else { throw .notARun(folder: path) }
    } else {
      try FolderLock.makeFolder(path)
    }
    let lock = try FolderLock(path)
    if !resuming, RunDirectory.exists(config) { throw .exists(folder: path) }
    if resuming {
      let own = try ConfigFile.decode(ComparisonSettings.self, RunDirectory.read(config), file: config)
      // Cells and seeds may be more than before; what all runs have in common may not change.
      if let (name, expected, found) = own.training.firstDifference(from: settings.training) {
        throw .otherSettings(folder: path, setting: name, expected: expected, found: found)
      }
      if own.equal != settings.equal {
        throw .otherSettings(
          folder: path, setting: "equal", expected: own.equal.rawValue, found: settings.equal.rawValue)
      }
      if own.parameters != settings.parameters {
        throw .otherSettings(
          folder: path, setting: "parameters", expected: own.parameters.map(String.init) ?? "none",
          found: settings.parameters.map(String.init) ?? "none")
      }
    }
    do throws(FileError) { try AtomicFile.write(settings.encoded(), to: config) } catch { throw .file(error) }
    return lock
  }

  /// The folder of a run.
  public static func folder(of settings: TrainingSettings) -> String {
    "\(settings.cell)-seed\(settings.seed)"
  }

  // MARK: The runs

  /// Makes all runs, and writes the summary. Throws `data` or `run`.
  public func run(
    onEvent: (Run, Event) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Outcome {
    for (index, settings) in runs.enumerated() {
      let run = Run(index: index, count: runs.count, cell: settings.cell, seed: settings.seed)
      let isComplete = try make(settings, { onEvent(run, $0) }, shouldStop)
      if !isComplete { return .interrupted }
    }
    let result = summary()
    do throws(FileError) { try write(result) } catch { throw .run(.file(error)) }
    do throws(RunError) { try drawDiagnostics() } catch { throw .run(error) }
    return .completed(result)
  }

  /// Makes one run, or reads it when it is complete; false when it was asked to stop.
  private func make(
    _ settings: TrainingSettings, _ onEvent: (Event) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    let task: any SequenceTask
    do throws(TaskDataError) {
      task = try taskType.init(settings: settings, dataDirectory: dataDirectory)
    } catch { throw .data(error) }
    baseline = task.baseline
    let trainer = try Trainer(
      task: task, settings: settings, cell: cells.first { $0.name == settings.cell },
      directory: try directory(settings), diagnosticsEvery: diagnosticsEvery)
    trainer.checkpointSeconds = checkpointSeconds
    trainer.checkpointSteps = checkpointSteps
    trainer.writesTensorBoard = writesTensorBoard
    parameters[settings.cell] = trainer.parameterCount
    do throws(TrainingError) {
      switch try trainer.run(onEvent: { onEvent(.training($0)) }, shouldStop: shouldStop) {
      case .interrupted: return false
      case .completed(let result):
        results[settings.cell, default: []].append(result)
        onEvent(.completed(result))
      }
    } catch {
      guard case .diverged(let divergence) = error else { throw error }
      diverged[settings.cell, default: 0] += 1
      onEvent(.diverged(divergence))
    }
    histories[settings.cell, default: []].append(trainer.records)
    return true
  }

  private func directory(_ settings: TrainingSettings) throws(TrainingError) -> RunDirectory? {
    guard let path else { return nil }
    let own = path + "/" + Self.folder(of: settings)
    do throws(RunError) {
      return RunDirectory.exists(RunDirectory.configFile(own))
        ? try RunDirectory(resuming: own, expecting: settings)
        : try RunDirectory(creating: own, settings: settings)
    } catch { throw .run(error) }
  }

  // MARK: The summary

  private func summary() -> ComparisonSummary {
    let metric = taskType.metric
    let rows = runs.prefix(settings.cells.count).map { run in
      ComparisonRow(
        settings: run, parameters: parameters[run.cell] ?? 0, metric: metric.name,
        results: results[run.cell] ?? [], diverged: diverged[run.cell] ?? 0)
    }
    return ComparisonSummary(
      task: settings.training.task, equal: settings.equal, metric: metric.name,
      better: metric.direction.rawValue, baseline: baseline?.value ?? 0,
      baselineLabel: baseline?.label ?? "", solved: taskType.solved.description, rows: Array(rows),
      runs: settings.cells.flatMap { results[$0] ?? [] })
  }

  private func write(_ result: ComparisonSummary) throws(FileError) {
    guard let path else { return }
    try AtomicFile.write(result.encoded(), to: path + "/compare.json")
    try AtomicFile.write(Data(result.csv().utf8), to: path + "/compare.csv")
    try AtomicFile.write(Data(chart(result).render().utf8), to: path + "/curves.svg")
  }

  /// Draws what was observed in the runs, if anything.
  private func drawDiagnostics() throws(RunError) {
    guard let path else { return }
    var observed: [RunDiagnostics] = []
    for run in runs.map({ path + "/" + Self.folder(of: $0) }) where RunDiagnostics.exist(in: run) {
      observed.append(try RunDiagnostics(of: run))
    }
    if !observed.isEmpty { try DiagnosticsCharts.write(observed, to: path) }
  }

  /// The learning curves of the runs made so far.
  public func chart(_ result: ComparisonSummary) -> SVGChart {
    ComparisonChart.make(taskType, result: result, histories: histories)
  }
}
