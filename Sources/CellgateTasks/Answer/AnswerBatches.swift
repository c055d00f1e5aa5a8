import CellgateNN
import CellgateTensor
import CellgateTraining

/// Questions in an order that depends on the seed and the pass, those about texts of like lengths in a batch together.
///
/// An epoch is at least 25 updates.
public final class AnswerBatches: BatchSource {
  let encoder: AnswerEncoder
  let training: [AnswerEncoder.Example]
  private let parts: [Split: [AnswerEncoder.Example]]
  private let order: LengthOrder
  /// That of the files.
  public let checksum: String?

  private static let leastSteps = 25
  /// Questions of an evaluation that are looked at together.
  static let evaluated = 64

  init(
    encoder: AnswerEncoder, training: [AnswerEncoder.Example], validation: [AnswerEncoder.Example],
    test: [AnswerEncoder.Example], count: Int, checksum: String?
  ) {
    (self.encoder, self.training, self.checksum) = (encoder, training, checksum)
    parts = [.validation: validation, .test: test]
    order = LengthOrder(
      name: "answer/order", lengths: training.map { $0.steps(isWhole: encoder.isWhole) }, count: count)
  }

  /// Whole passes.
  public var stepsPerEpoch: Int? { training.isEmpty ? nil : order.steps(atLeast: Self.leastSteps) }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: AnswerBatch) -> Bool { batch.examples.isEmpty }

  /// A shard of the questions of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> AnswerBatch {
    return encoder.batch(order.examples(seed: seed, step: step, shard: shard).map { training[$0] })
  }

  /// The questions of a part in their order.
  func examples(_ split: Split) -> [AnswerEncoder.Example] { parts[split] ?? [] }

  /// Batches in the order of the file.
  public func batches(of split: Split) -> AnySequence<AnswerBatch> {
    let examples = examples(split)
    return AnySequence(
      stride(from: 0, to: examples.count, by: Self.evaluated).lazy.map { [encoder] start in
        encoder.batch(Array(examples[start..<min(start + Self.evaluated, examples.count)]))
      })
  }
}
