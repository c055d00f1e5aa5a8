import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The adding problem (Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735).
///
/// T steps of two channels: values uniform in [0, 1), and marks, of which one lies in each half of the steps.
/// The sum of the two marked values is read at the last step. The constant 1 has a mean squared error of 1/6.
public final class AddingTask: SequenceTask {
  /// The name on the command line, "adding".
  public static let name = "adding"
  /// What is to be learned, in one line.
  public static let summary = "add two marked values of a sequence of random ones"
  /// T.
  public static let options = [TaskOption("length", "steps of each sequence, T", in: 2...1_000_000_000)]
  /// The mean squared error.
  public static let metric = Metric("mse", better: .lower)
  /// A mean squared error below 0.01.
  public static let solved = SolvedCriterion(metric, 0.01)

  /// T = 100, 128 units, batches of 50, Adam at 1e-3, gradients of norm 1 at most.
  public static var defaults: TrainingSettings {
    var settings = TrainingSettings(
      task: name, taskOptions: ["length": 100], hidden: 128, batch: 50, steps: 4000)
    settings.clipNorm = 1
    return settings
  }

  /// [T, B, 2] to one number.
  public static func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: settings.taskOptions["length"] ?? 100, inputSize: 2, outputSize: 1)
  }

  private static let validationCount = 1000
  private static let testCount = 10_000
  private static let chunk = 250

  private let settings: TrainingSettings
  private let shape: SequenceShape

  /// The task; needs no files.
  public init(settings: TrainingSettings, dataDirectory: String = "") {
    self.settings = settings
    shape = Self.shape(settings)
  }

  /// The mean squared error of the constant 1, the mean of all sums: 1/6.
  public var baseline: Baseline { Baseline(1.0 / 6, "constant 1") }

  /// Recurrent layers, and a number from the last state.
  public func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: shape, cell: cell)
  }

  /// `count` sequences x [T, count, 2] and their sums [count, 1].
  func samples(_ count: Int, from stream: inout RandomStream) -> (x: Tensor, target: Tensor) {
    let steps = shape.steps
    let (x, target) = (Tensor.uninitialized([steps, count, 2]), Tensor.uninitialized([count, 1]))
    let (input, sums) = unsafe (x.pointer, target.pointer)
    for sample in 0..<count {
      for step in 0..<steps {
        let place = 2 * (step * count + sample)
        unsafe input[place] = stream.uniform()
        unsafe input[place + 1] = 0
      }
      let first = stream.integer(below: steps / 2)
      let second = steps / 2 + stream.integer(below: steps - steps / 2)
      var sum: Float = 0
      for step in [first, second] {
        let place = 2 * (step * count + sample)
        unsafe input[place + 1] = 1
        unsafe sum += input[place]
      }
      unsafe sums[sample] = sum
    }
    return (x, target)
  }

  /// The sequences of update `step` and their sums.
  package func batch(step: Int) -> (x: Tensor, target: Tensor) {
    var stream = RandomStream(seed: settings.seed, name: "adding/train", step: UInt64(step))
    return samples(settings.batch, from: &stream)
  }

  /// The mean squared error of `batch` fresh sequences.
  public func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> Tensor {
    let (x, target) = batch(step: step)
    return meanSquaredError(model(x, context: context, probe: probe), target: target)
  }

  /// The mean squared error of 1,000 validation or 10,000 test sequences.
  public func evaluate(
    _ model: RecurrentModel, on split: Split, context: ForwardContext
  ) -> Evaluation {
    let count = split == .test ? Self.testCount : Self.validationCount
    var stream = RandomStream(seed: 0, name: "adding/\(split.rawValue)")
    var sum = 0.0
    for _ in 0..<count / Self.chunk where !context.shouldStop {
      let (x, target) = samples(Self.chunk, from: &stream)
      for (found, expected) in zip(model(x, context: context).scalars, target.scalars) {
        let difference = Double(found) - Double(expected)
        sum += difference * difference
      }
    }
    return Evaluation(sum / Double(count))
  }

  /// The first of the test sequences, eight at most.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, 8)
    guard count > 0 else { return [] }
    var stream = RandomStream(seed: 0, name: "adding/\(Split.test.rawValue)")
    // Drawn as in the evaluation, whose first batch begins with them.
    let (x, target) = samples(count, from: &stream)
    let (values, targets, found) = (x.scalars, target.scalars, model(x).scalars)
    return (0..<count).map { sample in
      let marks = (0..<shape.steps).compactMap { step -> PredictionSample.Number.Mark? in
        let place = 2 * (step * count + sample)
        return values[place + 1] == 1 ? .init(step: step + 1, value: Double(values[place])) : nil
      }
      return .number(
        .init(
          steps: shape.steps, marks: marks, target: Double(targets[sample]),
          prediction: Double(found[sample])))
    }
  }
}
