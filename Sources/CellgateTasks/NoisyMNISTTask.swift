import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// MNIST digits pixel by pixel, and noise after them: what the pixels said must be kept while numbers come in that say
/// nothing.
///
/// After the 784 pixels of an image come N steps of noise, uniform in [0, 1), in training fresh for every image and update,
/// in validation and test the same for every seed and cell. All else is that of ``SequentialMNISTTask``. A model may be
/// scored with another N than it was trained with: its size has no part in it.
public final class NoisyMNISTTask: SequentialMNISTTask {
  /// The name on the command line, "smnist-noise".
  public override class var name: String { "smnist-noise" }
  /// What is to be learned, in one line.
  public override class var summary: String {
    "classify MNIST digits by their 784 pixels, with steps of noise after them"
  }
  /// N.
  public override class var options: [TaskOption] {
    [TaskOption("noise", "steps of noise after the pixels, N", in: 0...1_000_000)]
  }

  /// Those of ``SequentialMNISTTask``, with 216 steps of noise: a sequence is 1,000 steps long.
  public override class var defaults: TrainingSettings {
    var settings = super.defaults
    settings.taskOptions = ["noise": 216]
    return settings
  }

  /// [784 + N, B, 1] to 10 classes.
  public override class func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: MNIST.pixels + noise(settings), inputSize: 1, outputSize: MNIST.classes)
  }

  private static func noise(_ settings: TrainingSettings) -> Int { settings.taskOptions["noise"] ?? 0 }

  override func shown(_ x: Tensor, _ stream: RandomStream) -> Tensor {
    var stream = stream
    let noise = stream.uniform([Self.noise(settings), x.shape[1], 1])
    return Tensor(x.scalars + noise.scalars, shape: [x.shape[0] + noise.shape[0], x.shape[1], 1])
  }
}
