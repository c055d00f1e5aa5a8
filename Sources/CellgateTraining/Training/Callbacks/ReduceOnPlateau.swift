import CellgateBasics

/// Multiplies the learning rate by a factor when a value has not improved for some records.
///
///     loop.callbacks = [ReduceOnPlateau(monitor: "val_loss", factor: 0.5, patience: 2)]
public final class ReduceOnPlateau: TrainingCallback {
  private var tracker: Best
  private let factor: Float
  private let patience: Int
  private let cooldown: Int
  private let minimumRate: Float
  private var sinceBest = 0
  private var resting = 0

  /// Watches the value `monitor` of each record. After `patience` records without an improvement of more than
  /// `minimumDelta` the rate is multiplied by `factor`, down to `minimumRate`; they are counted
  /// again from the record `cooldown` after it on, as in Keras.
  public init(
    monitor: String = "val_loss", factor: Float = 0.1, patience: Int = 10, minimumDelta: Double = 1e-4,
    cooldown: Int = 0, minimumRate: Float = 0
  ) {
    require(
      factor > 0 && factor < 1 && patience >= 0 && minimumDelta >= 0 && cooldown >= 0 && minimumRate >= 0,
      "ReduceOnPlateau: expected a factor between 0 and 1 and nothing below 0, found \(factor), \(patience), \(minimumDelta), \(cooldown) and \(minimumRate)"
    )
    tracker = Best(monitor, minimumDelta: minimumDelta)
    self.factor = factor
    self.patience = patience
    self.cooldown = cooldown
    self.minimumRate = minimumRate
  }

  /// Counts, and changes `baseLearningRate`.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    if resting > 0 {
      resting -= 1
      sinceBest = 0
    }
    if try tracker.take(record) {
      sinceBest = 0
      return
    }
    guard resting == 0 else { return }
    sinceBest += 1
    guard sinceBest >= patience else { return }
    if loop.baseLearningRate > minimumRate {
      loop.baseLearningRate = max(minimumRate, loop.baseLearningRate * factor)
    }
    resting = cooldown
    sinceBest = 0
  }
}
