/// Calls closures.
///
///     loop.callbacks = [ClosureCallback(onEpochEnd: { loop, record in print(record.epoch, record.trainingLoss) })]
public final class ClosureCallback: TrainingCallback {
  private let onBegin: (TrainingLoop) throws -> Void
  private let onUpdate: (TrainingLoop, UpdateRecord) throws -> Void
  private let onEvaluation: (TrainingLoop, TrainingRecord) throws -> Void
  private let onEpochEnd: (TrainingLoop, TrainingRecord) throws -> Void
  private let onEnd: (TrainingLoop, TrainingLoop.Outcome) throws -> Void

  /// Each is called as the method of `TrainingCallback`; what it throws ends training.
  public init(
    onBegin: @escaping (TrainingLoop) throws -> Void = { _ in },
    onUpdate: @escaping (TrainingLoop, UpdateRecord) throws -> Void = { _, _ in },
    onEvaluation: @escaping (TrainingLoop, TrainingRecord) throws -> Void = { _, _ in },
    onEpochEnd: @escaping (TrainingLoop, TrainingRecord) throws -> Void = { _, _ in },
    onEnd: @escaping (TrainingLoop, TrainingLoop.Outcome) throws -> Void = { _, _ in }
  ) {
    self.onBegin = onBegin
    self.onUpdate = onUpdate
    self.onEvaluation = onEvaluation
    self.onEpochEnd = onEpochEnd
    self.onEnd = onEnd
  }

  /// Calls `onBegin`.
  public func trainingBegan(_ loop: TrainingLoop) throws { try onBegin(loop) }
  /// Calls `onUpdate`.
  public func updated(_ loop: TrainingLoop, _ update: UpdateRecord) throws { try onUpdate(loop, update) }
  /// Calls `onEvaluation`.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    try onEvaluation(loop, record)
  }
  /// Calls `onEpochEnd`.
  public func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    try onEpochEnd(loop, record)
  }
  /// Calls `onEnd`.
  public func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) throws {
    try onEnd(loop, outcome)
  }
}
