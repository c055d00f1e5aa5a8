import CellgateTensor

/// Chooses the rows that are held out for validation and for the test, the same for every seed.
struct PartChoice {
  /// Shares in percent.
  let validation, test: Int

  typealias Parts = (
    training: [SequenceRows.Row], validation: [SequenceRows.Row], test: [SequenceRows.Row]
  )

  /// The parts of rows: the latest ones where rows have places in time, whole groups where they have these, else shares of the rows of
  /// each class.
  func parts(of rows: [SequenceRows.Row]) -> Parts {
    let places =
      if rows.contains(where: { $0.splitTime != nil }) {
        byTime(rows)
      } else if rows.contains(where: { $0.splitGroup != nil }) {
        byGroup(rows)
      } else {
        byClass(rows)
      }
    let sorted = places.map { $0.sorted().map { rows[$0] } }
    return (sorted[0], sorted[1], sorted[2])
  }

  /// How many of `count` rows are held out; what is left is at least as much.
  private func held(_ percent: Int, of count: Int) -> Int {
    percent == 0 ? 0 : min(max((count * percent + 50) / 100, 1), max(0, (count - 1) / 2))
  }

  /// The class of each row: of rows that may have several labels the rarest one; numbers are one class.
  private static func labels(_ rows: [SequenceRows.Row]) -> [String] {
    var counts: [String: Int] = [:]
    for row in rows { for label in row.labels { counts[label, default: 0] += 1 } }
    return rows.map { row in
      let rarest = row.labels.min { (counts[$0] ?? 0, $0) < (counts[$1] ?? 0, $1) }
      return row.target == nil ? rarest ?? row.label ?? "" : ""
    }
  }

  /// Every class keeps a row for training.
  private func byClass(_ rows: [SequenceRows.Row]) -> [[Int]] {
    let labels = Self.labels(rows)
    let members = [String: [Int]](grouping: rows.indices) { labels[$0] }
    var parts: [[Int]] = [[], [], []]
    var stream = RandomStream(seed: 0, name: "classify/split")
    for label in members.keys.sorted() {
      var own = members[label] ?? []
      stream.shuffle(&own)
      let (held, tested) = (held(validation, of: own.count), held(test, of: own.count))
      parts[1] += own[..<held]
      parts[2] += own[held..<held + tested]
      parts[0] += own[(held + tested)...]
    }
    return parts
  }

  /// The latest rows are for the test, those before them for validation; rows of one time stay together, in the later part.
  private func byTime(_ rows: [SequenceRows.Row]) -> [[Int]] {
    let order = rows.indices.sorted { (rows[$0].splitTime ?? 0, $0) < (rows[$1].splitTime ?? 0, $1) }
    func start(_ count: Int, before end: Int) -> Int {
      var start = max(0, end - count)
      while start > 0, start < order.count, rows[order[start]].splitTime == rows[order[start - 1]].splitTime {
        start -= 1
      }
      return start
    }
    let testStart = start(held(test, of: order.count), before: order.count)
    let validStart = start(held(validation, of: order.count), before: testStart)
    return [Array(order[..<validStart]), Array(order[validStart..<testStart]), Array(order[testStart...])]
  }

  /// Groups, the large ones first, go where most is missing of the classes of their rows.
  private func byGroup(_ rows: [SequenceRows.Row]) -> [[Int]] {
    let groups = [String: [Int]](grouping: rows.indices) { rows[$0].splitGroup ?? "" }
    var names = groups.keys.sorted()
    var stream = RandomStream(seed: 0, name: "classify/split")
    stream.shuffle(&names)
    let places = [String: Int](uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    names.sort {
      (groups[$1]?.count ?? 0, places[$0] ?? 0) < (groups[$0]?.count ?? 0, places[$1] ?? 0)
    }
    let shares = [100 - validation - test, validation, test].map { Double($0) / 100 }
    var sizes: [String: Double] = [:]
    let labels = Self.labels(rows)
    for label in labels { sizes[label, default: 0] += 1 }
    var filled = [[String: Double]](repeating: [:], count: 3)
    var parts: [[Int]] = [[], [], []]
    for name in names {
      let own = groups[name] ?? []
      /// How much of what a part should have is missing, over the group's rows.
      func need(_ part: Int) -> Double {
        guard shares[part] > 0 else { return -.infinity }
        return own.reduce(0) { sum, place in
          let label = labels[place]
          return sum + 1 - (filled[part][label] ?? 0) / (shares[part] * (sizes[label] ?? 1))
        }
      }
      let part = (1..<3).reduce(0) { need($1) > need($0) ? $1 : $0 }
      for place in own { filled[part][labels[place], default: 0] += 1 }
      parts[part] += own
    }
    return parts
  }
}
