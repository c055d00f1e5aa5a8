import CellgateData
import CellgateTraining

/// MNIST digits pixel by pixel in a random order, one and the same for all images, cells and seeds (Le et al. 2015,
/// https://arxiv.org/abs/1504.00941): neighbours in the image lie far apart in time.
///
/// The order is NumPy's `RandomState(92916).permutation(784)`, as in expRNN (https://github.com/Lezcano/expRNN); data,
/// split, settings and metrics are those of ``SequentialMNISTTask``. In the literature a plain LSTM reaches from 79.5 to
/// 95.1 % by tuning alone.
public struct PermutedMNISTTask: SequenceTask {
  /// The name `pmnist`; all else is as in ``SequentialMNISTTask``.
  public static let description = DigitBatches.description(
    name: "pmnist", summary: "classify MNIST digits by their pixels in a fixed random order")

  /// The pixel that each step shows.
  static let order = PixelPermutation.order

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
    batches = DigitBatches(digits, order: Self.order, count: settings.batch)
  }

  /// The share of the largest class of the test set.
  public var baseline: Baseline { batches.baseline }

  /// The first test images, shown with their pixels in their places.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    batches.samples(model, count: count)
  }
}
