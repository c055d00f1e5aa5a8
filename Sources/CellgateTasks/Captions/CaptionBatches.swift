import CellgateBasics
import CellgateData
import CellgateTensor
import CellgateTraining

/// Captions of some pictures.
public struct CaptionBatch: Sendable {
  /// The row of the features of each picture, each once.
  public let rows: [Int]
  /// The words of captions by number, without beginning and end.
  public let captions: [[Int32]]
  /// Which of the rows' pictures each caption is of.
  public let owners: [Int32]
  /// The pictures' places in the set.
  public let pictures: [Int]
  /// The share of words that the model draws itself.
  public let drawnShare: Float
}

/// Captions in an order that depends on the seed and the epoch: a batch has so many captions, of pictures as they come.
public final class CaptionBatches: BatchSource {
  /// A caption that is trained on.
  struct Example {
    /// The picture's place in the set, and the row of its features.
    let picture: Int, row: Int
    /// The words, without beginning and end.
    let words: [Int32]
  }

  /// The words.
  public let vocabulary: CaptionVocabulary
  /// Captions of a batch.
  let count: Int
  /// Those that are trained on.
  let training: [Example]
  /// The largest share of words that the model draws itself.
  private let mostDrawn: Double
  private let parts: [Split: [Example]]
  /// The captions of an epoch in their order, as they were last asked for.
  private var order: (seed: UInt64, epoch: Int, examples: [Int])?
  /// That of the words and of the features' sizes.
  public let checksum: String?

  /// Pictures of an evaluation that are looked at together.
  static let evaluated = 128

  init(
    vocabulary: CaptionVocabulary, training: [Example], validation: [Example], test: [Example],
    settings: TrainingSettings, checksum: String?
  ) {
    self.vocabulary = vocabulary
    self.training = training
    self.checksum = checksum
    count = settings.batch
    mostDrawn = settings.real(CaptionOptions.scheduledSampling)
    parts = [.validation: validation, .test: test]
  }

  /// The last batch of an epoch may be smaller.
  public var stepsPerEpoch: Int? { training.isEmpty ? nil : (training.count - 1) / count + 1 }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: CaptionBatch) -> Bool { batch.captions.isEmpty }

  /// A shard of the captions of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> CaptionBatch {
    let perEpoch = stepsPerEpoch ?? 1
    let (epoch, place) = (step / perEpoch, step % perEpoch * count)
    if order?.seed != seed || order?.epoch != epoch {
      var examples = Array(training.indices)
      var stream = RandomStream(seed: seed, name: "captions/order", step: UInt64(epoch))
      stream.shuffle(&examples)
      order = (seed, epoch, examples)
    }
    let all = order?.examples[min(place, training.count)..<min(place + count, training.count)] ?? []
    let kept = Array(all)[shard.range(of: all.count)].map { training[$0] }
    // As published: 0.05 more after each five epochs.
    return Self.batch(kept, drawnShare: Float(min(mostDrawn, 0.05 * Double(epoch / 5))))
  }

  /// Batches of 128 pictures with all their captions.
  public func batches(of split: Split) -> AnySequence<CaptionBatch> {
    let examples = parts[split] ?? []
    var batches: [Range<Int>] = []
    var (start, pictures) = (0, 0)
    for index in examples.indices where index > 0 && examples[index].picture != examples[index - 1].picture {
      pictures += 1
      if pictures % Self.evaluated == 0 {
        batches.append(start..<index)
        start = index
      }
    }
    if start < examples.count { batches.append(start..<examples.count) }
    return AnySequence(batches.lazy.map { Self.batch(Array(examples[$0]), drawnShare: 0) })
  }

  private static func batch(_ examples: [Example], drawnShare: Float) -> CaptionBatch {
    var (rows, pictures): ([Int], [Int]) = ([], [])
    var places: [Int: Int32] = [:]
    let owners = examples.map { example -> Int32 in
      if let place = places[example.picture] { return place }
      let place = Int32(rows.count)
      places[example.picture] = place
      rows.append(example.row)
      pictures.append(example.picture)
      return place
    }
    return CaptionBatch(
      rows: rows, captions: examples.map(\.words), owners: owners, pictures: pictures, drawnShare: drawnShare)
  }
}
