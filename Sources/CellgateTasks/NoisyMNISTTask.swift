import CellgateData
import CellgateTraining

/// MNIST digits pixel by pixel, and noise after them: what the pixels said must be kept while numbers come in that have
/// no part in the answer.
///
/// After the 784 pixels of an image come N steps of noise, uniform in [0, 1), in training fresh for every image and update,
/// in validation and test the same for every seed and cell. All else is that of ``SequentialMNISTTask``. A model may be
/// scored with another N than it was trained with: its size has no part in it.
public struct NoisyMNISTTask: SequenceTask {
  private static let noise = TaskOption.whole(
    "noise", "steps of noise after the pixels, N", default: 216, in: 0...1_000_000)

  /// The name `smnist-noise` and N, 216 by default: a sequence is 1,000 steps long. All else is as in
  /// ``SequentialMNISTTask``.
  public static let description = DigitBatches.description(
    name: "smnist-noise",
    summary: "classify MNIST digits by their 784 pixels, with steps of noise after them",
    noise: noise)

  /// What it was made with.
  public let settings: TrainingSettings
  /// The images.
  public let batches: DigitBatches
  /// The cross-entropy and the accuracy.
  public let objective = ClassObjective()

  /// The task, with the images of the set `mnist`; throws what is wrong with them.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    self.init(settings: settings, digits: try MNIST(folder: data.folder(of: .mnist)))
  }

  /// The task on images that are loaded already.
  init(settings: TrainingSettings, digits: MNIST) {
    self.settings = settings
    batches = DigitBatches(
      digits, order: SequentialMNISTTask.order, count: settings.batch, noise: settings.whole(Self.noise))
  }

  /// The share of the largest class of the test set.
  public var baseline: Baseline { batches.baseline }

  /// The first test images, shown with their pixels in their places.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    batches.samples(model, count: count)
  }
}
