import CellgateTensor

/// Sequences in a random order, those of like lengths in a batch together, so that little is padded.
enum LengthBuckets {
  /// Batches among whose sequences lengths are sorted.
  private static let pooled = 16

  /// The places of sequences of these lengths in batches of `count`; a random order of batches, of lengths that are alike also
  /// inside them.
  static func batches(_ lengths: [Int], count: Int, stream: inout RandomStream) -> [[Int]] {
    var all = Array(lengths.indices)
    stream.shuffle(&all)
    let pool = count * pooled
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
