import CellgateBasics
import CellgateCells
import CellgateCharts
import CellgateData
import CellgateFiles
import CellgateTraining

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

  /// What a comparison reports while it goes on.
  public typealias Event = RunEvent

  /// How a comparison ended.
  public enum Outcome: Sendable, Equatable {
    /// All runs are complete or have diverged.
    case completed(ComparisonSummary)
    /// It was asked to stop; the runs are saved.
    case interrupted
  }

  /// What is compared.
  public let settings: ComparisonSettings
  /// The settings of the runs, in order: of all, or of those of the shard.
  public let runs: [TrainingSettings]
  /// The part of the runs that is made; nil for all.
  public let shard: RunShard?
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
  /// The runs that have ended, by the cells' names.
  private var ended: [String: [RunQueue.Ended]] = [:]
  private var baseline: Baseline?

  /// A comparison on the task of this type, or a shard of it, in a new folder or, `resuming`, an old one; without a folder it
  /// lies in memory. Throws `settings` or `run`.
  public init(
    _ settings: ComparisonSettings, task: any SequenceTask.Type, cells: [Cell] = Cell.all,
    data: DataSource = .unspecified, directory path: String? = nil, resuming: Bool = false,
    shard: RunShard? = nil
  ) throws(TrainingError) {
    let problems = settings.problems(tasks: [task], cells: cells)
    if !problems.isEmpty { throw .settings(SettingsErrors(problems)) }
    self.settings = settings
    self.shard = shard
    let queue = RunQueue(task: task, cells: settings.allCells(cells), data: data, path: path)
    let all = settings.runs(tasks: [task], cells: cells)
    let isOwn = shard?.takes(all.map { queue.updateCost($0) })
    runs = isOwn.map { zip(all, $0).filter(\.1).map(\.0) } ?? all
    self.queue = queue
    self.path = path
    do throws(RunError) {
      lock = try path.map { (path) throws(RunError) in
        try Self.open(path, settings: settings, resuming: resuming)
      }
    } catch { throw .run(error) }
  }

  /// The settings of the comparison in a folder; throws `notARun`, `badConfig` or `file`.
  public static func settings(of path: String) throws(RunError) -> ComparisonSettings {
    let config = path + "/config.json"
    guard RunDirectory.exists(config) else { throw .notARun(folder: path) }
    return try ConfigFile.decode(ComparisonSettings.self, RunDirectory.read(config), file: config)
  }

  private static func open(
    _ path: String, settings: ComparisonSettings, resuming: Bool
  ) throws(RunError) -> FolderLock {
    let config = path + "/config.json"
    if resuming {
      _ = try Self.settings(of: path)
    } else {
      try FolderLock.makeFolder(path)
    }
    let lock = try FolderLock(path)
    if !resuming, RunDirectory.exists(config) { throw .exists(folder: path) }
    if resuming {
      let own = try Self.settings(of: path)
      // Cells and seeds may be more than before; what all runs have in common may not change.
      if let (name, expected, found) = own.firstDifference(from: settings) {
        throw .otherSettings(folder: path, setting: name, expected: expected, found: found)
      }
    }
    do throws(FileError) {
      try AtomicFile.removeLeftovers(in: path)
      try AtomicFile.write(settings.encoded(), to: config)
    } catch { throw .file(error) }
    return lock
  }

  /// The folder of a run.
  public static func folder(of settings: TrainingSettings) -> String {
    "\(settings.cell)-seed\(settings.seed)"
  }

  // MARK: The runs

  /// The names of the runs that have not ended. Throws `run`.
  public func missingRuns() throws(TrainingError) -> [String] {
    var missing: [String] = []
    for entry in entries where try !queue.hasEnded(entry) { missing.append(entry.name) }
    return missing
  }

  private var entries: [RunQueue.Entry] {
    runs.map { RunQueue.Entry(name: Self.folder(of: $0), settings: $0) }
  }

  /// Makes all runs, and writes the summary. Throws `data` or `run`.
  public func run(
    onEvent: (Run, Event) -> Void = { _, _ in }, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> Outcome {
    baseline = try runs.first.map { (run) throws(TrainingError) in try queue.makeTask(run).baseline }
    let isComplete = try queue.run(
      entries,
      receive: { (index, _, message) in
        switch message {
        case .training(let event): onEvent(run(index), .training(event))
        case .ended(let outcome):
          ended[runs[index].cell, default: []].append(outcome)
          onEvent(run(index), outcome.event)
        }
      }, shouldStop: shouldStop)
    guard isComplete else { return .interrupted }
    let result = summary()
    do throws(FileError) { try write(result) } catch { throw .run(.file(error)) }
    drawDiagnostics(onEvent)
    return .completed(result)
  }

  private func run(_ index: Int) -> Run {
    Run(index: index, count: runs.count, cell: runs[index].cell, seed: runs[index].seed)
  }

  // MARK: The summary

  private func summary() -> ComparisonSummary {
    let metric = queue.task.metric
    let selection = queue.task.description.selection(settings.training)
    // A shard may have no runs of a cell.
    let rows = settings.cells.compactMap { cell in
      runs.first { $0.cell == cell }.map {
        ComparisonRow(settings: $0, metric: metric.name, ended: ended[cell] ?? [])
      }
    }
    return ComparisonSummary(
      task: settings.training.task, equal: settings.equal, metric: metric.name,
      better: metric.direction.rawValue, selection: selection == metric ? nil : selection.name,
      baseline: baseline?.value ?? 0,
      baselineLabel: baseline?.label ?? "", solved: queue.task.solved.description, rows: rows,
      differences: PairedDifference.all(
        settings.cells.map { cell in
          let results = (ended[cell] ?? []).compactMap(\.result)
          return (cell, Dictionary(results.map { ($0.seed, $0.value) }) { first, _ in first })
        }),
      runs: settings.cells.flatMap { (ended[$0] ?? []).compactMap(\.result) })
  }

  private func write(_ result: ComparisonSummary) throws(FileError) {
    guard let path else { return }
    try AtomicFile.write(result.encoded(), to: path + "/compare.json")
    try AtomicFile.write(Data(result.csv().utf8), to: path + "/compare.csv")
    try AtomicFile.write(Data(chart(result).render().utf8), to: path + "/curves.svg")
  }

  /// Draws what was observed in the runs, if anything. What goes wrong is a notice: a figure costs no comparison.
  private func drawDiagnostics(_ onEvent: (Run, Event) -> Void) {
    guard let path else { return }
    var observed: [RunDiagnostics] = []
    for (index, settings) in runs.enumerated() {
      let folder = path + "/" + Self.folder(of: settings)
      guard RunDiagnostics.exist(in: folder) else { continue }
      do throws(RunError) { observed.append(try RunDiagnostics(of: folder)) } catch {
        onEvent(run(index), .training(.notice("\(error); the figures are drawn without this run")))
      }
    }
    guard !observed.isEmpty else { return }
    do throws(RunError) { try DiagnosticsCharts.write(observed, to: path) } catch {
      onEvent(
        run(runs.count - 1), .training(.notice("\(error); the figures of the diagnostics are not drawn")))
    }
  }

  /// The learning curves of the runs made so far.
  public func chart(_ result: ComparisonSummary) -> SVGChart {
    LearningCurves.chart(
      queue.task, title: queue.task.name, equal: result.equal, rows: result.rows,
      baseline: Baseline(result.baseline, result.baselineLabel), ended: ended)
  }
}
