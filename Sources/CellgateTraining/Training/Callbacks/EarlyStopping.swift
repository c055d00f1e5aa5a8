import CellgateBasics
import CellgateNN
import CellgateTensor

/// Stops when a value has not improved for some records.
///
///     loop.callbacks = [EarlyStopping(monitor: "val_loss", patience: 3, restoresBest: true)]
public final class EarlyStopping: TrainingCallback {
  /// Records without improvement after which training stops.
  public let patience: Int
  /// Whether training ends with the parameters of the best record.
  public let restoresBest: Bool
  /// Records since the best one.
  public private(set) var sinceBest = 0
  /// The updates made before the best record, and its value; nil before the first record.
  public var best: (step: Int, value: Double)? { tracker.found }

  private var tracker: Best
  private var values: Tensor?

  /// Watches the value `monitor` of each record, which counts as better by more than `minimumDelta` alone. Whether small
  /// or large values are good is up to the metric. Training ends with an error when no value has this name.
  public init(
    monitor: String = "val_loss", patience: Int = 0, minimumDelta: Double = 0, restoresBest: Bool = false
  ) {
    require(
      patience >= 0 && minimumDelta >= 0,
      "EarlyStopping: expected a patience and a delta of 0 or more, found \(patience) and \(minimumDelta)")
    self.patience = patience
    self.restoresBest = restoresBest
    tracker = Best(monitor, minimumDelta: minimumDelta)
  }

  /// Counts.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    if try tracker.take(record) {
      sinceBest = 0
      if restoresBest { values = loop.parameters.values.copied() }
      return
    }
    sinceBest += 1
    if sinceBest >= max(1, patience) {
      loop.stop("\(tracker.monitor) has not improved for \(sinceBest) evaluation\(sinceBest == 1 ? "" : "s")")
    }
  }

  /// Puts the best parameters in place, where that was asked for and training is not to be continued.
  public func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) {
    if outcome != .interrupted, let values { loop.parameters.assign(values) }
  }
}
