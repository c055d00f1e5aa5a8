import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A run as a report shows it: what its folder holds, complete or not.
public struct ReportedRun {
  /// How far a run came.
  public enum State: Sendable, Equatable {
    /// To its end, with this result.
    case complete(TrainingResult)
    /// Not to its end: it is still going on, or was stopped.
    case incomplete
    /// Until a number became NaN or infinite.
    case diverged(Divergence)

    /// "complete", "incomplete" or "diverged".
    public var name: String {
      switch self {
      case .complete: "complete"
      case .incomplete: "incomplete"
      case .diverged: "diverged"
      }
    }
  }

  /// The folder, as it was named.
  public let folder: String
  /// What the run was made with.
  public let settings: TrainingSettings
  /// How far it came.
  public let state: State
  /// The evaluations so far.
  public let records: [MetricsRecord]
  /// What the best model makes of some test examples.
  public internal(set) var samples: [PredictionSample] = []
  /// Numbers that are learned; nil when the model can't be built.
  public internal(set) var parameters: Int?
  /// What is missing, a sentence each.
  public internal(set) var notes: [String] = []

  let taskType: any SequenceTask.Type
  /// Nil for a cell that is none of those known.
  let cell: Cell?
  let diagnostics: DiagnosticCurves
  /// Nil without the task's data.
  var baseline: Baseline?
  /// Updates of the whole run; nil without the task's data.
  var steps: Int?

  /// The result, when the run is complete.
  public var result: TrainingResult? {
    if case .complete(let result) = state { return result }
    return nil
  }

  /// The best evaluation on the validation data so far; nil before the first.
  public var best: MetricsRecord? {
    let selection = ModelSelection(taskType, settings)
    return records.filter { !$0.validation.value.isNaN }.reduce(nil) { best, record in
      best.map { selection.isBetter(record.validation, than: $0.validation) ? record : $0 } ?? record
    }
  }

  /// The first evaluation at which the task was solved, complete or not.
  public var solvedAtStep: Int? {
    if let result { return result.solvedAtStep }
    return records.first { taskType.isSolved($0.validation, settings) }?.step
  }

  /// Reads a run's folder, without its model; throws what is wrong with a file that is there.
  init(folder: String, tasks: [any SequenceTask.Type], cells: [Cell]) throws(RunError) {
    self.folder = folder
    let settings = try RunDirectory.settings(of: folder)
    self.settings = settings
    let config = RunDirectory.configFile(folder)
    guard let taskType = tasks.first(where: { $0.name == settings.task }) else {
      let error = SettingsError.unknownName(
        option: "task", found: settings.task, known: tasks.map { $0.name })
      throw .badConfig(file: config, reason: error.description)
    }
    self.taskType = taskType
    cell = settings.definition(among: cells)
    if let problem = Self.problems(settings, tasks: tasks, cells: cells) {
      throw .badConfig(file: config, reason: problem)
    }
    records = try Self.records(folder, taskType, settings)
    diagnostics = try DiagnosticCurves(folder: folder)
    if let result = try RunDirectory.result(of: folder) {
      state = .complete(result)
      parameters = result.parameters
      baseline = Baseline(result.baseline, "")
      steps = result.steps
    } else {
      state = try RunDirectory.divergence(of: folder).map { .diverged($0) } ?? .incomplete
      steps = settings.steps
    }
    if cell == nil {
      notes.append(
        "'\(quotedName(settings.cell))' is none of the cells that this program knows: its equations and samples "
          + "can't be shown.")
    }
    if records.isEmpty { notes.append("There is no evaluation yet, and so there are no curves.") }
  }

  /// What is wrong with settings of which no run can have been made. That this machine could not make it is no
  /// problem, nor is a cell of someone's own.
  private static func problems(
    _ settings: TrainingSettings, tasks: [any SequenceTask.Type], cells: [Cell]
  ) -> String? {
    var settings = settings
    settings.precision = .float32
    let problems = settings.problems(tasks: tasks, cells: cells, available: .infinity).filter { problem in
      if case .unknownName("cell", _, _, _) = problem { false } else { true }
    }
    return problems.isEmpty ? nil : SettingsErrors(problems).description
  }

  /// The rows of `metrics.csv`, if it is there; throws what is wrong with it.
  private static func records(
    _ folder: String, _ task: any SequenceTask.Type, _ settings: TrainingSettings
  ) throws(RunError) -> [MetricsRecord] {
    let file = folder + "/metrics.csv"
    guard RunDirectory.exists(file) else { return [] }
    return try MetricsLog.read(file, metrics: task.metricNames(settings))
  }

  /// Builds the model for what follows from it: parameters, and samples from the best one. Throws when the model's
  /// file is damaged; that it is missing is noted.
  mutating func addModel(of task: any SequenceTask, trustingWeights: Bool) throws(RunError) {
    baseline = task.baseline
    if result == nil { steps = task.totalSteps(settings) }
    guard let cell else { return }
    if let problem = settings.precision.problem(on: .active) {
      notes.append("There are no samples: \(problem).")
      return
    }
    let isTooLarge = settings.problems(tasks: [taskType], cells: [cell]).contains {
      if case .tooLarge = $0 { true } else { false }
    }
    if isTooLarge {
      notes.append("There are no samples: the model needs more memory than this machine has.")
      return
    }
    let file = RunDirectory.modelFile(folder)
    let shapes = task.parameterShapes(settings, cell: cell)
    if parameters == nil { parameters = shapes.reduce(0) { $0 + $1.shape.reduce(1, *) } }
    guard RunDirectory.exists(file) else {
      if parameters == nil { parameters = ParameterSet(task.bound(cell: cell).model).count }
      notes.append("There are no samples: no best model is kept in the folder.")
      return
    }
    let saved = try ModelFile.open(file, trustingWeights: trustingWeights)
    try RunIdentity(settings: settings, cell: cell, task: task).check(
      saved.metadata, file: file, resuming: false)
    try saved.check(holds: shapes)
    let bound = task.bound(cell: cell)
    let values = ParameterSet(bound.model, withBuffers: true)
    values.assign(try saved.values(of: values))
    samples = bound.samples(Self.sampleCount)
  }

  /// The most samples of a run.
  static let sampleCount = 24
}

extension SequenceTask {
  /// Whether an evaluation meets the task's criterion.
  static func isSolved(_ evaluation: Evaluation, _ settings: TrainingSettings) -> Bool {
    solved.isMet(by: evaluation, of: Self.self, settings)
  }
}
