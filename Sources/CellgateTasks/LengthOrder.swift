import CellgateTensor

/// Batches of examples in an order that depends on the seed and the pass, those of like lengths in a batch together.
struct LengthOrder {
  /// What names the random numbers.
  let name: String
  /// The steps of each example.
  let lengths: [Int]
  /// Examples of a batch.
  let count: Int

  /// Batches among whose examples lengths are sorted.
  private static let pooled = 16

  /// Updates that show every example once.
  var steps: Int { max(1, (lengths.count - 1) / count + 1) }

  /// Whole passes of `least` updates or more.
  func steps(atLeast least: Int) -> Int { ((least - 1) / steps + 1) * steps }

  /// The batches of a pass, by the examples' places.
  func batches(seed: UInt64, pass: Int) -> [[Int]] {
    var stream = RandomStream(seed: seed, name: name, step: UInt64(pass))
    var all = Array(lengths.indices)
    stream.shuffle(&all)
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
}
