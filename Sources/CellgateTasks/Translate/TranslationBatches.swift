import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Pairs of sentences as symbols.
public struct TranslationBatch: Sendable {
  /// What is read, without beginning and end.
  public let source: [[Int32]]
  /// What is to be written, without beginning and end.
  public let target: [[Int32]]
  /// Places in their part of the data.
  public let places: [Int]
}

/// Pairs of sentences in an order that depends on the seed and the epoch, those of like lengths in a batch together: a batch has
/// at most so many pairs, and as few as have so many symbols. An epoch is at least 100 updates.
public final class TranslationBatches: BatchSource {
  /// The symbols of both sides.
  let symbols: Preprocessing.Translation
  /// The sentences as they were written, by part.
  let sentences: [Split: SentencePairs]
  /// That of the files.
  public let checksum: String?
  private let training: TranslationBatch
  private let parts: [Split: TranslationBatch]
  private let order: LengthOrder

  /// The fewest updates of an epoch.
  private static let leastSteps = 100
  /// Pairs of an evaluation that are looked at together.
  private static let evaluated = 128

  init(_ parts: TranslationParts, settings: TrainingSettings, checksum: String?) {
    let symbols = parts.symbols
    (self.symbols, self.checksum) = (symbols, checksum)
    sentences = [.validation: parts.validation, .test: parts.test]
    training = parts.training
    self.parts = sentences.mapValues { TranslationBatch($0, symbols) }
    order = LengthOrder(
      name: "translate/order", lengths: training.lengths, count: settings.batch,
      mostSteps: settings.whole(TranslateOptions.batchSymbols))
  }

  /// How many pairs there are to train on.
  var trainingCount: Int { training.places.count }

  /// Whole passes.
  public var stepsPerEpoch: Int? {
    training.places.isEmpty ? nil : order.steps(atLeast: Self.leastSteps)
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: TranslationBatch) -> Bool { batch.source.isEmpty }

  /// A shard of the pairs of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> TranslationBatch {
    return training.part(order.examples(seed: seed, step: step, shard: shard))
  }

  /// Batches of pairs of like lengths, the short ones first.
  public func batches(of split: Split) -> AnySequence<TranslationBatch> {
    guard let all = parts[split] else { return AnySequence([]) }
    let groups = LengthOrder.groups(of: all.lengths, most: Self.evaluated)
    return AnySequence(groups.lazy.map { all.part($0) })
  }
}

extension TranslationBatch {
  /// The symbols of pairs.
  init(_ pairs: SentencePairs, _ symbols: Preprocessing.Translation) {
    source = symbols.source.symbols(of: pairs.source)
    target = symbols.target.symbols(of: pairs.target)
    places = Array(0..<pairs.count)
  }

  /// The symbols of each pair's longer side.
  var lengths: [Int] { zip(source, target).map { max($0.count, $1.count) } }

  /// The pairs of some places.
  func part(_ own: some Sequence<Int>) -> TranslationBatch {
    let own = Array(own)
    return TranslationBatch(
      source: own.map { source[$0] }, target: own.map { target[$0] }, places: own.map { places[$0] })
  }
}
