import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Recordings in an order that depends on the seed and the pass, those of like lengths in a batch together, with masks over time and
/// bands (``SpectrumMasks``).
///
/// An epoch is at least 25 updates.
public final class SpeechBatches: BatchSource {
  let encoder: SpeechEncoder
  let training: [SpeechEncoder.Example]
  private let parts: [Split: [SpeechEncoder.Example]]
  private let masks: SpectrumMasks
  private let order: LengthOrder
  /// That of the files.
  public let checksum: String?

  private static let leastSteps = 25
  /// Recordings of an evaluation that are looked at together at most.
  private static let evaluated = 64

  init(
    encoder: SpeechEncoder, training: [SpeechEncoder.Example], validation: [SpeechEncoder.Example],
    test: [SpeechEncoder.Example], count: Int, masks: SpectrumMasks, checksum: String?
  ) {
    (self.encoder, self.training, self.checksum, self.masks) = (encoder, training, checksum, masks)
    parts = [.validation: validation, .test: test]
    order = LengthOrder(name: "transcribe/order", lengths: training.map(\.steps), count: count)
  }

  /// Whole passes.
  public var stepsPerEpoch: Int? { training.isEmpty ? nil : order.steps(atLeast: Self.leastSteps) }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: SpeechBatch) -> Bool { batch.texts.isEmpty }

  /// A shard of the recordings of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> SpeechBatch {
    let pass = order.pass(step)
    return encoder.batch(
      order.examples(seed: seed, step: step, shard: shard).map { place in
        var example = training[place]
        var stream = RandomStream(seed: seed, name: "transcribe/masks/\(place)", step: UInt64(pass))
        example.values = masks(example.values, width: encoder.speech.features.width, &stream)
        return example
      })
  }

  /// The recordings of a part in their order.
  func examples(_ split: Split) -> [SpeechEncoder.Example] { parts[split] ?? [] }

  /// Batches of recordings of like lengths, the short ones first.
  public func batches(of split: Split) -> AnySequence<SpeechBatch> {
    let examples = examples(split)
    return AnySequence(
      LengthOrder.groups(of: examples.map(\.steps), most: Self.evaluated).lazy.map { [encoder] group in
        encoder.batch(group.map { examples[$0] })
      })
  }
}
