import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Tunes, cut into pieces of at most `length` frames for training, in an order that depends on the seed and the pass, those of like
/// lengths in a batch together. Where long tunes are cut depends on the pass, too; a piece begins without states, but with the frame
/// before it.
///
/// An epoch is at least 25 updates: small data are gone through several times.
public final class MusicBatches: BatchSource {
  let encoder: MusicEncoder
  let training: [PianoRoll]
  private let parts: [Split: [PianoRoll]]
  /// Pieces of a batch.
  private let count: Int
  /// The most frames of a piece.
  private let length: Int
  /// Semitones up or down.
  private let transposition: Int
  /// That of the files.
  public let checksum: String?
  private var pass: (seed: UInt64, number: Int, batches: [[MusicEncoder.Piece]])?

  /// Frames of an evaluation that are looked at together, padding included.
  private static let evaluated = 1 << 14
  /// The fewest updates of an epoch.
  private static let leastSteps = 25

  init(
    encoder: MusicEncoder, training: [PianoRoll], validation: [PianoRoll], test: [PianoRoll],
    transposition: Int = 0, settings: TrainingSettings, checksum: String?
  ) {
    (self.encoder, self.training, self.checksum) = (encoder, training, checksum)
    parts = [.validation: validation, .test: test]
    count = settings.batch
    length = settings.whole(MusicOptions.length)
    self.transposition = transposition
  }

  /// Pieces of a pass: as many as are needed, wherever tunes are cut.
  private var pieces: Int { training.reduce(0) { $0 + ($1.frames.count - 1) / length + 1 } }

  private var stepsPerPass: Int { max(1, (pieces - 1) / count + 1) }

  /// Whole passes.
  public var stepsPerEpoch: Int? {
    training.isEmpty ? nil : ((Self.leastSteps - 1) / stepsPerPass + 1) * stepsPerPass
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: MusicBatch) -> Bool { batch.lengths.isEmpty }

  /// A shard of the pieces of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> MusicBatch {
    let (number, place) = (step / stepsPerPass, step % stepsPerPass)
    if pass?.seed != seed || pass?.number != number {
      pass = (seed, number, batches(seed: seed, pass: number))
    }
    let all = pass?.batches[place] ?? []
    return encoder.batch(Array(all[shard.range(of: all.count)]))
  }

  private func batches(seed: UInt64, pass: Int) -> [[MusicEncoder.Piece]] {
    var stream = RandomStream(seed: seed, name: "music/pieces", step: UInt64(pass))
    var all: [MusicEncoder.Piece] = []
    for roll in training { all += pieces(of: roll, &stream) }
    let order = LengthOrder(name: "music/order", lengths: all.map(\.frames.count), count: count)
    return order.batches(seed: seed, pass: pass).map { $0.map { all[$0] } }
  }

  /// The pieces of a tune, moved by the same interval.
  private func pieces(of roll: PianoRoll, _ stream: inout RandomStream) -> [MusicEncoder.Piece] {
    let frames = roll.frames
    let room = frames.reduce(Chord.silence) { $0.union($1) }.room
    let (least, most) = (max(-transposition, room.lowerBound), min(transposition, room.upperBound))
    let shift = least + stream.integer(below: most - least + 1)
    // The first piece is at least the rest of the division: then the number of pieces is always the same.
    let rest = (frames.count - 1) % length + 1
    var end = rest + stream.integer(below: frames.count > length ? length - rest + 1 : 1)
    var (begin, pieces) = (0, [MusicEncoder.Piece]())
    while begin < frames.count {
      pieces.append(
        .init(
          frames: frames[begin..<end], before: begin > 0 ? frames[begin - 1] : .silence,
          isBeginning: begin == 0, shift: shift))
      (begin, end) = (end, min(end + length, frames.count))
    }
    return pieces
  }

  /// The tunes of a part in their order.
  func rolls(_ split: Split) -> [PianoRoll] { parts[split] ?? [] }

  /// Whole tunes, those of like lengths together.
  public func batches(of split: Split) -> AnySequence<MusicBatch> {
    let rolls = rolls(split)
    let order = rolls.indices.sorted { (rolls[$0].frames.count, $0) < (rolls[$1].frames.count, $1) }
    var groups: [[Int]] = []
    for place in order {
      if let last = groups.last, (last.count + 1) * rolls[place].frames.count <= Self.evaluated {
        groups[groups.count - 1].append(place)
      } else {
        groups.append([place])
      }
    }
    return AnySequence(
      groups.lazy.map { [encoder] group in
        encoder.batch(group.map { MusicEncoder.Piece(frames: rolls[$0].frames[...]) })
      })
  }
}
