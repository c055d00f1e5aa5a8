import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// MNIST digits pixel by pixel (Le et al. 2015, https://arxiv.org/abs/1504.00941): 784 steps of one pixel in
/// [0, 1], and the digit from the last state.
///
/// Of the 60,000 training images 5,000, the same for every seed, are the validation data.
public class SequentialMNISTTask: SequenceTask {
  /// The name on the command line, "smnist".
  public class var name: String { "smnist" }
  /// What is to be learned, in one line.
  public class var summary: String { "classify MNIST digits by their 784 pixels, one per step" }
  /// No options.
  public class var options: [TaskOption] { [] }
  /// The pixel that each step shows.
  class var order: [Int] { Array(0..<MNIST.pixels) }
  /// The share of images whose digit is found.
  public static let metric = Metric("accuracy", better: .higher)
  /// The cross-entropy in nats.
  public static let extraMetrics = [Metric("cross_entropy", better: .lower)]
  /// An accuracy of 98 %, about what a well trained LSTM reaches: our choice.
  public static let solved = SolvedCriterion(metric, 0.98)
  /// The training data end.
  public static let hasEpochs = true

  /// 128 units, batches of 32, Adam at 4e-3 falling along a cosine, gradients of norm 1 at most, chrono biases for
  /// memories of up to 100 steps; 10 epochs.
  ///
  /// With a forget bias of 1 nothing is learned for thousands of updates: the last rows of an image are black, and
  /// what came before them is forgotten. `results/search` has what was tried.
  public class var defaults: TrainingSettings {
    var settings = TrainingSettings(task: name, hidden: 128, batch: 32, epochs: 10)
    settings.optimizerSettings.learningRate = 0.004
    settings.schedule.name = "cosine"
    settings.chronoSteps = 100
    settings.clipNorm = 1
    return settings
  }

  /// [784, B, 1] to 10 classes.
  public class func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: MNIST.pixels, inputSize: 1, outputSize: MNIST.classes)
  }

  static let validationCount = 5000
  private static let chunk = 250

  let settings: TrainingSettings
  let data: MNIST
  /// Images of the training set, the validation part last.
  private let split: [Int]
  private var order: (epoch: Int, images: [Int])?

  /// The task, with the images in `dataDirectory/mnist`; throws what is wrong with them.
  public required convenience init(
    settings: TrainingSettings, dataDirectory: String
  ) throws(TaskDataError) {
    self.init(settings: settings, data: try MNIST(dataDirectory: dataDirectory))
  }

  /// The task on images that are loaded already, of which at least 5,001 are for training.
  init(settings: TrainingSettings, data: MNIST) {
    self.settings = settings
    self.data = data
    var stream = RandomStream(seed: 0, name: "mnist/split")
    split = stream.permutation(data.training.count)
  }

  /// The images that are trained on.
  var trainingCount: Int { data.training.count - Self.validationCount }

  /// That of the 60,000 images and labels, which are training and validation data.
  public var dataChecksum: String? {
    var checksum = CRC32()
    checksum.update(data.training.pixels)
    checksum.update(data.training.labels)
    return "crc32:\(checksum)"
  }

  /// The share of the largest class of the test set.
  public var baseline: Baseline {
    var counts = [Int](repeating: 0, count: MNIST.classes)
    for label in data.test.labels { counts[Int(label)] += 1 }
    return Baseline(Double(counts.max() ?? 0) / Double(data.test.count), "largest class")
  }

  /// The last batch of an epoch may be smaller.
  public var stepsPerEpoch: Int? { (trainingCount - 1) / settings.batch + 1 }

  /// Recurrent layers, and 10 classes from the last state.
  public func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: Self.shape(settings), cell: cell)
  }

  /// The images of update `step`: each epoch has an order of its own, which depends on the seed and the epoch.
  func batch(step: Int) -> [Int] {
    let perEpoch = stepsPerEpoch ?? 1
    let (epoch, place) = (step / perEpoch, step % perEpoch * settings.batch)
    if order?.epoch != epoch {
      var images = Array(split[..<trainingCount])
      var stream = RandomStream(seed: settings.seed, name: "mnist/order", step: UInt64(epoch))
      stream.shuffle(&images)
      order = (epoch, images)
    }
    return Array(order?.images[place..<min(place + settings.batch, trainingCount)] ?? [])
  }

  /// What the model is shown of images [784, B, 1]; the stream belongs to this batch.
  func shown(_ x: Tensor, _ stream: RandomStream) -> Tensor { x }

  /// The cross-entropy of a batch.
  public func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> Tensor {
    let (x, classes) = data.training.sequences(batch(step: step), order: Self.order)
    let stream = RandomStream(seed: settings.seed, name: "mnist/noise", step: UInt64(step))
    return crossEntropy(model(shown(x, stream), context: context, probe: probe), classes: classes)
  }

  /// The accuracy and the cross-entropy of 5,000 validation or 10,000 test images.
  public func evaluate(
    _ model: RecurrentModel, on part: Split, context: ForwardContext
  ) -> Evaluation {
    let images = part == .test ? Array(0..<data.test.count) : Array(split[trainingCount...])
    let set = part == .test ? data.test : data.training
    var (sum, right, place) = (0.0, 0, 0)
    while place < images.count, !context.shouldStop {
      let chunk = images[place..<min(place + Self.chunk, images.count)]
      let (x, classes) = set.sequences(Array(chunk), order: Self.order)
      let stream = RandomStream(seed: 0, name: "mnist/noise/\(part.rawValue)", step: UInt64(place))
      let logits = model(shown(x, stream), context: context)
      sum += Double(crossEntropy(logits, classes: classes).item) * Double(chunk.count)
      right += correctPredictions(logits, classes: classes)
      place += chunk.count
    }
    let count = Double(images.count)
    return Evaluation(Double(right) / count, extras: [sum / count])
  }

  /// The first test images, shown with their pixels in their places.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, data.test.count)
    guard count > 0 else { return [] }
    let (x, classes) = data.test.sequences(Array(0..<count), order: Self.order)
    let stream = RandomStream(seed: 0, name: "mnist/noise/\(Split.test.rawValue)")
    return zip(predictedClasses(model(shown(x, stream))), classes).enumerated().map { image, pair in
      let pixels = data.test.pixels[image * MNIST.pixels..<(image + 1) * MNIST.pixels]
      return .picture(
        .init(
          width: 28, pixels: pixels.map { Float($0) / 255 }, label: "\(pair.1)",
          prediction: "\(pair.0.label)", probability: pair.0.probability))
    }
  }
}
