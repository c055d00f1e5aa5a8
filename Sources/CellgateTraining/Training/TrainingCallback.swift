import CellgateNN

/// Is called in the course of training. All methods do nothing unless they are written, may throw, which ends training
/// with their error, and may call `loop.stop(_:)`, which ends it well.
///
/// ```swift
/// final class Printer: TrainingCallback {
///   func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) {
///     print(record.step, record.values.map { "\($0.name) \($0.value)" }.joined(separator: ", "))
///   }
/// }
/// ```
///
/// In an update the calls come in the order of the methods below.
public protocol TrainingCallback: AnyObject {
  /// `run` was called; no update was made yet in this call.
  func trainingBegan(_ loop: TrainingLoop) throws
  /// Who sees the recurrent layers in the next update; nil for nobody. It takes time and memory, and changes no result.
  func observer(_ loop: TrainingLoop) -> LayerObserver?
  /// A loss, a norm of gradients or a parameter is NaN or infinite. Training ends with an error unless a callback calls
  /// `loop.stop(_:)` now.
  func foundNonFinite(_ loop: TrainingLoop, _ found: NonFinite) throws
  /// An update was made.
  func updated(_ loop: TrainingLoop, _ update: UpdateRecord) throws
  /// A record was made: the evaluation, or without one the mean training loss.
  func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws
  /// An epoch ended. The record has the epoch's mean loss; its values are those of the record that was made at the same
  /// time, and none where there was none.
  func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) throws
  /// All that belongs to an update is done: the time to save.
  func stepEnded(_ loop: TrainingLoop) throws
  /// `run` is about to return `outcome`.
  func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) throws
}

extension TrainingCallback {
  /// Does nothing.
  public func trainingBegan(_ loop: TrainingLoop) throws {}
  /// Sees nothing.
  public func observer(_ loop: TrainingLoop) -> LayerObserver? { nil }
  /// Leaves it to the others.
  public func foundNonFinite(_ loop: TrainingLoop, _ found: NonFinite) throws {}
  /// Does nothing.
  public func updated(_ loop: TrainingLoop, _ update: UpdateRecord) throws {}
  /// Does nothing.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {}
  /// Does nothing.
  public func epochEnded(_ loop: TrainingLoop, _ record: TrainingRecord) throws {}
  /// Does nothing.
  public func stepEnded(_ loop: TrainingLoop) throws {}
  /// Does nothing.
  public func trainingEnded(_ loop: TrainingLoop, _ outcome: TrainingLoop.Outcome) throws {}
}
