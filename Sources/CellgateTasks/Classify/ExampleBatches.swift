import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Examples in an order that depends on the seed and the pass, those of like lengths in a batch together.
///
/// An epoch is at least 25 updates, of series 75: small data are gone through several times. While training, series are shifted, scaled
/// and noisy by chance.
public final class ExampleBatches: BatchSource {
  let encoder: SequenceEncoder
  let training: [SequenceEncoder.Example]
  private let parts: [Split: [SequenceEncoder.Example]]
  /// Sequences of a batch.
  let count: Int
  /// That of the files.
  public let checksum: String?
  private let noise: SeriesNoise?
  private let order: LengthOrder

  /// Sequences of an evaluation that are looked at together.
  static let evaluated = 128
  /// The fewest updates of an epoch: of few series more are needed than of few texts.
  private var leastSteps: Int { if case .words = encoder.input { 25 } else { 75 } }
  /// Batches of small data.
  private static let leastBatches = 2

  /// Batches of at most `count` examples, and of at most half of small data.
  init(
    encoder: SequenceEncoder, training: [SequenceEncoder.Example], validation: [SequenceEncoder.Example],
    test: [SequenceEncoder.Example], count: Int, noise: SeriesNoise? = nil, checksum: String?
  ) {
    (self.encoder, self.training, self.checksum, self.noise) = (encoder, training, checksum, noise)
    self.count = min(count, max(4, (training.count + Self.leastBatches - 1) / Self.leastBatches))
    parts = [.validation: validation, .test: test]
    order = LengthOrder(name: "classify/order", lengths: training.map(\.steps), count: self.count)
  }

  /// Whole passes.
  public var stepsPerEpoch: Int? {
    training.isEmpty ? nil : order.steps(atLeast: leastSteps)
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: ExampleBatch) -> Bool { batch.x.tensor.shape[1] == 0 }

  /// A shard of the examples of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ExampleBatch {
    return encoder.batch(
      order.examples(seed: seed, step: step, shard: shard).map { index in
        guard let noise else { return training[index] }
        var stream = RandomStream(seed: seed, name: "classify/noise/\(index)", step: UInt64(step))
        return noise(training[index], &stream)
      })
  }

  /// The examples of a part in their order.
  func examples(_ split: Split) -> [SequenceEncoder.Example] { parts[split] ?? [] }

  /// Batches of 128.
  public func batches(of split: Split) -> AnySequence<ExampleBatch> {
    let examples = examples(split)
    return AnySequence(
      stride(from: 0, to: examples.count, by: Self.evaluated).lazy.map { [encoder] start in
        encoder.batch(Array(examples[start..<min(start + Self.evaluated, examples.count)]))
      })
  }
}
