import CellgateBasics
import CellgateCells
import CellgateNN
import CellgateTensor
import Foundation

/// Trains a task's model, and keeps what it reaches in a run's folder when it has one.
///
/// ```swift
/// let settings = AddingTask.defaults
/// let task = try AddingTask(settings: settings, dataDirectory: "")
/// let folder = try RunDirectory(creating: "runs/adding", settings: settings)
/// let trainer = try Trainer(task: task, settings: settings, directory: folder)
/// let outcome = try trainer.run { event in print(event) }
/// ```
///
/// A run that was interrupted and resumed ends with the same bits as one that never was.
public final class Trainer {
  /// What is trained under.
  public let settings: TrainingSettings
  /// Numbers that are learned.
  public var parameterCount: Int { parameters.count }
  /// Updates of the whole run.
  public let steps: Int
  /// Updates made so far.
  public var step: Int { state.step }
  /// The evaluations so far.
  public var records: [MetricsRecord] { store.log.records }
  /// The parameters as they are now.
  public let parameters: ParameterSet

  private let task: any SequenceTask
  private let bound: BoundTask
  private let directory: RunDirectory?
  private let recording: RunRecording
  private let optimizer: any Optimizer
  private let firstRate: Float
  private var schedule: any Schedule
  private var state = Checkpoint()
  private let store: RunStore
  private var tensorBoard: TensorBoardLog?
  private var hasRemarked = false

  /// A run of `task`, new or, when `directory` holds a checkpoint, continued. `cell` is looked up by the settings
  /// unless given. Throws `settings` or `run`.
  public init(
    task: any SequenceTask, settings: TrainingSettings, cell: Cell? = nil, directory: RunDirectory? = nil,
    recording: RunRecording = RunRecording()
  ) throws(TrainingError) {
    require(
      recording.diagnosticsEvery.map { $0 > 0 && directory != nil } ?? true,
      "Trainer: expected a folder and 1 or more updates for diagnostics, found \(directory?.path ?? "no folder") and \(recording.diagnosticsEvery ?? 0)"
    )
    let taskType = type(of: task)
    let cells = cell.map { [$0] } ?? Cell.all
    do throws(SettingsErrors) {
      try settings.validate(tasks: [taskType], cells: cells)
    } catch { throw .settings(error) }
    guard let cell = settings.definition(among: cells) else {
      fail("Trainer: expected a cell '\(settings.cell)', found none")
    }
    self.task = task
    self.settings = settings
    self.directory = directory
    self.recording = recording
    steps = task.totalSteps(settings)
    let identity = RunIdentity(settings: settings, cell: cell, task: task)
    if let directory {
      do throws(RunError) {
        try directory.check(identity)
        try RunStore.check(directory, holds: task.parameterShapes(settings, cell: cell))
      } catch { throw .run(error) }
    }
    bound = task.bound(cell: cell)
    parameters = ParameterSet(bound.model)
    do throws(OptimizerError) {
      optimizer = try Optimizers.make(
        settings.optimizer, count: parameters.count, settings: settings.optimizerSettings)
    } catch {
      fail("Trainer: expected settings of an optimizer, found \(error)")
    }
    firstRate = optimizer.learningRate
    schedule = settings.schedule.make(steps: steps)
    do throws(RunError) {
      store = try RunStore(
        directory, identity: identity, steps: steps, metrics: taskType.metricNames,
        carriedShapes: bound.carriedShapes, diagnosticsEvery: recording.diagnosticsEvery, state: &state,
        parameters: parameters, optimizer: optimizer, schedule: &schedule)
      try store.extend(state, parameters)
      // A resumed run knows its diagnostics and its length from the checkpoint.
      let isNew = store.savedStep == nil || store.isExtended
      if isNew || state.diagnostics?.every != store.diagnostics?.every { try save() }
    } catch { throw .run(error) }
  }

  // MARK: The run

  /// Trains to the end, or until `shouldStop` is true, which is asked before each update and in the course of
  /// evaluations; then evaluates the best model on the test data, once. A run that is stopped in an evaluation begins
  /// it again when it is resumed. Throws `diverged` or `run`.
  ///
  /// The last checkpoint comes before an evaluation that is made at the end alone: a run that is made longer later then
  /// has the bits of one that was as long from its start.
  public func run(
    onEvent: (TrainingEvent) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> TrainingOutcome {
    do throws(RunError) {
      if let result = try directory?.result() { return .completed(result) }
    } catch { throw .run(error) }
    for notice in store.notices { onEvent(.notice(notice)) }
    onEvent(.started(step: state.step, steps: steps, parameters: parameters.count))
    if recording.writesTensorBoard { try openTensorBoard() }
    let began = (clock: ContinuousClock.now, step: state.step, total: state.totalSeconds)
    defer { state.totalSeconds = began.total + began.clock.secondsSince }
    /// Saves what a run that is stopped needs to continue.
    func stop() throws(TrainingError) -> TrainingOutcome {
      state.totalSeconds = began.total + began.clock.secondsSince
      try saveNow(onEvent)
      drawDiagnostics(onEvent)
      return .interrupted(step: state.step)
    }
    // The one in which the run was stopped.
    if isEvaluationDue, try !evaluate(onEvent, shouldStop) { return try stop() }
    while state.step < steps, !isOutOfPatience, !isSolvedForGood {
      if shouldStop() { return try stop() }
      let loss = try update()
      try report(.progress(progress(loss, since: began.clock, step: began.step)), onEvent)
      if isEvaluationDue, try !evaluate(onEvent, shouldStop) { return try stop() }
      state.totalSeconds = began.total + began.clock.secondsSince
      if isSaveDue { try saveNow(onEvent) }
    }
    try saveNow(onEvent)
    if state.lossCount > 0 || state.best == nil, try !evaluate(onEvent, shouldStop) { return try stop() }
    let result = try finish(seconds: began.total + began.clock.secondsSince, onEvent, shouldStop)
    drawDiagnostics(onEvent)
    return result.map { .completed($0) } ?? .interrupted(step: state.step)
  }

  /// Whether an evaluation comes after this step that was not made.
  private var isEvaluationDue: Bool {
    let interval = settings.evaluationInterval ?? task.stepsPerEpoch ?? Self.usualEvaluationInterval
    return state.lossCount > 0 && state.step % interval == 0
  }

  private var isOutOfPatience: Bool { settings.patience.map { state.sinceBest >= $0 } ?? false }

  private var isSolvedForGood: Bool { settings.stopWhenSolved == true && state.solvedStep != nil }

  private var isSaveDue: Bool {
    guard directory != nil, let savedStep = store.savedStep else { return false }
    if let most = recording.checkpointSteps, state.step - savedStep >= most { return true }
    return store.lastSave.secondsSince >= recording.checkpointSeconds
  }

  private func openTensorBoard() throws(TrainingError) {
    guard let directory else { return }
    do throws(RunError) {
      try store.writing { () throws(RunError) in
        tensorBoard = try TensorBoardLog(
          folder: directory.path, step: state.step, steps: steps, metrics: type(of: task).metricNames)
      }
    } catch { throw .run(error) }
  }

  /// Reports an event to the caller and to TensorBoard.
  private func report(_ event: TrainingEvent, _ onEvent: (TrainingEvent) -> Void) throws(TrainingError) {
    onEvent(event)
    do throws(RunError) {
      try store.writing { () throws(RunError) in try tensorBoard?.note(event) }
    } catch { throw .run(error) }
  }

  /// Makes one update; returns its loss.
  private func update() throws(TrainingError) -> Double {
    let start = ContinuousClock.now
    parameters.zeroGradients()
    let observations = store.diagnostics?.observations(at: state.step)
    var carried = state.carried
    let loss = bound.loss(state.step, &carried, context(observations), nil)
    let value = Double(loss.item)
    guard value.isFinite else { throw diverged("loss", loss.item) }
    loss.backward()
    if let limit = settings.clipValue { parameters.clipGradients(value: limit) }
    let norm = settings.clipNorm.map { parameters.clipGradients(norm: $0) } ?? parameters.gradientNorm()
    guard norm.isFinite else { throw diverged("gradient norm", Float(norm)) }
    optimizer.learningRate = rate(at: state.step)
    optimizer.step(parameters)
    if let observations { try write(observations) }
    state.step += 1
    state.gradientNorm = norm
    state.carried = carried
    state.lossSum += value
    state.lossCount += 1
    state.smoothed = Self.smoothing * state.smoothed + (1 - Self.smoothing) * value
    state.updateSeconds += start.secondsSince
    return value
  }

  private func rate(at step: Int) -> Float { Float(Double(firstRate) * schedule.factor(at: step)) }

  /// The learning rate of the last update by its digits: 0.001 and not 0.0010000000474974513.
  private var lastRate: Double {
    let rate = rate(at: state.step - 1)
    return Double(rate.description) ?? Double(rate)
  }

  private static let smoothing = 0.98

  /// Updates between two evaluations where there are no epochs.
  package static let usualEvaluationInterval = 100

  private func context(_ observations: LayerObservations? = nil) -> ForwardContext {
    .training(
      seed: settings.seed, step: UInt64(state.step),
      observer: observations.map { observations in { observations.add($0, $1) } })
  }

  private func progress(
    _ loss: Double, since: ContinuousClock.Instant, step first: Int
  ) -> TrainingProgress {
    let perStep = since.secondsSince / Double(max(1, state.step - first))
    return TrainingProgress(
      step: state.step, steps: steps, loss: loss,
      smoothedLoss: state.smoothed / (1 - pow(Self.smoothing, Double(state.step))), learningRate: lastRate,
      gradientNorm: state.gradientNorm, msPerStep: 1000 * state.updateSeconds / Double(state.step),
      secondsLeft: perStep * Double(steps - state.step))
  }

  // MARK: Evaluation

  /// Evaluates the model on the validation data, and notes what follows from it; false when it was stopped.
  private func evaluate(
    _ onEvent: (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> Bool {
    if let place = DivergenceSearch(task: bound, parameters: parameters).parameter() {
      throw .diverged(divergence(step: state.step, place))
    }
    guard let evaluation = bound.evaluate(.validation, shouldStop: shouldStop) else { return false }
    let metric = type(of: task).metric
    guard ([evaluation.value] + evaluation.extras).allSatisfy(\.isFinite) else {
      let found = evaluation.value.isNaN ? "NaN" : "infinity"
      throw .diverged(divergence(step: state.step, ("validation", metric.name, found)))
    }
    if !hasRemarked, let remark = evaluation.remark {
      hasRemarked = true
      onEvent(.notice("validation data: " + remark))
    }
    let record = MetricsRecord(
      step: state.step, trainingLoss: state.lossSum / Double(max(1, state.lossCount)),
      validation: evaluation, learningRate: lastRate, gradientNorm: state.gradientNorm)
    let isBest = state.best.map { metric.isBetter(evaluation.value, than: $0.value) } ?? true
    let solved = bound.isSolved(evaluation)
    do throws(RunError) {
      if isBest { try keepBest(evaluation.value) } else { state.sinceBest += 1 }
      try store.append(record)
    } catch { throw .run(error) }
    state.rows = store.log.records.count
    (state.lossSum, state.lossCount) = (0, 0)
    if solved, state.solvedStep == nil { state.solvedStep = state.step }
    schedule.observe(metric.direction == .lower ? evaluation.value : -evaluation.value)
    try report(.evaluated(record, isBest: isBest, solved: solved), onEvent)
    return true
  }

  private func keepBest(_ value: Double) throws(RunError) {
    state.best = Checkpoint.Best(step: state.step, value: value)
    state.bestValues = parameters.values.copied()
    state.sinceBest = 0
    try store.keepBest(state, parameters)
  }

  /// Puts the best model in place of the last, and evaluates it on the test data; nil when that was stopped.
  private func finish(
    seconds: Double, _ onEvent: (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws(TrainingError) -> TrainingResult? {
    guard let best = state.best, let values = state.bestValues else {
      fail("Trainer: expected an evaluation by the end of a run, found none")
    }
    parameters.assign(values)
    guard let test = bound.evaluate(.test, shouldStop: shouldStop) else { return nil }
    if let remark = test.remark { onEvent(.notice("test data: " + remark)) }
    let taskType = type(of: task)
    let result = TrainingResult(
      task: settings.task, cell: settings.cell, seed: settings.seed, hidden: settings.hidden,
      parameters: parameters.count, metric: taskType.metric.name, value: test.value,
      extras: taskType.named(test.extras), validationValue: best.value, bestStep: best.step,
      solvedAtStep: state.solvedStep, steps: state.step, baseline: task.baseline.value, seconds: seconds,
      msPerStep: 1000 * state.updateSeconds / Double(max(1, state.step)))
    do throws(RunError) {
      try store.writeBest(state, parameters)
      try store.write(result)
    } catch { throw .run(error) }
    return result
  }

  // MARK: Diagnostics

  private func write(_ observations: LayerObservations) throws(TrainingError) {
    do throws(RunError) {
      try store.writing { () throws(RunError) in try store.diagnostics?.append(observations) }
    } catch { throw .run(error) }
  }

  /// Draws what was observed so far into the run's folder. What goes wrong is a notice: a figure costs no run.
  private func drawDiagnostics(_ onEvent: (TrainingEvent) -> Void) {
    guard let directory, store.diagnostics != nil else { return }
    do throws(RunError) {
      try DiagnosticsCharts.write([RunDiagnostics(of: directory.path)], to: directory.path)
    } catch { onEvent(.notice("\(error); the figures of the diagnostics are not drawn")) }
  }

  // MARK: Saving

  private func saveNow(_ onEvent: (TrainingEvent) -> Void) throws(TrainingError) {
    guard directory != nil, store.savedStep != state.step else { return }
    if let place = DivergenceSearch(task: bound, parameters: parameters).parameter() {
      throw .diverged(divergence(step: state.step, place))
    }
    do throws(RunError) { try save() } catch { throw .run(error) }
    onEvent(.saved(step: state.step))
  }

  private func save() throws(RunError) {
    try store.writing { () throws(RunError) in state.diagnostics = try store.diagnostics?.synced() }
    try store.save(state, parameters: parameters, optimizer: optimizer, schedule: schedule)
  }

  // MARK: Divergence

  /// The error of an update whose loss or gradient is not finite; `value` is what was seen.
  private func diverged(_ seen: String, _ value: Float) -> TrainingError {
    let search = DivergenceSearch(task: bound, parameters: parameters)
    let place = search.first(step: state.step, carried: state.carried, context: context())
    return .diverged(
      divergence(step: state.step + 1, place ?? (seen, seen, value.isNaN ? "NaN" : "infinity")))
  }

  private func divergence(step: Int, _ place: DivergenceSearch.Place) -> Divergence {
    let divergence = Divergence(
      step: step, layer: place.layer, tensor: place.tensor, found: place.found, savedStep: store.savedStep)
    directory?.note(divergence)
    return divergence
  }
}

extension SequenceTask {
  /// The names of the metric and the extra ones.
  package static var metricNames: [String] { [metric.name] + extraMetrics.map(\.name) }

  /// Extra metrics by name.
  package static func named(_ extras: [Double]) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: zip(extraMetrics.map(\.name), extras))
  }
}

extension ContinuousClock.Instant {
  /// Seconds from this instant to now.
  package var secondsSince: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - self).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
