import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// MNIST digits pixel by pixel (Le et al. 2015, https://arxiv.org/abs/1504.00941): 784 steps of one pixel in
/// [0, 1], and the digit from the last state.
///
/// Of the 60,000 training images 5,000, the same for every seed, are the validation data.
public struct SequentialMNISTTask: SequenceTask {
  /// The name `smnist`, the accuracy and the cross-entropy in nats, and the settings: 128 units, batches of 32, Adam at
  /// 4e-3 falling along a cosine, gradients of norm 1 at most, chrono biases for memories of up to 100 steps; 10 epochs.
  /// Solved at an accuracy of 98 %, about what a well trained LSTM reaches: our choice.
  ///
  /// With a forget bias of 1 nothing is learned for thousands of updates: the last rows of an image are black, and
  /// what came before them is forgotten. `results/search` has what was tried.
  public static let description = DigitBatches.description(
    name: "smnist", summary: "classify MNIST digits by their 784 pixels, one per step")

  /// The pixel that each step shows: in rows from the top.
  static let order = Array(0..<MNIST.pixels)

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

  /// The task on images that are loaded already, of which at least 5,001 are for training.
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

/// MNIST images as sequences of pixels: 55,000 for training, 5,000 for validation, 10,000 for the test.
public final class DigitBatches: BatchSource {
  static let validationCount = 5000
  private static let evaluated = 250

  private let digits: MNIST
  private let order: [Int]
  private let count: Int
  /// Steps of noise, uniform in [0, 1), after the pixels.
  private let noise: Int
  /// Images of the training set, the validation part last.
  private let split: [Int]
  /// The images of an epoch in their order, as they were last asked for.
  private var shown: (seed: UInt64, epoch: Int, images: [Int])?

  /// Batches of `count` images whose pixels are shown in `order`, with so many steps of noise after them.
  init(_ digits: MNIST, order: [Int], count: Int, noise: Int = 0) {
    self.digits = digits
    self.order = order
    self.count = count
    self.noise = noise
    var stream = RandomStream(seed: 0, name: "mnist/split")
    split = stream.permutation(digits.training.count)
  }

  /// The images that are trained on.
  var trainingCount: Int { digits.training.count - Self.validationCount }

  /// The last batch of an epoch may be smaller.
  public var stepsPerEpoch: Int? { (trainingCount - 1) / count + 1 }

  /// That of the 60,000 images and labels, which are training and validation data.
  public var checksum: String? {
    var checksum = CRC32()
    checksum.update(digits.training.pixels)
    checksum.update(digits.training.labels)
    return "crc32:\(checksum)"
  }

  /// The images of update `step`: each epoch has an order of its own, which depends on the seed and the epoch.
  func images(seed: UInt64, step: Int) -> [Int] {
    let perEpoch = stepsPerEpoch ?? 1
    let (epoch, place) = (step / perEpoch, step % perEpoch * count)
    if shown?.seed != seed || shown?.epoch != epoch {
      var images = Array(split[..<trainingCount])
      var stream = RandomStream(seed: seed, name: "mnist/order", step: UInt64(epoch))
      stream.shuffle(&images)
      shown = (seed, epoch, images)
    }
    return Array(shown?.images[place..<min(place + count, trainingCount)] ?? [])
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: ClassBatch) -> Bool { batch.classes.isEmpty }

  /// The images of a shard.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ClassBatch {
    let images = images(seed: seed, step: step)
    let stream = RandomStream(seed: seed, name: "mnist/noise", step: UInt64(step))
    return sequences(digits.training, images, shard, stream)
  }

  /// Batches of 250.
  public func batches(of split: Split) -> AnySequence<ClassBatch> {
    let images = split == .test ? Array(0..<digits.test.count) : Array(self.split[trainingCount...])
    let part = split == .test ? digits.test : digits.training
    return AnySequence(
      stride(from: 0, to: images.count, by: Self.evaluated).lazy.map { [self] place in
        sequences(
          part, Array(images[place..<min(place + Self.evaluated, images.count)]), .whole,
          RandomStream(seed: 0, name: "mnist/noise/\(split.rawValue)", step: UInt64(place)))
      })
  }

  /// A shard of images, each with its noise, which the stream belongs to.
  private func sequences(
    _ part: MNIST.Part, _ images: [Int], _ shard: Shard, _ stream: RandomStream
  ) -> ClassBatch {
    let kept = shard.range(of: images.count)
    let (x, classes) = part.sequences(Array(images[kept]), order: order)
    guard noise > 0 else { return ClassBatch(x: x, classes: classes) }
    var stream = stream
    // That of the whole batch, so that each image has the same in any shard.
    let tail = stream.uniform([noise, images.count, 1]).sliced(kept, axis: 1)
    return ClassBatch(x: concatenated([x, tail], axis: 0), classes: classes)
  }

  /// The share of the largest class of the test set.
  var baseline: Baseline {
    var counts = [Int](repeating: 0, count: MNIST.classes)
    for label in digits.test.labels { counts[Int(label)] += 1 }
    return Baseline(Double(counts.max() ?? 0) / Double(digits.test.count), "largest class")
  }

  /// The first test images, shown with their pixels in their places.
  func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, digits.test.count)
    guard count > 0 else { return [] }
    let batch = sequences(
      digits.test, Array(0..<count), .whole, RandomStream(seed: 0, name: "mnist/noise/\(Split.test.rawValue)")
    )
    return zip(predictedClasses(model(batch.x)), batch.classes).enumerated().map { image, pair in
      let pixels = digits.test.pixels[image * MNIST.pixels..<(image + 1) * MNIST.pixels]
      return .picture(
        .init(
          width: 28, pixels: pixels.map { Float($0) / 255 }, label: "\(pair.1)",
          prediction: "\(pair.0.label)", probability: pair.0.probability))
    }
  }

  /// The description of a task on these images, with the steps of noise that `noise` says.
  static func description(name: String, summary: String, noise: TaskOption? = nil) -> TaskDescription {
    let accuracy = Metric("accuracy", better: .higher)
    var settings = TrainingSettings(hidden: 128, batch: 32, epochs: 10)
    settings.optimizerSettings.learningRate = 0.004
    settings.schedule.name = "cosine"
    settings.chronoSteps = 100
    settings.clipNorm = 1
    return TaskDescription(
      name: name, summary: summary, options: noise.map { [$0] } ?? [], data: .set(.mnist), hasEpochs: true,
      metric: accuracy, extraMetrics: [Metric("cross_entropy", better: .lower)],
      solved: SolvedCriterion(accuracy, 0.98), defaults: settings,
      shape: { settings in
        SequenceShape(
          steps: MNIST.pixels + (noise.map { settings.whole($0) } ?? 0), inputSize: 1,
          outputSize: MNIST.classes)
      })
  }
}
