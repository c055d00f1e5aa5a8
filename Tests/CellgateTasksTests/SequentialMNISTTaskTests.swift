import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateData
@testable import CellgateTasks

@Suite("Sequential MNIST")
struct SequentialMNISTTaskTests {
  /// Images whose pixels and labels follow from their places.
  private static func part(_ count: Int) -> MNIST.Part {
    MNIST.Part(
      pixels: (0..<count * MNIST.pixels).map { UInt8(truncatingIfNeeded: $0 / 7) },
      labels: (0..<count).map { UInt8($0 % 10) })
  }

  private static let data = MNIST(training: part(5010), test: part(25))

  private func task(batch: Int = 4, seed: UInt64 = 1) -> SequentialMNISTTask {
    var settings = SequentialMNISTTask.defaults
    settings.hidden = 4
    settings.batch = batch
    settings.seed = seed
    return SequentialMNISTTask(settings: settings, digits: Self.data)
  }

  private func images(_ task: SequentialMNISTTask, _ step: Int) -> [Int] {
    task.batches.images(seed: task.settings.seed, step: step)
  }

  @Test("A pixel is one step, from 0 to 1, in rows from the top")
  func pixels() {
    let (x, classes) = Self.data.training.sequences([3, 0], order: SequentialMNISTTask.order)
    #expect(x.shape == [784, 2, 1])
    #expect(classes == [3, 0])
    let values = x.scalars
    for pixel in [0, 1, 27, 28, 783] {
      #expect(values[2 * pixel] == Float(Self.data.training.pixels[3 * 784 + pixel]) / 255)
      #expect(values[2 * pixel + 1] == Float(Self.data.training.pixels[pixel]) / 255)
    }
  }

  @Test("Each epoch shows every training image once, in an order of its own")
  func epochs() throws {
    let task = task()
    #expect(task.stepsPerEpoch == 3)
    #expect(task.batches.trainingCount == 10)
    let epochs = (0..<2).map { epoch in (0..<3).flatMap { images(task, 3 * epoch + $0) } }
    #expect(images(task, 2).count == 2)
    #expect(Set(epochs[0]).count == 10)
    #expect(Set(epochs[0]) == Set(epochs[1]))
    #expect(epochs[0] != epochs[1])
    #expect(images(self.task(seed: 2), 0) != images(task, 0))
    #expect(Set((0..<3).flatMap { images(self.task(seed: 2), $0) }) == Set(epochs[0]))
  }

  @Test("Samples are the first test images with the class found and its probability")
  func predictionSamples() throws {
    let task = task()
    let model = task.makeModel(cell: .lstm)
    // Whatever it reads, this model says 2, with a share of 9 / (9 + 9).
    for (_, parameter) in model.namedParameters() { parameter.assign(.zeros(parameter.shape)) }
    model.head.bias?.assign(Tensor((0..<10).map { $0 == 2 ? log(Float(9)) : 0 }, shape: [10]))
    let samples = task.samples(model, count: 4)
    #expect(samples.count == 4)
    for (index, sample) in samples.enumerated() {
      guard case .picture(let picture) = sample else {
        Issue.record("\(sample)")
        continue
      }
      #expect(picture.label == "\(index)" && picture.prediction == "2" && picture.isRight == (index == 2))
      // log and exp of 9 in Float.
      #expect(abs(picture.probability - 0.5) < 1e-6)
      #expect(picture.width == 28)
      let pixels = Self.data.test.pixels[index * 784..<(index + 1) * 784]
      #expect(picture.pixels == pixels.map { Float($0) / 255 })
    }
    #expect(task.samples(model, count: 100).count == 25)
  }

  @Test("A batch is the same whichever came before")
  func order() {
    let task = task()
    let later = images(task, 4)
    _ = images(task, 0)
    #expect(images(task, 4) == later)
    #expect(images(self.task(), 4) == later)
  }

  @Test("The baseline is the share of the largest class of the test images")
  func baseline() {
    #expect(task().baseline.value == 3.0 / 25)
  }

  @Test("A test evaluation counts right answers of all images")
  func evaluation() {
    let task = task()
    let model = task.makeModel(cell: .gru)
    let found = task.evaluate(model, on: .test)
    let (x, classes) = Self.data.test.sequences(Array(0..<25), order: SequentialMNISTTask.order)
    let logits = model(x)
    #expect(found.value == Double(correctPredictions(logits, classes: classes)) / 25)
    #expect(abs(found.extras[0] - Double(crossEntropy(logits, classes: classes).item)) < 1e-6)
  }

  @Test("Each epoch has as many updates as it takes to see all images")
  func steps() {
    var settings = SequentialMNISTTask.defaults
    settings.epochs = 2
    settings.batch = 4
    #expect(SequentialMNISTTask(settings: settings, digits: Self.data).totalSteps(settings) == 6)
  }
}

@Suite("MNIST files")
struct MNISTTests {
  let scratch: Scratch
  var folder: String { scratch.path + "/mnist" }

  init() throws { scratch = try Scratch() }

  private func write(_ name: String, _ dimensions: [Int], _ bytes: [UInt8]) throws {
    let sizes = dimensions.flatMap { size in (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
    }
    try scratch.write([0, 0, 8, UInt8(dimensions.count)] + sizes + bytes, as: "mnist/" + name)
  }

  private func images(_ count: Int, size: Int = 28) throws {
    try write(
      "t10k-images-idx3-ubyte", [count, size, size], [UInt8](repeating: 1, count: count * size * size))
  }

  private func labels(_ values: [UInt8]) throws {
    try write("t10k-labels-idx1-ubyte", [values.count], values)
  }

  private func load(_ count: Int = 3) throws -> MNIST.Part {
    try MNIST.part("t10k", count: count, in: folder)
  }

  @Test("Images with their labels are loaded")
  func loads() throws {
    try images(3)
    try labels([1, 2, 9])
    let part = try load()
    #expect(part.count == 3 && part.labels == [1, 2, 9] && part.pixels.count == 3 * 784)
  }

  @Test("A missing file is named with what was looked for and the command that gets it")
  func missing() throws {
    try images(3)
    let file = folder + "/t10k-labels-idx1-ubyte"
    let error = TaskDataError.missing(tried: [file, file + ".gz"], command: "cellgate data fetch mnist")
    #expect(throws: error) { try load() }
    #expect(
      error.description == "\(file), nor \(file).gz: no such file; get it with: cellgate data fetch mnist")
  }

  @Test("Wrong dimensions, another count, and a label out of range are named")
  func wrong() throws {
    let (image, label) = (folder + "/t10k-images-idx3-ubyte", folder + "/t10k-labels-idx1-ubyte")
    try images(3, size: 27)
    try labels([1, 2, 9])
    #expect(
      throws: TaskDataError.wrongDimensions(file: image, expected: "[3, 28, 28]", found: [3, 27, 27])
    ) { try load() }
    try images(3)
    #expect(
      throws: TaskDataError.wrongDimensions(file: image, expected: "[4, 28, 28]", found: [3, 28, 28])
    ) { try load(4) }
    try labels([1, 2])
    #expect(
      throws: TaskDataError.countMismatch(images: image, imageCount: 3, labels: label, labelCount: 2)
    ) { try load() }
    try labels([1, 10, 2])
    #expect(throws: TaskDataError.labelOutOfRange(file: label, row: 1, classes: 10, found: 10)) {
      try load()
    }
  }

  @Test("A file that is not IDX is named as such")
  func notIDX() throws {
    try scratch.write([1, 2, 3, 4, 5], as: "mnist/t10k-images-idx3-ubyte")
    #expect(throws: TaskDataError.self) { try load() }
    let settings = SequentialMNISTTask.defaults
    #expect(throws: TrainingError.self) {
      _ = try Tasks.make(settings, data: DataDirectory(option: scratch.path))
    }
  }

  @Test(
    "The real files hold 55,000, 5,000 and 10,000 images, and train",
    .enabled(if: ProcessInfo.processInfo.environment["CELLGATE_DATA"] != nil, "needs CELLGATE_DATA"))
  func real() throws {
    var settings = SequentialMNISTTask.defaults
    settings.hidden = 4
    settings.batch = 8
    let task = try SequentialMNISTTask(settings: settings, data: .unspecified)
    #expect(task.batches.trainingCount == 55_000)
    #expect(task.stepsPerEpoch == 6875)
    // The largest class of the test set has 1,135 images.
    #expect(task.baseline.value == 0.1135)
    let model = task.makeModel(cell: .lstm)
    let parameters = ParameterSet(model)
    let optimizer = try Optimizers.make("adam", count: parameters.count)
    let losses = (0..<2).map { _ in
      parameters.zeroGradients()
      var carried: [Tensor] = []
      let loss = task.loss(
        model, step: 0, carried: &carried, context: .training(seed: 1, step: 0), probe: nil)
      loss.backward()
      optimizer.step(parameters)
      return Double(loss.item)
    }
    // An untrained model guesses among ten, and a step on the same batch makes it better.
    #expect(abs(losses[0] - log(10)) < 0.5 && losses[1] < losses[0])
  }
}
