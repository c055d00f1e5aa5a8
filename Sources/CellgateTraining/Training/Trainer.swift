import CellgateBasics
import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor

/// Trains a task's model, and keeps what it reaches in a run's folder when it has one: a ``TrainingLoop`` with the
/// callbacks of a run.
///
/// ```swift
/// let settings = AddingTask.defaults
/// let task = AddingTask(settings: settings)
/// let folder = try RunDirectory(creating: "runs/adding", settings: settings)
/// let trainer = try Trainer(task: task, settings: settings, directory: folder)
/// let outcome = try trainer.run { event in print(event) }
/// ```
///
/// A run that was interrupted and resumed ends with the same bits as one that never was. A run of a ``ProcessGroup`` ends with the bits
/// of one process with as many micro-batches.
public final class Trainer {
  /// What is trained under.
  public let settings: TrainingSettings
  /// Numbers that are learned.
  public var parameterCount: Int { parameters.learnedCount }
  /// Updates of the whole run.
  public var steps: Int { loop.steps }
  /// Updates made so far.
  public var step: Int { loop.step }
  /// The evaluations so far.
  public var records: [MetricsRecord] { store.log.records }
  /// The parameters as they are now.
  public var parameters: ParameterSet { loop.parameters }

  let task: any SequenceTask
  let bound: BoundTask
  let loop: TrainingLoop
  let directory: RunDirectory?
  let recording: RunRecording
  let store: RunStore
  let selection: ModelSelection
  /// Who trains along; nil for nobody.
  let group: (any ProcessGroup)?
  /// What a checkpoint has besides the loop's state.
  var kept = Checkpoint()
  private var began = (clock: ContinuousClock.now, total: 0.0)
  /// What the last evaluation gave.
  private(set) var validation: Evaluation?
  private var hasRemarked = false

  /// A run of `task`, new or, when `directory` holds a checkpoint, continued. `cell` is looked up by the settings
  /// unless given. Throws `settings` or `run`.
  ///
  /// With a `group` every process has a trainer of the same settings, and process 0 alone has the folder: the others go on from where it is.
  public init(
    task: any SequenceTask, settings: TrainingSettings, cell: Cell? = nil, directory: RunDirectory? = nil,
    recording: RunRecording = RunRecording(), group: (any ProcessGroup)? = nil
  ) throws(TrainingError) {
    require(
      directory == nil || group?.rank ?? 0 == 0,
      "Trainer: expected a folder of process 0 alone, found one of process \(group?.rank ?? 0)")
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
    if let problem = Self.problem(settings, recording, group) {
      throw .settings(SettingsErrors([problem]))
    }
    self.task = task
    self.settings = settings
    self.group = group
    self.directory = directory
    self.recording = recording
    var identity = RunIdentity(settings: settings, cell: cell, task: task)
    if let directory {
      do throws(RunError) {
        try directory.check(identity)
        try RunStore.check(directory, holds: task.parameterShapes(settings, cell: cell))
      } catch { throw .run(error) }
    }
    bound = task.bound(cell: cell)
    identity.modelDescription = bound.modelDescription
    loop = Self.loop(bound, settings, steps: task.totalSteps(settings))
    try loop.freeze(settings.freeze ?? [])
    loop.evaluationInterval =
      settings.evaluationInterval ?? task.stepsPerEpoch ?? Self.usualEvaluationInterval
    selection = ModelSelection(taskType, settings)
    loop.monitor = selection.monitored
    do throws(RunError) {
      store = try RunStore(
        directory, identity: identity, steps: loop.steps, metrics: taskType.metricNames(settings),
        carriedShapes: bound.carriedShapes, diagnosticsEvery: recording.diagnosticsEvery, state: &kept,
        parameters: loop.parameters, optimizer: loop.optimizer, schedule: &loop.schedule)
      loop.state = kept.loop
      if store.savedStep == nil, isFirst, let from = settings.from {
        loop.parameters.assign(try from.values(of: loop.parameters, own: identity.own))
      }
      try store.extend(kept, parameters)
      try checkSelection()
      // A resumed run knows its diagnostics and its length from the checkpoint.
      let isNew = store.savedStep == nil || store.isExtended
      if isNew || kept.diagnostics?.every != store.diagnostics?.every { try save() }
    } catch { throw .run(error) }
    loop.group = group
    share()
  }

  /// What micro-batches can't have.
  private static func problem(
    _ settings: TrainingSettings, _ recording: RunRecording, _ group: (any ProcessGroup)?
  ) -> SettingsError? {
    let parts = settings.microBatches ?? 1
    if let group, parts < group.count {
      return .outOfRange(
        option: "micro-batches", expected: "\(group.count) or more, one for each process", found: "\(parts)")
    }
    if parts > 1, recording.diagnosticsEvery != nil {
      return .unsupported(
        option: "diagnostics", reason: "what is inside is observed on whole batches, without micro-batches")
    }
    return nil
  }

  /// Updates between two evaluations where there are no epochs.
  package static let usualEvaluationInterval = 100

  private static func loop(_ bound: BoundTask, _ settings: TrainingSettings, steps: Int) -> TrainingLoop {
    let parameters = ParameterSet(bound.model, withBuffers: true)
    let optimizer: any Optimizer
    do throws(OptimizerError) {
      optimizer = try Optimizers.make(
        settings.optimizer, count: parameters.count, settings: settings.optimizerSettings)
    } catch {
      fail("Trainer: expected settings of an optimizer, found \(error)")
    }
    let loop = TrainingLoop(
      parameters, optimizer: optimizer, schedule: settings.schedule.make(steps: steps), steps: steps,
      seed: settings.seed, microBatches: settings.microBatches ?? 1,
      loss: { try bound.loss($0, $1, &$2, $3, nil) })
    loop.clipValue = settings.clipValue
    loop.clipNorm = settings.clipNorm
    loop.averaging = settings.averageWeights
    return loop
  }

  // MARK: The run

  /// Trains to the end, or until `shouldStop` is true (in any process of a group), which is asked before each update and in the course of
  /// evaluations; then evaluates the best model on the test data, once. A run that is stopped in an evaluation begins
  /// it again when it is resumed. Throws `diverged` or `run`.
  ///
  /// The last checkpoint comes before an evaluation that is made at the end alone: a run that is made longer later then
  /// has the bits of one that was as long from its start.
  public func run(
    onEvent: (TrainingEvent) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws(TrainingError) -> TrainingOutcome {
    do throws(RunError) {
      let result = try directory?.result()
      let isComplete = group?.any(result != nil) ?? (result != nil)
      if isComplete { return result.map { .completed($0) } ?? .interrupted(step: step) }
    } catch { throw .run(error) }
    for notice in store.notices { onEvent(.notice(notice)) }
    onEvent(.started(step: step, steps: steps, parameters: parameterCount))
    began = (.now, kept.totalSeconds)
    defer { kept.totalSeconds = seconds }
    do {
      return try withoutActuallyEscaping(onEvent) { onEvent in
        loop.callbacks = callbacks(onEvent)
        loop.evaluation = { [unowned self] context in try validate(context, onEvent) }
        defer { (loop.callbacks, loop.evaluation) = ([], nil) }
        return try train(onEvent, shouldStop)
      }
    } catch let error as TrainingError {
      throw error
    } catch let error as RunError {
      throw .run(error)
    } catch let error as FileError {
      throw .run(.notSaved(error, savedStep: store.savedStep))
    } catch {
      fail("Trainer: expected an error of a run, found \(error)")
    }
  }

  private func train(
    _ onEvent: @escaping (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws -> TrainingOutcome {
    if let result = try result(onEvent, shouldStop) { return .completed(result) }
    drawDiagnostics(onEvent)
    return .interrupted(step: step)
  }

  /// Nil when it was stopped.
  private func result(
    _ onEvent: @escaping (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws -> TrainingResult? {
    if try loop.run(shouldStop: shouldStop) == .interrupted { return nil }
    if loop.state.lossCount > 0 || kept.best == nil, try !loop.record(shouldStop: shouldStop) { return nil }
    return try finish(onEvent, shouldStop)
  }

  /// Seconds spent on the run so far.
  var seconds: Double { began.total + began.clock.secondsSince }

  /// Evaluates the model on the validation data; throws `diverged`.
  private func validate(
    _ context: ForwardContext, _ onEvent: (TrainingEvent) -> Void
  ) throws(TrainingError) -> [MetricValue] {
    guard let evaluation = try evaluation(.validation, context) else { return [] }
    let taskType = type(of: task)
    let values = [evaluation.value] + evaluation.extras
    guard values.allSatisfy(\.isFinite) else {
      let found = evaluation.value.isNaN ? "NaN" : "infinity"
      throw .diverged(divergence(step: step, ("validation", taskType.metric.name, found)))
    }
    if !hasRemarked, let remark = evaluation.remark {
      hasRemarked = true
      onEvent(.notice("validation data: " + remark))
    }
    validation = Evaluation(
      evaluation.value, extras: Array(evaluation.extras.prefix(taskType.metricNames(settings).count - 1)),
      remark: evaluation.remark)
    return zip(taskType.description.metrics(settings), values).map { MetricValue($0, $1) }
  }

  /// Puts the best model in place of the last, and evaluates it on the test data; nil when that was stopped.
  private func finish(
    _ onEvent: (TrainingEvent) -> Void, _ shouldStop: () -> Bool
  ) throws -> TrainingResult? {
    let seconds = seconds
    guard let best = kept.best, let values = kept.bestValues else {
      fail("Trainer: expected an evaluation by the end of a run, found none")
    }
    parameters.assign(values)
    let isChanged = withoutActuallyEscaping(shouldStop) { shouldStop -> Bool? in
      let stop = StopRequest(shouldStop)
      let isChanged = isFirst && bound.finish(.inference(stop: stop))
      return stop.isMade ? nil : isChanged
    }
    let isStopped = group?.any(isChanged == nil) ?? (isChanged == nil)
    guard let isChanged, !isStopped else { return nil }
    if let group {
      var message = group.message {
        var message = ProcessMessage()
        message.add([parameters.values])
        return message
      }
      for values in message.tensors() { parameters.assign(values) }
    }
    let found = try withoutActuallyEscaping(shouldStop) { shouldStop throws(TrainingError) in
      try evaluation(.test, .inference(stop: StopRequest(shouldStop), group: group))
    }
    guard let test = found else { return nil }
    if let remark = test.remark { onEvent(.notice("test data: " + remark)) }
    let taskType = type(of: task)
    let result = TrainingResult(
      task: settings.task, cell: settings.cell, seed: settings.seed, hidden: settings.hidden,
      parameters: parameterCount, metric: taskType.metric.name, value: test.value,
      extras: taskType.named(test.extras, settings).merging(test.named) { own, _ in own },
      validationValue: best.value, selection: selection.other?.name,
      selectionValue: selection.other.flatMap { _ in bestRecord.map { selection.value($0.validation) } },
      bestStep: best.step,
      solvedAtStep: kept.solvedStep, steps: step, baseline: task.baseline.value, seconds: seconds,
      msPerStep: loop.msPerStep)
    // What a longer run goes on from stays as it was.
    var finished = kept
    if isChanged { finished.bestValues = parameters.values.copied() }
    try store.writeBest(finished, parameters, isChanged: isChanged)
    // With its result a run is complete, and nothing of it is made again.
    drawDiagnostics(onEvent)
    try store.write(result)
    return result
  }

  /// Draws what was observed so far into the run's folder. What goes wrong is a notice: a figure costs no run.
  private func drawDiagnostics(_ onEvent: (TrainingEvent) -> Void) {
    guard let directory, store.diagnostics != nil else { return }
    do throws(RunError) {
      try DiagnosticsCharts.write([RunDiagnostics(of: directory.path)], to: directory.path)
    } catch { onEvent(.notice("\(error); the figures of the diagnostics are not drawn")) }
  }

  // MARK: Saving

  /// Writes a checkpoint.
  func save() throws(RunError) {
    kept.loop = loop.state
    try store.writing { () throws(RunError) in kept.diagnostics = try store.diagnostics?.synced() }
    try store.save(kept, parameters: parameters, optimizer: loop.optimizer, schedule: loop.schedule)
  }

  // MARK: Divergence

  /// The error of what was found in the course of an update, or before an evaluation.
  func diverged(_ found: NonFinite) -> TrainingError {
    let search = DivergenceSearch(task: bound, parameters: parameters)
    let place: DivergenceSearch.Place?
    let seen: String
    switch found.place {
    case .parameter(let name): (place, seen) = (search.parameter(), name)
    case .loss, .gradientNorm:
      let context = ForwardContext.training(seed: settings.seed, step: UInt64(step))
      place = try? search.first(step: step, carried: loop.state.carried, context: context)
      seen = found.place == .loss ? "loss" : "gradient norm"
    }
    return .diverged(divergence(step: found.step, place ?? (seen, seen, found.found)))
  }

  func divergence(step: Int, _ place: DivergenceSearch.Place) -> Divergence {
    let divergence = Divergence(
      step: step, layer: place.layer, tensor: place.tensor, found: place.found, savedStep: store.savedStep)
    directory?.note(divergence)
    return divergence
  }
}

extension SequenceTask {
  /// The names of the metric and the extra ones that are logged.
  package static func metricNames(_ settings: TrainingSettings) -> [String] {
    description.loggedMetrics(settings).map(\.name)
  }

  /// Extra metrics by name.
  package static func named(_ extras: [Double], _ settings: TrainingSettings) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: zip(description.metrics(settings).dropFirst().map(\.name), extras))
  }
}

extension ContinuousClock.Instant {
  /// Seconds from this instant to now.
  package var secondsSince: Double {
    let (seconds, attoseconds) = (ContinuousClock.now - self).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
