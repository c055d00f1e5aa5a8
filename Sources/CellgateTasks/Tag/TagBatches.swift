import CellgateNN
import CellgateTensor
import CellgateTraining

/// Sentences in an order that depends on the seed and the pass, those of like lengths in a batch together, their rare words
/// replaced by the unknown one now and then.
///
/// An epoch is at least 25 updates. Sentences of more than 256 tokens are trained on in pieces.
public final class TagBatches: BatchSource {
  let encoder: TokenEncoder
  let training: [TokenEncoder.Example]
  private let pieces: [TokenEncoder.Example]
  private let parts: [Split: [TokenEncoder.Example]]
  private let order: LengthOrder
  /// That of the files.
  public let checksum: String?
  /// How often training has each word, by its number.
  private let counts: [Int]
  /// α: a word that training has n times is replaced with the probability α / (α + n).
  private let replaced: Float

  /// The fewest updates of an epoch.
  private static let leastSteps = 25
  /// The most tokens of a piece that is trained on.
  static let longest = 256
  /// Sentences of an evaluation that are looked at together.
  private static let evaluated = 128

  init(
    encoder: TokenEncoder, training: [TokenEncoder.Example], validation: [TokenEncoder.Example],
    test: [TokenEncoder.Example], count: Int, replaced: Double, checksum: String?
  ) {
    (self.encoder, self.training, self.checksum) = (encoder, training, checksum)
    self.replaced = Float(replaced)
    parts = [.validation: validation, .test: test]
    pieces = training.flatMap { $0.pieces(of: Self.longest) }
    order = LengthOrder(name: "tag/order", lengths: pieces.map(\.steps), count: count)
    var counts = [Int](repeating: 0, count: encoder.wordCount)
    for example in training { for word in example.words { counts[Int(word)] += 1 } }
    self.counts = counts
  }

  /// Whole passes.
  public var stepsPerEpoch: Int? { pieces.isEmpty ? nil : order.steps(atLeast: Self.leastSteps) }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: TagBatch) -> Bool { batch.names.isEmpty }

  /// A shard of the sentences of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> TagBatch {
    let pass = order.pass(step)
    return encoder.batch(
      order.examples(seed: seed, step: step, shard: shard).map { place in
        var stream = RandomStream(seed: seed, name: "tag/replaced/\(place)", step: UInt64(pass))
        var piece = pieces[place]
        for step in piece.words.indices {
          let count = Float(counts[Int(piece.words[step])])
          if stream.uniform() < replaced / (replaced + count) { piece.words[step] = Self.unknown }
        }
        return piece
      })
  }

  private static let unknown: Int32 = 1

  /// The sentences of a part in their order.
  func examples(_ split: Split) -> [TokenEncoder.Example] { parts[split] ?? [] }

  /// Batches of sentences of like lengths, the short ones first.
  public func batches(of split: Split) -> AnySequence<TagBatch> {
    let examples = examples(split)
    return AnySequence(
      LengthOrder.groups(of: examples.map(\.steps), most: Self.evaluated).lazy.map { [encoder] group in
        encoder.batch(group.map { examples[$0] })
      })
  }
}

extension TokenEncoder.Example {
  /// The sentence in pieces of at most so many tokens.
  fileprivate func pieces(of most: Int) -> [Self] {
    guard steps > most else { return [self] }
    return stride(from: 0, to: steps, by: most).map { start in
      let part = start..<min(start + most, steps)
      return Self(
        tokens: Array(tokens[part]), words: Array(words[part]), tags: Array(tags[part]),
        names: Array(names[part]))
    }
  }
}
