import CellgateFiles

/// The course of a run as scalars for TensorBoard: of some updates, 10,000 in a run at most, and of each evaluation.
struct TensorBoardLog {
  private let writer: TensorBoardWriter
  private let interval: Int
  private let metrics: [String]

  /// Starts an event file in the folder for the updates after `step`.
  init(folder: String, step: Int, steps: Int, metrics: [String]) throws(RunError) {
    do throws(FileError) { writer = try TensorBoardWriter(folder: folder, after: step) } catch {
      throw .file(error)
    }
    interval = max(1, (steps + 9999) / 10_000)
    self.metrics = metrics
  }

  /// Writes what an event says, if it is due.
  func note(_ event: TrainingEvent) throws(RunError) {
    switch event {
    case .progress(let progress):
      guard progress.step % interval == 0 || progress.step == progress.steps else { return }
      try write(
        [
          ("train/loss", progress.loss), ("train/learning_rate", progress.learningRate),
          ("train/gradient_norm", progress.gradientNorm), ("train/ms_per_step", progress.msPerStep),
        ], step: progress.step)
    case .evaluated(let record, _, _):
      let values = [record.validation.value] + record.validation.extras
      try write(zip(metrics, values).map { ("validation/" + $0, $1) }, step: record.step)
    case .notice, .started, .saved: break
    }
  }

  private func write(_ scalars: [(tag: String, value: Double)], step: Int) throws(RunError) {
    do throws(FileError) { try writer.write(scalars, step: step) } catch { throw .file(error) }
  }
}
