import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Sequences of frames in an order that depends on the seed and the pass, or that are made as they are asked for.
///
/// An epoch is 100 updates.
public final class FrameBatches: BatchSource {
  /// What is trained on.
  enum Training {
    case read(FrameSequences)
    /// Digits of these images.
    case digits(MovingDigits, MNIST.Part, Range<Int>)
  }

  let source: Preprocessing.FrameSource
  private let training: Training
  private let validation: FrameSequences, test: FrameSequences
  private let count: Int
  /// The order of the pass that was asked for last.
  private var current: (seed: UInt64, pass: Int, order: [Int])?
  /// That of the files; nil of moving digits.
  public let checksum: String?

  private static let updates = 100
  /// Sequences of an evaluation that are looked at together.
  static let evaluated = 16

  init(
    source: Preprocessing.FrameSource, training: Training, validation: FrameSequences, test: FrameSequences,
    count: Int, checksum: String?
  ) {
    (self.source, self.training, self.count, self.checksum) = (source, training, count, checksum)
    (self.validation, self.test) = (validation, test)
  }

  /// 100, unless there is nothing to train on.
  public var stepsPerEpoch: Int? {
    if case .read(let frames) = training, frames.sequences.isEmpty { return nil }
    return Self.updates
  }

  /// The mean brightness of the first sequences of the training part, 0.01 to 0.99.
  var meanBrightness: Float {
    guard stepsPerEpoch != nil else { return 0.5 }
    let batch = batch(seed: 0, step: 0, shard: .whole)
    return min(0.99, max(0.01, batch.expected.mean().item))
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: FrameBatch) -> Bool { batch.count == 0 }

  /// A shard of the sequences of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> FrameBatch {
    let own = shard.range(of: count)
    switch training {
    case .digits(let digits, let part, let images):
      var stream = RandomStream(seed: seed, name: "frames/digits", step: UInt64(step))
      let made = digits.sequences(count, part, images: images, &stream)
      return batch(made, Array(made.sequences[own]))
    case .read(let frames):
      let total = frames.sequences.count
      return batch(
        frames,
        own.map { row in
          let (pass, place) = (step * count + row).quotientAndRemainder(dividingBy: total)
          return frames.sequences[order(seed: seed, pass: pass, total)[place]]
        })
    }
  }

  private func order(seed: UInt64, pass: Int, _ total: Int) -> [Int] {
    if let current, current.seed == seed, current.pass == pass { return current.order }
    var stream = RandomStream(seed: seed, name: "frames/order", step: UInt64(pass))
    let order = stream.permutation(total)
    current = (seed, pass, order)
    return order
  }

  /// The sequences of a part.
  func examples(_ split: Split) -> FrameSequences { split == .validation ? validation : test }

  /// Sequences side by side.
  func batch(_ frames: FrameSequences, _ sequences: [FrameSequences.Sequence]) -> FrameBatch {
    let total = source.given + source.predicted
    return FrameBatch(
      given: frames.patches(sequences, steps: 0..<source.given, patch: source.patch),
      expected: frames.patches(sequences, steps: source.given..<total, patch: source.patch))
  }

  /// Batches in the order of the file.
  public func batches(of split: Split) -> AnySequence<FrameBatch> {
    let frames = examples(split), all = frames.sequences
    return AnySequence(
      stride(from: 0, to: all.count, by: Self.evaluated).lazy.map { [self] start in
        batch(frames, Array(all[start..<min(start + Self.evaluated, all.count)]))
      })
  }
}

/// Sequences of frames side by side, in patches.
public struct FrameBatch {
  /// The frames that go in, and those after them, each `[T, B, height, width, channels]` of the grid of patches.
  let given: Tensor, expected: Tensor

  /// B.
  var count: Int { given.shape[1] }
}
