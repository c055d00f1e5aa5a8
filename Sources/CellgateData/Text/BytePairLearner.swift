/// Learns the merges of byte-pair encoding from the units of a text, each with how often it stands there.
struct BytePairLearner {
  typealias Merge = BytePairVocabulary.Merge

  /// The units' pieces.
  private var units: [[Int32]] = []
  /// How often each unit stands in the text.
  private var frequencies: [Int] = []
  /// How often each pair stands in the text, by its key.
  private var counts: [UInt64: Int] = [:]
  /// Units that a pair stands in or stood in, by its key.
  private var places: [UInt64: [Int32]] = [:]
  /// The units that the merge of a number has changed already.
  private var changed: [Int] = []
  private var heap = PairHeap()

  init(_ text: some Sequence<Unicode.Scalar>) {
    var found: [[UInt8]: Int] = [:]
    BytePairUnits.forEach(of: text) { unit in
      if let place = found[unit] {
        frequencies[place] += 1
      } else {
        found[unit] = units.count
        units.append(unit.map { Int32($0) })
        frequencies.append(1)
      }
    }
    changed = [Int](repeating: -1, count: units.count)
    for (place, unit) in units.enumerated() {
      for (left, right) in zip(unit, unit.dropFirst()) {
        let key = Merge(left, right).key
        counts[key, default: 0] += frequencies[place]
        if places[key]?.last != Int32(place) { places[key, default: []].append(Int32(place)) }
      }
    }
    for (key, count) in counts { heap.push(.init(count: count, key: key)) }
  }

  /// The merges, at most so many, the most frequent pair first.
  mutating func merges(most: Int) -> [Merge] {
    var merges: [Merge] = []
    while merges.count < most, let top = heap.pop() {
      let count = counts[top.key] ?? 0
      if count != top.count {
        // It became rarer since; more frequent ones were pushed again.
        if count < top.count, count > 1 { heap.push(.init(count: count, key: top.key)) }
        continue
      }
      guard count > 1 else { break }
      let merge = Merge(Int32(top.key >> 32), Int32(top.key & 0xFFFF_FFFF))
      apply(merge, as: Int32(256 + merges.count), number: merges.count)
      merges.append(merge)
    }
    return merges
  }

  /// Puts a new piece in the place of a pair, wherever it stands.
  private mutating func apply(_ merge: Merge, as piece: Int32, number: Int) {
    var rising: Set<UInt64> = []
    for place in places.removeValue(forKey: merge.key) ?? [] {
      let place = Int(place)
      guard changed[place] != number else { continue }
      changed[place] = number
      let (old, frequency) = (units[place], frequencies[place])
      var new: [Int32] = []
      new.reserveCapacity(old.count)
      var next = 0
      while next < old.count {
        if next + 1 < old.count, old[next] == merge.left, old[next + 1] == merge.right {
          new.append(piece)
          next += 2
        } else {
          new.append(old[next])
          next += 1
        }
      }
      guard new.count < old.count else { continue }
      for (left, right) in zip(old, old.dropFirst()) {
        counts[Merge(left, right).key, default: 0] -= frequency
      }
      for (left, right) in zip(new, new.dropFirst()) {
        let key = Merge(left, right).key
        counts[key, default: 0] += frequency
        guard left == piece || right == piece else { continue }
        rising.insert(key)
        if places[key]?.last != Int32(place) { places[key, default: []].append(Int32(place)) }
      }
      units[place] = new
    }
    counts[merge.key] = nil
    for key in rising { heap.push(.init(count: counts[key] ?? 0, key: key)) }
  }
}

/// Pairs by how frequent they are, the most frequent one first; of equally frequent ones that of the smaller key.
private struct PairHeap {
  struct Entry {
    var count: Int
    var key: UInt64

    func precedes(_ other: Entry) -> Bool {
      count != other.count ? count > other.count : key < other.key
    }
  }

  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var place = entries.count - 1
    while place > 0, entries[place].precedes(entries[(place - 1) / 2]) {
      entries.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func pop() -> Entry? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var place = 0
    while true {
      var best = place
      for child in [2 * place + 1, 2 * place + 2] where child < entries.count {
        if entries[child].precedes(entries[best]) { best = child }
      }
      if best == place { return first }
      entries.swapAt(place, best)
      place = best
    }
  }
}
