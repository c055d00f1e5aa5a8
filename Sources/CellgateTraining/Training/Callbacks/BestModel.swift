import CellgateNN
import CellgateTensor

/// Keeps the parameters of the best record, and gives them to a closure that saves them.
///
///     let best = BestModel(monitor: "val_loss") { loop in try save(model, to: "best.safetensors") }
///     loop.callbacks = [best]
///     try loop.run()
///     best.restore(to: loop)
public final class BestModel: TrainingCallback {
  /// The parameters of the best record, as in `ParameterSet.values`; nil before the first record.
  public private(set) var values: Tensor?
  /// The updates made before the best record, and its value; nil before the first record.
  public var best: (step: Int, value: Double)? { tracker.found }

  private var tracker: Best
  private let save: (TrainingLoop) throws -> Void

  /// Watches the value `monitor` of each record. `save` is called at each one that is better than all before, while the
  /// model has its parameters; what it throws ends training.
  public init(monitor: String = "val_loss", save: @escaping (TrainingLoop) throws -> Void = { _ in }) {
    tracker = Best(monitor)
    self.save = save
  }

  /// Keeps the parameters of a better record.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    guard try tracker.take(record) else { return }
    values = loop.parameters.values.copied()
    try save(loop)
  }

  /// Puts the best parameters in place of the last; nothing changes before the first record.
  public func restore(to loop: TrainingLoop) {
    if let values { loop.parameters.assign(values) }
  }
}
