import CellgateFiles
import CellgateNN
import CellgateTensor

/// Keeps what a run reaches: checkpoints, evaluations and the best model in its folder, or the evaluations alone in
/// memory when it has none.
///
/// A checkpoint gets a file of its own, which is read back before it gets its name; only then are those removed that
/// are older than the one before it. So there is a whole checkpoint at any moment, and one more should the disk damage
/// it. The best model is written before the checkpoint that counts on it, and is in the checkpoint too.
final class RunStore {
  /// The evaluations.
  let log: MetricsLog
  /// The observations of the layers; nil without any, and for a complete run.
  let diagnostics: DiagnosticsLog?
  /// The step of the last checkpoint; nil before the first.
  private(set) var savedStep: Int?
  /// When it was written.
  private(set) var lastSave = ContinuousClock.now
  /// What was damaged, what the run goes on with instead, and how it is made longer, a line each.
  private(set) var notices: [String] = []
  /// Whether the run goes on for longer than what lies in the folder says, until `extend` has changed that.
  private(set) var isExtended = false

  private let directory: RunDirectory?
  private let identity: RunIdentity
  private let metric: String
  /// The checkpoint that the run continues from, or the last one that it wrote.
  private var newest: String?
  /// What `model.safetensors` holds; it may be ahead of a run that was resumed, which then comes to it again.
  private var onDisk: Checkpoint.Best?

  /// Throws unless what the run in the folder can be continued from has the parameters `shapes`, before a model is made
  /// for it: its best model when it is complete, else at least one of its checkpoints.
  static func check(_ directory: RunDirectory, holds shapes: AnySequence<ParameterShape>) throws(RunError) {
    if try directory.result() != nil {
      try CheckpointReader.check(
        directory.modelFile, format: ModelFile.format, newest: ModelFile.version, holds: shapes)
      return
    }
    var problems: [RunError] = []
    for file in try directory.checkpointFiles() {
      do throws(RunError) {
        try CheckpointReader.check(
          file, format: Checkpoint.format, newest: Checkpoint.version, holds: shapes, prefix: "model.")
        return
      } catch { problems.append(error) }
    }
    if !problems.isEmpty { throw noCheckpoint(directory, problems) }
  }

  private static func noCheckpoint(_ directory: RunDirectory, _ problems: [RunError]) -> RunError {
    problems.count == 1 ? problems[0] : .noCheckpoint(folder: directory.path, problems: problems)
  }

  /// Brings `state`, parameters, optimiser and schedule to where the run of `steps` updates in the folder can be
  /// continued: its newest whole checkpoint, or the end of a complete run that is not to be longer. All that is to be
  /// continued is read and checked before anything in the folder changes.
  init(
    _ directory: RunDirectory?, identity: RunIdentity, steps: Int, metrics: [String], carriedShapes: [[Int]],
    diagnosticsEvery: Int?,
    state: inout Checkpoint, parameters: ParameterSet, optimizer: any Optimizer,
    schedule: inout any Schedule
  ) throws(RunError) {
    self.directory = directory
    self.identity = identity
    metric = metrics[0]
    guard let directory else {
      log = try MetricsLog(creating: nil, metrics: metrics)
      diagnostics = nil
      return
    }
    if let result = try directory.result(), try !Self.isLonger(identity, directory) {
      log = try MetricsLog(complete: directory.metricsFile, metrics: metrics)
      diagnostics = nil
      parameters.assign(
        try ModelFile.read(directory.modelFile, of: parameters, identity: identity).values)
      state.loop.step = result.steps
      savedStep = result.steps
      return
    }
    var problems: [RunError] = []
    for file in try directory.checkpointFiles() where newest == nil {
      do throws(RunError) {
        state = try Checkpoint(
          from: file, identity: identity, carriedShapes: carriedShapes, parameters: parameters,
          optimizer: optimizer,
          schedule: &schedule)
        newest = file
      } catch {
        if case .otherModel = error { throw error }
        problems.append(error)
      }
    }
    guard newest != nil else {
      // The best model is never written before the first checkpoint.
      guard problems.isEmpty, !RunDirectory.exists(directory.modelFile) else {
        throw Self.noCheckpoint(directory, problems)
      }
      log = try MetricsLog(creating: directory.metricsFile, metrics: metrics)
      diagnostics = try DiagnosticsLog(directory, every: diagnosticsEvery)
      try directory.removeTemporaries()
      return
    }
    let changes = try Self.changes(state, identity, directory)
    // A checkpoint that doesn't record how long its run is may be past an end that was changed.
    guard state.step <= steps else {
      throw .badState(
        file: directory.checkpointFile(step: state.step), name: "step",
        expected: "at most \(steps), the updates of the run", found: "\(state.step)")
    }
    isExtended = !changes.isEmpty
    notices = problems.map { "\($0); the run goes on from step \(state.step)" }
    if isExtended {
      let schedule = Schedules.named(identity.settings.schedule.name)
      notices.append(
        changes.joined(separator: ", ") + ": the run goes on from step \(state.step)"
          + (schedule?.dependsOnLength == true
            ? "; the learning rate falls over the new length from here on" : ""))
    }
    savedStep = state.step
    let damage = try Self.readBest(directory.modelFile, of: parameters, identity, &state, &onDisk)
    let table = try RunTable(
      directory.metricsFile, header: MetricsLog.header(metrics: metrics),
      keeping: .init(rows: state.rows, most: state.step - state.loop.lossCount))
    let records = try MetricsLog.records(table)
    let observed = try DiagnosticsLog.Saved(directory, at: state.diagnostics, step: state.step)
    // All is read and whole: from here on the folder changes.
    log = try MetricsLog(continuing: table, records)
    diagnostics = try DiagnosticsLog(directory, every: diagnosticsEvery, continuing: observed)
    try directory.removeTemporaries()
    guard let damage else { return }
    notices.append("\(damage); the best model is taken from the checkpoint of step \(state.step)")
    try writeBest(state, parameters)
  }

  /// Whether the run that is complete in the folder is to be longer.
  private static func isLonger(_ identity: RunIdentity, _ directory: RunDirectory) throws(RunError) -> Bool {
    let file = directory.modelFile
    let recorded = try RunIdentity.settings(in: try ModelFile.metadata(of: file), file: file)
    switch (recorded ?? directory.made).continued(with: identity.settings) {
    case .same: return false
    case .longer: return true
    case .other(let name, let expected, let found):
      throw .otherModel(file: file, name: name, expected: expected, place: "config.json", found: found)
    }
  }

  /// What is new for the run that has come as far as `state`, in words, when it is to be longer; throws `otherModel` when
  /// it is to be shorter, and `cannotExtend` when its end has another reason than its length.
  private static func changes(
    _ state: Checkpoint, _ identity: RunIdentity, _ directory: RunDirectory
  ) throws(RunError) -> [String] {
    let settings = identity.settings
    switch (state.made ?? directory.made).continued(with: settings) {
    case .same: return []
    case .other(let name, let expected, let found):
      throw .otherModel(
        file: directory.checkpointFile(step: state.step), name: name, expected: expected,
        place: "config.json", found: found)
    case .longer(let changes):
      if settings.stopWhenSolved == true, let step = state.solvedStep {
        throw .cannotExtend(
          folder: directory.path,
          reason: "the run ends at step \(step), where its task is solved (stop_when_solved)")
      }
      if let patience = settings.patience, state.sinceBest >= patience {
        throw .cannotExtend(
          folder: directory.path,
          reason: "the run has ended after \(state.sinceBest) evaluations without improvement; "
            + "expected a --patience above that as well, found \(patience)")
      }
      return changes
    }
  }

  /// Gives the folder what a run has that was longer from its start, as far as it has come: its settings, no result, and
  /// the best model so far. The checkpoint is still to be written.
  func extend(_ state: Checkpoint, _ parameters: ParameterSet) throws(RunError) {
    guard isExtended, let directory else { return }
    try directory.extend()
    onDisk = nil
    try writeBest(state, parameters)
  }

  /// Looks at the best model's file. Returns what is wrong with it if the checkpoint has what it should hold.
  private static func readBest(
    _ path: String, of parameters: ParameterSet, _ identity: RunIdentity, _ state: inout Checkpoint,
    _ onDisk: inout Checkpoint.Best?
  ) throws(RunError) -> RunError? {
    guard let best = state.best else {
      // Written after the checkpoint, if it is there; a whole one stays until the run comes to it again.
      do throws(RunError) {
        onDisk = try ModelFile.read(path, of: parameters, identity: identity).best
      } catch {
        if case .otherModel = error { throw error }
      }
      return nil
    }
    do throws(RunError) {
      let file = try ModelFile.read(path, of: parameters, identity: identity)
      guard file.best.step > best.step || file.best == best else {
        throw .badState(
          file: path, name: "step", expected: "the best model of step \(best.step)",
          found: "that of step \(file.best.step)")
      }
      onDisk = file.best
      if state.bestValues == nil { state.bestValues = file.values }
      return nil
    } catch {
      if case .otherModel = error { throw error }
      if state.bestValues == nil { throw error }
      return error
    }
  }

  /// Keeps the best model of `state`, whose step is that of the parameters.
  func keepBest(_ state: Checkpoint, _ parameters: ParameterSet) throws(RunError) {
    if let onDisk, let best = state.best, onDisk.step > best.step { return }
    try writeBest(state, parameters)
  }

  /// Makes the best model of `state` that of the folder, if it is not, or if its values have changed since.
  func writeBest(
    _ state: Checkpoint, _ parameters: ParameterSet, isChanged: Bool = false
  ) throws(RunError) {
    guard let directory, let best = state.best, let values = state.bestValues, isChanged || best != onDisk
    else { return }
    try writing { () throws(RunError) in
      try ModelFile.write(
        to: directory.modelFile, parameters: parameters, values: values, identity: identity, best: best,
        metric: metric)
    }
    onDisk = best
  }

  /// Appends an evaluation to the log.
  func append(_ record: MetricsRecord) throws(RunError) {
    try writing { () throws(RunError) in try log.append(record) }
  }

  /// Writes a checkpoint, and removes those that are older than the last.
  func save(
    _ state: Checkpoint, parameters: ParameterSet, optimizer: any Optimizer, schedule: any Schedule
  ) throws(RunError) {
    guard let directory else { return }
    let file = directory.checkpointFile(step: state.step)
    try writing { () throws(RunError) in
      try state.write(
        to: file, identity: identity, parameters: parameters, optimizer: optimizer, schedule: schedule)
    }
    savedStep = state.step
    lastSave = .now
    try writing { () throws(RunError) in
      for old in try directory.checkpointFiles() where old != file && old != newest {
        try directory.remove(old)
      }
    }
    newest = file
  }

  /// Writes the result of the complete run.
  func write(_ result: TrainingResult) throws(RunError) {
    try writing { () throws(RunError) in try directory?.write(result) }
  }

  /// An error that says what stays, when the system refuses to write.
  func writing(_ body: () throws(RunError) -> Void) throws(RunError) {
    do throws(RunError) {
      try body()
    } catch {
      switch error {
      case .file(let cause), .metrics(.file(let cause)): throw .notSaved(cause, savedStep: savedStep)
      default: throw error
      }
    }
  }
}
