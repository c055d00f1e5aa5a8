import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Foundation

/// The copying problem (Hochreiter and Schmidhuber 1997; as in Arjovsky et al. 2016,
/// https://arxiv.org/abs/1511.06464).
///
/// T + 20 steps of 10 categories, one-hot: 10 random symbols of 8, T − 1 blanks, a delimiter, 10 blanks. To be
/// answered at each step: T + 10 blanks, then the 10 symbols. Without memory the cross-entropy is 10 ln 8 / (T + 20).
public final class CopyingTask: SequenceTask {
  /// The name on the command line, "copying".
  public static let name = "copying"
  /// What is to be learned, in one line.
  public static let summary = "repeat ten symbols after a long pause"
  /// T.
  public static let options = [
    TaskOption("length", "steps between the symbols and their copy, T", in: 1...1_000_000_000)
  ]
  /// The cross-entropy in nats, averaged over all steps.
  public static let metric = Metric("cross_entropy", better: .lower)
  /// The share of right answers in the last ten steps.
  public static let accuracy = Metric("accuracy", better: .higher)
  /// The accuracy.
  public static let extraMetrics = [accuracy]
  /// 99 % of the symbols right: our choice.
  public static let solved = SolvedCriterion(accuracy, 0.99)

  /// T = 100, 128 units, batches of 128, RMSprop at 1e-3 with smoothing 0.9, gradients of norm 1 at most.
  public static var defaults: TrainingSettings {
    var settings = TrainingSettings(
      task: name, taskOptions: ["length": 100], hidden: 128, batch: 128, steps: 4000)
    settings.optimizer = "rmsprop"
    settings.optimizerSettings.smoothing = 0.9
    settings.clipNorm = 1
    return settings
  }

  /// [T + 20, B, 10] to 9 classes at each step.
  public static func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(
      steps: (settings.taskOptions["length"] ?? 100) + 20, inputSize: 10, outputSize: 9,
      readsEveryStep: true)
  }

  private static let symbols = 8
  private static let blank = 8
  private static let delimiter = 9
  private static let copied = 10
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

  /// Blanks, then each symbol alike.
  public var baseline: Baseline {
    Baseline(Double(Self.copied) * log(Double(Self.symbols)) / Double(shape.steps), "memoryless")
  }

  /// Recurrent layers, and 9 classes from each state.
  public func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: shape, cell: cell)
  }

  /// `count` sequences x [T + 20, count, 10], one-hot, and the classes of each step and sequence.
  func samples(_ count: Int, from stream: inout RandomStream) -> (x: Tensor, classes: [Int32]) {
    let (steps, width) = (shape.steps, shape.inputSize)
    let x = Tensor.zeros([steps, count, width])
    var classes = [Int32](repeating: Int32(Self.blank), count: steps * count)
    let input = unsafe x.pointer
    for sample in 0..<count {
      for step in 0..<steps {
        var category = Self.blank
        if step < Self.copied {
          category = stream.integer(below: Self.symbols)
          classes[(steps - Self.copied + step) * count + sample] = Int32(category)
        } else if step == steps - Self.copied - 1 {
          category = Self.delimiter
        }
        unsafe input[(step * count + sample) * width + category] = 1
      }
    }
    return (x, classes)
  }

  /// The cross-entropy of `batch` fresh sequences.
  public func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> Tensor {
    var stream = RandomStream(seed: settings.seed, name: "copying/train", step: UInt64(step))
    let (x, classes) = samples(settings.batch, from: &stream)
    return crossEntropy(model(x, context: context, probe: probe), classes: classes)
  }

  /// The cross-entropy, and the accuracy in the last ten steps, of 1,000 validation or 10,000 test sequences.
  public func evaluate(
    _ model: RecurrentModel, on split: Split, context: ForwardContext
  ) -> Evaluation {
    let count = split == .test ? Self.testCount : Self.validationCount
    var stream = RandomStream(seed: 0, name: "copying/\(split.rawValue)")
    var (sum, right) = (0.0, 0)
    for _ in 0..<count / Self.chunk where !context.shouldStop {
      let (x, classes) = samples(Self.chunk, from: &stream)
      let logits = model(x, context: context)
      sum += Double(crossEntropy(logits, classes: classes).item) * Double(Self.chunk)
      let last = Self.copied * Self.chunk
      right += correctPredictions(
        logits[(shape.steps - Self.copied)..<shape.steps], classes: classes.suffix(last))
    }
    return Evaluation(sum / Double(count), extras: [Double(right) / Double(Self.copied * count)])
  }

  /// The first of the test sequences, six at most: the symbols as digits, and the answers in the last ten steps.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, 6)
    guard count > 0 else { return [] }
    var stream = RandomStream(seed: 0, name: "copying/\(Split.test.rawValue)")
    let (x, classes) = samples(count, from: &stream)
    let answers = predictedClasses(model(x)[(shape.steps - Self.copied)..<shape.steps])
    func text(_ category: Int) -> String { category == Self.blank ? "–" : "\(category)" }
    return (0..<count).map { sample in
      let expected = (0..<Self.copied).map { place in
        text(Int(classes[(shape.steps - Self.copied + place) * count + sample]))
      }
      let found = (0..<Self.copied).map { text(answers[$0 * count + sample].label) }
      return .symbols(.init(shown: expected, expected: expected, found: found))
    }
  }
}
