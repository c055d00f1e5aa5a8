import CellgateFormats
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
  /// The step of the last checkpoint; nil before the first.
  private(set) var savedStep: Int?
  /// When it was written.
  private(set) var lastSave = ContinuousClock.now
  /// What was damaged, and what the run goes on with instead, a line each.
  private(set) var notices: [String] = []

  private let directory: RunDirectory?
  private let identity: RunIdentity
  private let metric: String
  /// The checkpoint that the run continues from, or the last one that it wrote.
  private var newest: String?
  /// What `model.safetensors` holds; it may be ahead of a run that was resumed, which then comes to it again.
  private var onDisk: Checkpoint.Best?

  /// Brings `state`, parameters, optimiser and schedule to where the run in the folder can be continued: its newest
  /// whole checkpoint, or the end of a complete run. Nothing in the folder changes when it throws.
  init(
    _ directory: RunDirectory?, identity: RunIdentity, metrics: [String], carriedShapes: [[Int]],
    state: inout Checkpoint, parameters: ParameterSet, optimizer: any Optimizer,
    schedule: inout any Schedule
  ) throws(RunError) {
    self.directory = directory
    self.identity = identity
    metric = metrics[0]
    guard let directory else {
      log = try MetricsLog(creating: nil, metrics: metrics)
      return
    }
    if let result = try directory.result() {
      log = try MetricsLog(complete: directory.metricsFile, metrics: metrics)
      parameters.assign(
        try ModelFile.read(directory.modelFile, of: parameters, identity: identity).values)
      state.step = result.steps
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
      if problems.count == 1 { throw problems[0] }
      // The best model is never written before the first checkpoint.
      guard problems.isEmpty, !RunDirectory.exists(directory.modelFile) else {
        throw .noCheckpoint(folder: directory.path, problems: problems)
      }
      log = try MetricsLog(creating: directory.metricsFile, metrics: metrics)
      try directory.removeTemporaries()
      return
    }
    notices = problems.map { "\($0); the run goes on from step \(state.step)" }
    savedStep = state.step
    let damage = try Self.readBest(directory.modelFile, of: parameters, identity, &state, &onDisk)
    log = try MetricsLog(continuing: directory.metricsFile, metrics: metrics, rows: state.rows)
    try directory.removeTemporaries()
    guard let damage else { return }
    notices.append("\(damage); the best model is taken from the checkpoint of step \(state.step)")
    try writeBest(state, parameters)
  }

  /// Looks at the best model's file. Returns what is wrong with it if the checkpoint has what it should hold.
  private static func readBest(
    _ path: String, of parameters: ParameterSet, _ identity: RunIdentity, _ state: inout Checkpoint,
    _ onDisk: inout Checkpoint.Best?
  ) throws(RunError) -> RunError? {
    guard let best = state.best else {
      // Written behind the checkpoint, if it is there; a whole one stays until the run comes to it again.
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

  /// Makes the best model of `state` that of the folder, if it is not.
  func writeBest(_ state: Checkpoint, _ parameters: ParameterSet) throws(RunError) {
    guard let directory, let best = state.best, let values = state.bestValues, best != onDisk else { return }
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

  /// An error that tells what stays, when the system refuses to write.
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
