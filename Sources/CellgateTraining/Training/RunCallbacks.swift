import CellgateBasics
import CellgateNN
import CellgateTensor

extension Trainer {
  /// What a run does in the course of its updates, in the order in which it does it.
  func callbacks(_ onEvent: @escaping (TrainingEvent) -> Void) -> [any TrainingCallback] {
    var callbacks: [any TrainingCallback] = [RunDiagnosing(self), RunLogging(self, onEvent)]
    if recording.writesTensorBoard, let directory { callbacks.append(TensorBoard(directory.path)) }
    return callbacks + [RunEnding(self), RunSaving(self, onEvent)]
  }
}

/// Observes the recurrent layers at some updates.
private final class RunDiagnosing: TrainingCallback {
  private unowned let run: Trainer
  private var observations: LayerObservations?

  init(_ run: Trainer) { self.run = run }

  func observer(_ loop: TrainingLoop) -> LayerObserver? {
    observations = run.store.diagnostics?.observations(at: loop.step)
    return observations.map { observations in { observations.add($0, $1) } }
  }

  func updated(_ loop: TrainingLoop, _ update: UpdateRecord) throws {
    guard let observations else { return }
    self.observations = nil
    try run.store.writing { () throws(RunError) in try run.store.diagnostics?.append(observations) }
  }
}

/// Keeps the evaluations and the best model, and reports updates and evaluations.
private final class RunLogging: TrainingCallback {
  private unowned let run: Trainer
  private let onEvent: (TrainingEvent) -> Void
  private var began = (clock: ContinuousClock.now, step: 0)

  init(_ run: Trainer, _ onEvent: @escaping (TrainingEvent) -> Void) {
    self.run = run
    self.onEvent = onEvent
  }

  func trainingBegan(_ loop: TrainingLoop) { began = (.now, loop.step) }

  func updated(_ loop: TrainingLoop, _ update: UpdateRecord) {
    let perStep = began.clock.secondsSince / Double(max(1, update.step - began.step))
    onEvent(
      .progress(
        TrainingProgress(
          step: update.step, steps: loop.steps, loss: update.loss, smoothedLoss: loop.smoothedLoss,
          learningRate: update.learningRate, gradientNorm: update.gradientNorm, msPerStep: loop.msPerStep,
          secondsLeft: perStep * Double(loop.steps - update.step))))
  }

  func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    guard let evaluation = run.validation else { fail("Trainer: expected an evaluation, found none") }
    let row = MetricsRecord(
      step: record.step, trainingLoss: record.trainingLoss, validation: evaluation,
      learningRate: record.learningRate, gradientNorm: record.gradientNorm)
    let isBest = run.decision(run.isBest(evaluation))
    let solved = run.bound.isSolved(evaluation)
    if isBest {
      run.kept.best = Checkpoint.Best(step: record.step, value: evaluation.value)
      run.kept.bestValues = loop.parameters.values.copied()
      run.kept.sinceBest = 0
      try run.store.keepBest(run.kept, loop.parameters)
    } else {
      run.kept.sinceBest += 1
    }
    try run.store.append(row)
    run.kept.rows = run.store.log.records.count
    if solved, run.kept.solvedStep == nil { run.kept.solvedStep = record.step }
    onEvent(.evaluated(row, isBest: isBest, solved: solved))
  }
}

/// Ends a run before its last update, where its settings say so.
private final class RunEnding: TrainingCallback {
  private unowned let run: Trainer

  init(_ run: Trainer) { self.run = run }

  func trainingBegan(_ loop: TrainingLoop) { check(loop) }
  func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) { check(loop) }

  private func check(_ loop: TrainingLoop) {
    if let patience = run.settings.patience, run.kept.sinceBest >= patience { loop.stop("patience") }
    if run.settings.stopWhenSolved == true, run.kept.solvedStep != nil { loop.stop("solved") }
  }
}

/// Saves checkpoints, and names the place of a number that is not finite.
private final class RunSaving: TrainingCallback {
  private unowned let run: Trainer
  private let onEvent: (TrainingEvent) -> Void

  init(_ run: Trainer, _ onEvent: @escaping (TrainingEvent) -> Void) {
    self.run = run
    self.onEvent = onEvent
  }

  func foundNonFinite(_ loop: TrainingLoop, _ found: NonFinite) throws { throw run.diverged(found) }

  func stepEnded(_ loop: TrainingLoop) throws {
    run.kept.totalSeconds = run.seconds
    if isDue(loop) { try save(loop) }
  }

  func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) throws {
    run.kept.totalSeconds = run.seconds
    try save(loop)
  }

  private func isDue(_ loop: TrainingLoop) -> Bool {
    guard run.directory != nil, let savedStep = run.store.savedStep else { return false }
    if let most = run.recording.checkpointSteps, loop.step - savedStep >= most { return true }
    return run.store.lastSave.secondsSince >= run.recording.checkpointSeconds
  }

  private func save(_ loop: TrainingLoop) throws {
    guard run.directory != nil, run.store.savedStep != loop.step else { return }
    guard try loop.parametersAreFinite() else { return }
    try run.save()
    onEvent(.saved(step: loop.step))
  }
}
