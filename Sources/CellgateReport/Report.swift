import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateTraining

/// A report of runs as one HTML page that needs nothing else: no network, no other file, and no script to be read.
///
/// ```swift
/// let report = try Report(of: ["runs/adding-lstm"])
/// try report.write(to: "report.html")
/// ```
///
/// Equal folders give equal pages. Curves are thinned out to 1,000 points each, fewer where there are more than twenty
/// runs; their extremes stay.
public struct Report {
  /// Runs that can be compared: of one task with the same options and data.
  public struct Group {
    /// The runs, in the order in which they were found.
    public internal(set) var runs: [ReportedRun]

    /// The task of all of them.
    public var task: any SequenceTask.Type { runs[0].taskType }
    /// The task's options.
    public var options: [String: OptionValue] { runs[0].settings.taskOptions }
  }

  /// The runs by task and options, in the order in which they were found.
  public private(set) var groups: [Group] = []
  /// What is missing for samples, a line each: data that a task needs; then why runs were left out.
  public private(set) var warnings: [String] = []
  /// What is wrong with the runs that were left out.
  public private(set) var leftOut: [RunError] = []

  /// The folder with the pictures that captions are shown beside; nil for none.
  public var picturesFolder: String?

  /// All runs.
  public var runs: [ReportedRun] { groups.flatMap(\.runs) }

  /// Reads the runs in these folders; a folder that holds run folders, up to six levels down, counts as all of them.
  /// `cells` are the cells known, `data` is what a task gets to take its samples from. A run with a file
  /// that is wrong is left out; where that leaves none the first error is thrown. A model without the checksum of its
  /// bytes is wrong unless its weights are trusted. Throws `notARun` for a folder without runs.
  public init(
    of folders: [String], tasks: [any SequenceTask.Type], cells: [Cell] = Cell.all,
    trustingWeights: Bool = false, data: (any SequenceTask.Type) -> DataSource
  ) throws(RunError) {
    var loaded: [Data: Result<any SequenceTask, TaskDataError>] = [:]
    for var run in try Self.read(folders, tasks, cells, &leftOut) {
      // A task's data and head are the same for every cell and seed.
      var common = run.settings
      (common.cell, common.cellText, common.seed) = ("", nil, 0)
      let key = common.encoded()
      let task = loaded[key] ?? Self.task(run.taskType, run.settings, data(run.taskType))
      loaded[key] = task
      switch task {
      case .success(let task):
        do throws(RunError) {
          try run.addModel(of: task, trustingWeights: trustingWeights)
        } catch {
          guard case .otherModel = error else {
            leftOut.append(error)
            continue
          }
          addWarning(error.description, to: &run)
        }
      case .failure(let error): addWarning(error.description, to: &run)
      }
      add(run)
    }
    if groups.isEmpty, let error = leftOut.first { throw error }
    warnings += leftOut.map { "\($0); the run is left out" }
  }

  /// The runs without their models, those found in one folder by cell, size and seed; and what is wrong with the others.
  private static func read(
    _ folders: [String], _ tasks: [any SequenceTask.Type], _ cells: [Cell], _ leftOut: inout [RunError]
  ) throws(RunError) -> [ReportedRun] {
    var runs: [ReportedRun] = []
    for found in try RunFolderSearch.runs(at: folders) {
      var own: [ReportedRun] = []
      for folder in found {
        do throws(RunError) {
          own.append(try ReportedRun(folder: folder, tasks: tasks, cells: cells))
        } catch { leftOut.append(error) }
      }
      runs += own.enumerated().sorted { a, b in
        let (one, other) = (a.element.settings, b.element.settings)
        return (one.cell, one.cellText ?? "", one.hidden, one.seed, a.offset)
          < (other.cell, other.cellText ?? "", other.hidden, other.seed, b.offset)
      }.map(\.element)
    }
    return runs
  }

  private static func task(
    _ type: any SequenceTask.Type, _ settings: TrainingSettings, _ data: DataSource
  ) -> Result<any SequenceTask, TaskDataError> {
    do throws(TaskDataError) {
      return .success(try type.init(settings: settings, data: data))
    } catch { return .failure(error) }
  }

  private mutating func addWarning(_ reason: String, to run: inout ReportedRun) {
    let line = "\(run.settings.task): no samples: \(reason)"
    if !warnings.contains(line) { warnings.append(line) }
    run.notes.append("There are no samples: \(reason).")
  }

  private mutating func add(_ run: ReportedRun) {
    let place = groups.firstIndex {
      $0.task.name == run.settings.task && $0.options == run.settings.taskOptions
        && $0.runs[0].settings.data == run.settings.data
    }
    if let place { groups[place].runs.append(run) } else { groups.append(Group(runs: [run])) }
  }

  /// The page.
  public func page() -> String { ReportPage(self).html }

  /// Writes the page, whole or not at all; returns its size in bytes.
  @discardableResult
  public func write(to path: String) throws(FileError) -> Int {
    let data = Data(page().utf8)
    try AtomicFile.write(data, to: path)
    return data.count
  }
}
