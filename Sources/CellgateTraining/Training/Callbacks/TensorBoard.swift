import CellgateFiles

/// Writes scalars for TensorBoard into a folder: of some updates, 10,000 at most in all, `train/loss`,
/// `train/learning_rate`, `train/gradient_norm` and `train/ms_per_step`; of each record its values, `validation/` or
/// `train/` and their metrics' names, without the loss of the training data, which the updates have.
public final class TensorBoard: TrainingCallback {
  /// The folder of the event files, which must exist.
  public let folder: String
  private var writer: TensorBoardWriter?

  /// Each call of `run` writes a file of its own.
  public init(_ folder: String) { self.folder = folder }

  /// Starts an event file for the updates to come; throws `FileError`.
  public func trainingBegan(_ loop: TrainingLoop) throws {
    writer = try TensorBoardWriter(folder: folder, after: loop.step)
  }

  /// Writes what is known of an update, if it is due; throws `FileError`.
  public func updated(_ loop: TrainingLoop, _ update: UpdateRecord) throws {
    let interval = max(1, (loop.steps + 9999) / 10_000)
    guard update.step % interval == 0 || update.step == loop.steps else { return }
    try writer?.write(
      [
        ("train/loss", update.loss), ("train/learning_rate", update.learningRate),
        ("train/gradient_norm", update.gradientNorm), ("train/ms_per_step", loop.msPerStep),
      ], step: update.step)
  }

  /// Writes the values; throws `FileError`.
  public func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) throws {
    let values = record.values.filter { $0.name != "loss" }
    try writer?.write(
      values.map { (($0.part == .validation ? "validation/" : "train/") + $0.metric.name, $0.value) },
      step: record.step)
  }
}
