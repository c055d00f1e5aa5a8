import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The copying problem (Hochreiter and Schmidhuber 1997; as in Arjovsky et al. 2016,
/// https://arxiv.org/abs/1511.06464).
///
/// T + 20 steps of 10 categories, one-hot: 10 random symbols of 8, T − 1 blanks, a delimiter, 10 blanks. To be
/// answered at each step: T + 10 blanks, then the 10 symbols. Without memory the cross-entropy is 10 ln 8 / (T + 20).
public struct CopyingTask: SequenceTask {
  private static let length = TaskOption.whole(
    "length", "steps between the symbols and their copy, T", default: 100, in: 1...1_000_000_000)
  private static let accuracy = Metric("accuracy", better: .higher)

  /// The name `copying`, T, the cross-entropy in nats averaged over all steps, the share of right answers in the last ten,
  /// and what is published: T = 100, 128 units, batches of 128, RMSprop at 1e-3 with smoothing 0.9, gradients of norm 1 at
  /// most. Solved with 99 % of the symbols right: our choice.
  public static let description = TaskDescription(
    name: "copying", summary: "repeat ten symbols after a long pause", options: [length],
    metric: Metric("cross_entropy", better: .lower), extraMetrics: [accuracy],
    solved: SolvedCriterion(accuracy, 0.99), defaults: published,
    shape: {
      SequenceShape(
        steps: $0.whole(length) + 20, inputSize: CopyingBatches.categories, outputSize: 9,
        readsEveryStep: true)
    })

  private static var published: TrainingSettings {
    var settings = TrainingSettings(hidden: 128, batch: 128, steps: 4000)
    settings.optimizer = "rmsprop"
    settings.optimizerSettings.smoothing = 0.9
    settings.clipNorm = 1
    return settings
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// Random sequences, fresh ones for each update.
  public let batches: CopyingBatches
  /// The cross-entropy of all steps, and the accuracy of the last ten.
  public let objective = ClassObjective(scoredSteps: CopyingBatches.copied)

  /// The task; needs no files.
  public init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.settings = settings
    batches = CopyingBatches(steps: settings.whole(Self.length) + 20, count: settings.batch)
  }

  /// Blanks, then each symbol alike.
  public var baseline: Baseline {
    Baseline(
      Double(CopyingBatches.copied) * log(Double(CopyingBatches.symbols)) / Double(batches.steps),
      "memoryless")
  }

  /// The first of the test sequences, six at most: the symbols as digits, and the answers in the last ten steps.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, 6)
    guard count > 0 else { return [] }
    var stream = CopyingBatches.stream(of: .test)
    let batch = batches.samples(count, from: &stream)
    let first = batches.steps - CopyingBatches.copied
    let answers = predictedClasses(model(batch.x)[first..<batches.steps])
    func text(_ category: Int) -> String { category == CopyingBatches.blank ? "–" : "\(category)" }
    return (0..<count).map { sample in
      let places = 0..<CopyingBatches.copied
      let expected = places.map { text(Int(batch.classes[(first + $0) * count + sample])) }
      let found = places.map { text(answers[$0 * count + sample].label) }
      return .symbols(.init(shown: expected, expected: expected, found: found))
    }
  }
}

/// Sequences of the copying problem: 1,000 for validation, 10,000 for the test.
public struct CopyingBatches: BatchSource {
  static let symbols = 8
  static let blank = 8
  private static let delimiter = 9
  static let categories = 10
  static let copied = 10
  private static let evaluated = 250

  let steps: Int
  let count: Int

  /// `count` sequences, of which those of the shard.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ClassBatch {
    var stream = RandomStream(seed: seed, name: "copying/train", step: UInt64(step))
    return samples(count, shard: shard, from: &stream)
  }

  /// Batches of 250.
  public func batches(of split: Split) -> AnySequence<ClassBatch> {
    let count = split == .test ? 10_000 : 1000
    return AnySequence {
      var stream = Self.stream(of: split)
      return (0..<count / Self.evaluated).lazy.map { _ in samples(Self.evaluated, from: &stream) }
        .makeIterator()
    }
  }

  static func stream(of split: Split) -> RandomStream {
    RandomStream(seed: 0, name: "copying/\(split.rawValue)")
  }

  /// Of `count` sequences those of a shard: x [T + 20, part, 10], one-hot, and the classes of each step and sequence.
  func samples(_ count: Int, shard: Shard = .whole, from stream: inout RandomStream) -> ClassBatch {
    let kept = shard.range(of: count)
    let width = kept.count
    let x = Tensor.zeros([steps, width, Self.categories])
    var classes = [Int32](repeating: Int32(Self.blank), count: steps * width)
    let input = unsafe x.pointer
    for sample in 0..<count {
      let isKept = kept.contains(sample)
      let column = sample - kept.lowerBound
      for step in 0..<steps {
        var category = Self.blank
        if step < Self.copied {
          category = stream.integer(below: Self.symbols)
          if isKept { classes[(steps - Self.copied + step) * width + column] = Int32(category) }
        } else if step == steps - Self.copied - 1 {
          category = Self.delimiter
        }
        if isKept { unsafe input[(step * width + column) * Self.categories + category] = 1 }
      }
    }
    return ClassBatch(x: x, classes: classes)
  }
}
