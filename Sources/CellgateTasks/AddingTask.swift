import CellgateData
import CellgateTensor
import CellgateTraining

/// The adding problem (Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735).
///
/// T steps of two channels: values uniform in [0, 1), and marks, of which one lies in each half of the steps.
/// The sum of the two marked values is read at the last step. The constant 1 has a mean squared error of 1/6.
public struct AddingTask: SequenceTask {
  private static let length = TaskOption.whole(
    "length", "steps of each sequence, T", default: 100, in: 2...1_000_000_000)

  /// The name `adding`, T, the mean squared error, and what is published: T = 100, 128 units, batches of 50, Adam at
  /// 1e-3, gradients of norm 1 at most. Solved below an error of 0.01.
  public static let description = TaskDescription(
    name: "adding", summary: "add two marked values of a sequence of random ones",
    options: [length] + TransformerOption.all,
    modelOptions: TransformerOption.all,
    metric: Metric("mse", better: .lower), solved: SolvedCriterion(Metric("mse", better: .lower), 0.01),
    defaults: published, shape: { SequenceShape(steps: $0.whole(length), inputSize: 2, outputSize: 1) })

  private static var published: TrainingSettings {
    var settings = TrainingSettings(hidden: 128, batch: 50, steps: 4000)
    settings.clipNorm = 1
    return settings
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// Random sequences, fresh ones for each update.
  public let batches: AddingBatches
  /// The mean squared error.
  public let objective = NumberObjective()
  /// The mean squared error of the constant 1, the mean of all sums: 1/6.
  public let baseline = Baseline(1.0 / 6, "constant 1")

  /// The task; needs no files.
  public init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.settings = settings
    batches = AddingBatches(steps: settings.whole(Self.length), count: settings.batch)
  }

  /// The first of the test sequences, eight at most.
  public func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let count = min(count, 8)
    guard count > 0 else { return [] }
    var stream = AddingBatches.stream(of: .test)
    // Drawn as in the evaluation, whose first batch begins with them.
    let batch = batches.samples(count, from: &stream)
    let (values, targets, found) = (batch.x.scalars, batch.target.scalars, model(batch.x).scalars)
    return (0..<count).map { sample in
      let marks = (0..<batches.steps).compactMap { step -> PredictionSample.Number.Mark? in
        let place = 2 * (step * count + sample)
        return values[place + 1] == 1 ? .init(step: step + 1, value: Double(values[place])) : nil
      }
      return .number(
        .init(
          steps: batches.steps, marks: marks, target: Double(targets[sample]),
          prediction: Double(found[sample])))
    }
  }
}

/// Sequences of the adding problem: 1,000 for validation, 10,000 for the test.
public struct AddingBatches: BatchSource {
  private static let evaluated = 250

  let steps: Int
  let count: Int

  /// `count` sequences, of which those of the shard.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> NumberBatch {
    var stream = RandomStream(seed: seed, name: "adding/train", step: UInt64(step))
    return samples(count, shard: shard, from: &stream)
  }

  /// Batches of 250.
  public func batches(of split: Split) -> AnySequence<NumberBatch> {
    let count = split == .test ? 10_000 : 1000
    return AnySequence {
      var stream = Self.stream(of: split)
      return (0..<count / Self.evaluated).lazy.map { _ in samples(Self.evaluated, from: &stream) }
        .makeIterator()
    }
  }

  static func stream(of split: Split) -> RandomStream {
    RandomStream(seed: 0, name: "adding/\(split.rawValue)")
  }

  /// Of `count` sequences those of a shard: x [T, part, 2] and their sums [part, 1].
  func samples(_ count: Int, shard: Shard = .whole, from stream: inout RandomStream) -> NumberBatch {
    let kept = shard.range(of: count)
    let width = kept.count
    let (x, target) = (Tensor.uninitialized([steps, width, 2]), Tensor.uninitialized([width, 1]))
    let (input, sums) = unsafe (x.pointer, target.pointer)
    for sample in 0..<count {
      let isKept = kept.contains(sample)
      let column = sample - kept.lowerBound
      for step in 0..<steps {
        let value = stream.uniform()
        guard isKept else { continue }
        let place = 2 * (step * width + column)
        unsafe input[place] = value
        unsafe input[place + 1] = 0
      }
      let first = stream.integer(below: steps / 2)
      let second = steps / 2 + stream.integer(below: steps - steps / 2)
      guard isKept else { continue }
      var sum: Float = 0
      for step in [first, second] {
        let place = 2 * (step * width + column)
        unsafe input[place + 1] = 1
        unsafe sum += input[place]
      }
      unsafe sums[column] = sum
    }
    return NumberBatch(x: x, target: target)
  }
}
