/// Sets the learning rate at the beginning of each epoch.
///
///     loop.callbacks = [ScheduledRate { epoch in epoch < 10 ? 1e-3 : 1e-4 }]
public final class ScheduledRate: TrainingCallback {
  private let rate: (_ epoch: Int) -> Double

  /// The rate of an epoch, counted from 0; where there are no epochs, of the updates before record 0, 1, 2, …
  public init(_ rate: @escaping (_ epoch: Int) -> Double) { self.rate = rate }

  /// Sets the rate of the first epoch to come.
  public func trainingBegan(_ loop: TrainingLoop) { set(loop) }

  /// Sets the next rate, where there are no epochs.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) {
    if loop.stepsPerEpoch == nil { set(loop) }
  }

  /// Sets the next epoch's rate.
  public func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) { set(loop) }

  private func set(_ loop: TrainingLoop) { loop.baseLearningRate = Float(rate(loop.epochs)) }
}
