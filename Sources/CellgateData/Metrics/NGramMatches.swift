/// How many n-grams of 1 to 4 words a candidate shares with its references, and their lengths: what every kind of BLEU is
/// computed from, and what can be added up over candidates.
struct NGramMatches: Sendable, Equatable {
  /// Of each order the n-grams that a reference has too, each at most as often as in one reference.
  private(set) var correct = [Int](repeating: 0, count: NGram.longest)
  /// Of each order the n-grams of the candidate.
  private(set) var guessed = [Int](repeating: 0, count: NGram.longest)
  /// Words of the candidate, and of the reference of the closest length, the shorter of two.
  private(set) var candidateLength = 0, referenceLength = 0

  /// Those of nothing.
  init() {}

  /// Those of a candidate and its references, one at least.
  init(_ candidate: [Int32], references: [[Int32]]) {
    var most: [NGram: Int] = [:]
    for reference in references {
      for (gram, count) in NGram.counts(reference) { most[gram] = max(most[gram] ?? 0, count) }
    }
    candidateLength = candidate.count
    for (gram, count) in NGram.counts(candidate) { correct[gram.order] += min(most[gram] ?? 0, count) }
    for order in guessed.indices { guessed[order] = max(0, candidate.count - order) }
    let lengths = references.map(\.count)
    referenceLength =
      lengths.min { (abs($0 - candidateLength), $0) < (abs($1 - candidateLength), $1) } ?? 0
  }

  /// Adds those of another candidate.
  mutating func add(_ other: NGramMatches) {
    for order in correct.indices {
      correct[order] += other.correct[order]
      guessed[order] += other.guessed[order]
    }
    candidateLength += other.candidateLength
    referenceLength += other.referenceLength
  }
}
