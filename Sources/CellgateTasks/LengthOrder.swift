import CellgateTensor
import CellgateTraining

/// Batches of examples in an order that depends on the seed and the pass, those of like lengths in a batch together.
final class LengthOrder {
  /// What names the random numbers.
  let name: String
  /// The steps of each example.
  let lengths: [Int]
  /// Examples of a batch.
  let count: Int
  /// Where batches of limited steps end, in the order of lengths; nil where each has `count` examples.
  private let cuts: [Range<Int>]?
  /// The batches of the pass that was asked for last.
  private var current: (seed: UInt64, pass: Int, batches: [[Int]])?

  /// Batches among whose examples lengths are sorted.
  private static let pooled = 16

  /// Batches of `count` examples; with `mostSteps` of at most so many, and of as few as have so many steps with their padding.
  init(name: String, lengths: [Int], count: Int, mostSteps: Int? = nil) {
    (self.name, self.lengths, self.count) = (name, lengths, count)
    cuts = mostSteps.map { Self.cuts(lengths.sorted(), most: count, steps: $0) }
  }

  /// Updates that show every example once.
  var steps: Int { max(1, cuts?.count ?? (lengths.count - 1) / count + 1) }

  /// Whole passes of `least` updates or more.
  func steps(atLeast least: Int) -> Int { ((least - 1) / steps + 1) * steps }

  /// The examples of a shard of update `step`, by their places.
  func examples(seed: UInt64, step: Int, shard: Shard) -> [Int] {
    let (pass, place) = step.quotientAndRemainder(dividingBy: steps)
    if current?.seed != seed || current?.pass != pass {
      current = (seed, pass, batches(seed: seed, pass: pass))
    }
    let all = current?.batches[place] ?? []
    return Array(all[shard.range(of: all.count)])
  }

  /// Which pass update `step` is in.
  func pass(_ step: Int) -> Int { step / steps }

  /// The batches of a pass, by the examples' places.
  func batches(seed: UInt64, pass: Int) -> [[Int]] {
    var stream = RandomStream(seed: seed, name: name, step: UInt64(pass))
    var all = Array(lengths.indices)
    stream.shuffle(&all)
    if let cuts {
      let sorted = all.enumerated().sorted {
        (lengths[$0.element], $0.offset) < (lengths[$1.element], $1.offset)
      }
      var batches = cuts.map { sorted[$0].map(\.element) }
      stream.shuffle(&batches)
      return batches
    }
    let pool = count * Self.pooled
    var batches: [[Int]] = []
    for start in stride(from: 0, to: all.count, by: pool) {
      let own = all[start..<min(start + pool, all.count)].sorted {
        (lengths[$0], $0) < (lengths[$1], $1)
      }
      // Of equal lengths the order would be that of the file.
      var places = own
      if let first = own.first, let last = own.last, lengths[first] == lengths[last] {
        places = Array(all[start..<min(start + pool, all.count)])
      }
      for begin in stride(from: 0, to: places.count, by: count) {
        batches.append(Array(places[begin..<min(begin + count, places.count)]))
      }
    }
    stream.shuffle(&batches)
    return batches
  }

  /// Steps of examples with their padding that are computed together where none is trained on.
  private static let computed = 8192

  /// Examples of like lengths, the short ones first: at most so many, and as few as have so many steps with their padding.
  static func groups(of lengths: [Int], most: Int, steps: Int = computed) -> [[Int]] {
    let order = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    return cuts(order.map { lengths[$0] }, most: most, steps: steps).map { Array(order[$0]) }
  }

  /// The same of lengths in their order; an example of more steps is alone.
  private static func cuts(_ lengths: [Int], most: Int, steps: Int) -> [Range<Int>] {
    var (cuts, start): ([Range<Int>], Int) = ([], 0)
    for place in lengths.indices where place > start {
      if place - start == most || lengths[place] * (place - start + 1) > steps {
        cuts.append(start..<place)
        start = place
      }
    }
    return start < lengths.count ? cuts + [start..<lengths.count] : cuts
  }
}
