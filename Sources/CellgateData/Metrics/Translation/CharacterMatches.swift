/// How many n-grams of 1 to 6 characters a translation shares with a reference: what chrF is computed from (Popović 2015,
/// https://aclanthology.org/W15-3049), and what can be added up over sentences.
struct CharacterMatches: Sendable, Equatable {
  /// The longest n-gram.
  static let longest = 6
  /// Recall counts β² as much as precision.
  private static let beta = 2.0

  /// Of each order the n-grams of the candidate, those of the reference, and those that both have.
  private var candidate = [Int](repeating: 0, count: longest)
  private var reference = [Int](repeating: 0, count: longest)
  private var common = [Int](repeating: 0, count: longest)

  /// Those of nothing.
  init() {}

  /// Those of a candidate and the one of its references that gives the highest score, the first of equal ones.
  init(_ candidate: String, references: [String]) {
    let own = Self.counts(candidate)
    var best: (matches: CharacterMatches, score: Double)?
    for reference in references {
      let matches = CharacterMatches(own, Self.counts(reference))
      if let best, matches.score <= best.score { continue }
      best = (matches, matches.score)
    }
    self = best?.matches ?? CharacterMatches()
  }

  private init(_ own: [[Gram: Int]], _ other: [[Gram: Int]]) {
    for order in own.indices {
      reference[order] = other[order].values.reduce(0, +)
      // What has no n-grams to be compared with counts for nothing.
      guard reference[order] > 0 else { continue }
      for (gram, count) in own[order] {
        candidate[order] += count
        common[order] += min(count, other[order][gram] ?? 0)
      }
    }
  }

  /// Adds those of another sentence.
  mutating func add(_ other: CharacterMatches) {
    for order in common.indices {
      candidate[order] += other.candidate[order]
      reference[order] += other.reference[order]
      common[order] += other.common[order]
    }
  }

  /// chrF2 from 0 to 100: the F-score of the means of precision and recall over the orders that both have.
  var score: Double {
    var (precision, recall, orders) = (0.0, 0.0, 0)
    for order in common.indices where candidate[order] > 0 && reference[order] > 0 {
      precision += Double(common[order]) / Double(candidate[order])
      recall += Double(common[order]) / Double(reference[order])
      orders += 1
    }
    guard orders > 0, precision + recall > 0 else { return 0 }
    precision /= Double(orders)
    recall /= Double(orders)
    let square = Self.beta * Self.beta
    return 100 * ((1 + square) * precision * recall / (square * precision + recall))
  }

  // MARK: N-grams

  /// Up to 6 characters, each with its code point and 1 in 21 bits.
  private typealias Gram = SIMD2<UInt64>

  /// How often each n-gram stands in a text without its spaces, by order.
  private static func counts(_ text: String) -> [[Gram: Int]] {
    let codes = text.unicodeScalars.lazy.filter { !TokenizedCaption.isPythonSpace($0) }
      .map { UInt64($0.value) + 1 }
    let all = Array(codes)
    var counts = [[Gram: Int]](repeating: [:], count: longest)
    for start in all.indices {
      var gram = Gram(0, 0)
      for order in 0..<min(longest, all.count - start) {
        gram[order / 3] |= all[start + order] << UInt64(21 * (order % 3))
        counts[order][gram, default: 0] += 1
      }
    }
    return counts
  }
}
