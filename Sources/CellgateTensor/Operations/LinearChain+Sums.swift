import CellgateBasics

/// The numbers of a linear chain of K tags in Double, and its sums over the paths of one sequence.
struct LinearChain: Sendable {
  /// K.
  let count: Int
  /// [K, K] row by row, then [K] each.
  private let transitions: [Double], first: [Double], last: [Double]
  /// e^(transitions − largest); nil where numbers are so far apart that some would be lost.
  private let factors: [Double]?
  private let largest: Double

  /// How far apart transitions may be: factors, and what they are multiplied by, are then in Double's range.
  private static let widest = 300.0

  init(_ transitions: Tensor, _ first: Tensor, _ last: Tensor) {
    count = first.count
    let numbers = transitions.scalars.map { Double($0) }
    self.transitions = numbers
    self.first = first.scalars.map { Double($0) }
    self.last = last.scalars.map { Double($0) }
    let (least, most) = (numbers.min() ?? 0, numbers.max() ?? 0)
    largest = most
    factors = most - least < Self.widest ? numbers.map { CLibrary.exp($0 - most) } : nil
  }

  // MARK: Sums over paths

  /// ln Σ e^v.
  private static func logSum(_ v: [Double]) -> Double {
    let top = v.max() ?? -.infinity
    guard top.isFinite else { return v.contains { $0.isNaN } ? .nan : top }
    return top + CLibrary.log(v.reduce(0) { $0 + CLibrary.exp($1 - top) })
  }

  /// ln Σ_i e^(v_i + transitions[i, j]) of each j.
  private func forward(_ v: [Double]) -> [Double] {
    let top = v.max() ?? 0
    guard let factors, top.isFinite else {
      return (0..<count).map { j in Self.logSum((0..<count).map { v[$0] + transitions[$0 * count + j] }) }
    }
    var sums = [Double](repeating: 0, count: count)
    for i in 0..<count {
      let weight = CLibrary.exp(v[i] - top)
      for j in 0..<count { sums[j] += weight * factors[i * count + j] }
    }
    return sums.map { CLibrary.log($0) + top + largest }
  }

  /// ln Σ_j e^(transitions[i, j] + v_j) of each i.
  private func backward(_ v: [Double]) -> [Double] {
    let top = v.max() ?? 0
    guard let factors, top.isFinite else {
      return (0..<count).map { i in Self.logSum((0..<count).map { transitions[i * count + $0] + v[$0] }) }
    }
    let weights = v.map { CLibrary.exp($0 - top) }
    return (0..<count).map { i in
      var sum = 0.0
      for j in 0..<count { sum += factors[i * count + j] * weights[j] }
      return CLibrary.log(sum) + top + largest
    }
  }

  /// Adds e^(v_i + transitions[i, j] + w_j), which are at most 1, to counts [K, K].
  private func addPairs(_ v: [Double], _ w: [Double], to counts: inout [Double]) {
    let top = v.max() ?? 0
    guard let factors, top.isFinite else {
      for i in 0..<count {
        for j in 0..<count { counts[i * count + j] += CLibrary.exp(v[i] + transitions[i * count + j] + w[j]) }
      }
      return
    }
    let right = w.map { CLibrary.exp($0 + top + largest) }
    for i in 0..<count {
      let left = CLibrary.exp(v[i] - top)
      for j in 0..<count { counts[i * count + j] += left * factors[i * count + j] * right[j] }
    }
  }

  /// ln Σ e^score of the paths up to each step that end in each tag.
  private func forwardSums(_ scores: [[Double]]) -> [[Double]] {
    var sums: [[Double]] = []
    for row in scores {
      let before = sums.last.map(forward) ?? first
      sums.append(zip(row, before).map { $0 + $1 })
    }
    return sums
  }

  /// ln Σ e^score of all paths; 0 without steps.
  func logSum(_ scores: [[Double]]) -> Double {
    guard let end = forwardSums(scores).last else { return 0 }
    return Self.logSum(zip(end, last).map { $0 + $1 })
  }

  /// The score of a path.
  func score(_ scores: [[Double]], _ path: [Int]) -> Double {
    guard let begin = path.first, let end = path.last else { return 0 }
    var score = first[begin] + last[end]
    for (step, tag) in path.enumerated() {
      score += scores[step][tag]
      if step > 0 { score += transitions[path[step - 1] * count + tag] }
    }
    return score
  }

  /// The gradient of the log-likelihood of a path: of each step's scores, and of transitions, first and last scores one after
  /// the other: 1 where the path goes, less the probability of going there.
  func gradient(_ scores: [[Double]], _ path: [Int]) -> (scores: [[Double]], shared: [Double]) {
    var pairs = [Double](repeating: 0, count: count * count)
    let none = [Double](repeating: 0, count: count)
    guard !path.isEmpty else { return ([], pairs + none + none) }
    let sums = forwardSums(scores)
    let total = Self.logSum(zip(sums[path.count - 1], last).map { $0 + $1 })
    var rows = scores
    // ln Σ e^score of the paths from each tag on, without that of the tag's own step.
    var rest = last
    for step in path.indices.reversed() {
      rows[step] = (0..<count).map { tag in
        (tag == path[step] ? 1 : 0) - CLibrary.exp(sums[step][tag] + rest[tag] - total)
      }
      guard step > 0 else { break }
      let ahead = zip(scores[step], rest).map { $0 + $1 }
      addPairs(sums[step - 1], ahead.map { $0 - total }, to: &pairs)
      rest = backward(ahead)
    }
    pairs = pairs.map { -$0 }
    for step in path.indices.dropFirst() { pairs[path[step - 1] * count + path[step]] += 1 }
    // Of the first and last scores the gradient is that of the first and last steps.
    return (rows, pairs + rows[0] + rows[path.count - 1])
  }

  // MARK: The likeliest path

  /// The tags of the path of the largest score; of several the one of the smallest tags at the end.
  func likeliest(_ scores: [[Double]]) -> [Int] {
    guard let begin = scores.first else { return [] }
    var best = zip(first, begin).map { $0 + $1 }
    var from: [[Int]] = []
    for row in scores.dropFirst() {
      var (next, places) = (row, [Int](repeating: 0, count: count))
      for tag in 0..<count {
        var (top, place) = (best[0] + transitions[tag], 0)
        for before in 1..<max(1, count) {
          let score = best[before] + transitions[before * count + tag]
          if score > top { (top, place) = (score, before) }
        }
        next[tag] += top
        places[tag] = place
      }
      best = next
      from.append(places)
    }
    var tag = 0
    for other in 1..<max(1, count) where best[other] + last[other] > best[tag] + last[tag] { tag = other }
    var path = [tag]
    for places in from.reversed() {
      tag = places[tag]
      path.append(tag)
    }
    return path.reversed()
  }
}
