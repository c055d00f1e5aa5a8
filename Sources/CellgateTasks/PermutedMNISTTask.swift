import CellgateData

/// MNIST digits pixel by pixel in a random order, one and the same for all images, cells and seeds (Le et al. 2015,
/// https://arxiv.org/abs/1504.00941): neighbours in the image lie far apart in time.
///
/// The order is NumPy's `RandomState(92916).permutation(784)`, as in expRNN (https://github.com/Lezcano/expRNN); data,
/// split, settings and metrics are those of ``SequentialMNISTTask``. In the literature a plain LSTM reaches from 79.5 to
/// 95.1 % by tuning alone.
public final class PermutedMNISTTask: SequentialMNISTTask {
  /// The name on the command line, "pmnist".
  public override class var name: String { "pmnist" }
  /// What is to be learned, in one line.
  public override class var summary: String {
    "classify MNIST digits by their pixels in a fixed random order"
  }

  override class var order: [Int] { PixelPermutation.order }
}
