import CellgateBasics

/// BLEU-1 to 4 as pycocoevalcap computes it, from counts that can be added up.
///
///     pₙ = (matches of n-grams, each at most as often as in one reference + 10⁻¹⁵) / (n-grams of the candidate + 10⁻⁹)
///     BLEU-N = (p₁ ⋯ p_N)^(1/N) · min(1, exp(1 − r/c))
///
/// c is the length of the candidate, r that of the reference with the closest length, the shorter of two. The score of a
/// set of pictures is that of the sums. The small numbers make a score of a picture without a match tiny and not 0.
///
/// Source: Papineni et al. 2002, https://aclanthology.org/P02-1040
struct CaptionBLEU: Sendable {
  private var correct = [Int](repeating: 0, count: NGram.longest)
  private var guessed = [Int](repeating: 0, count: NGram.longest)
  private var candidateLength = 0, referenceLength = 0

  /// The counts of no picture.
  init() {}

  /// The counts of a picture: its candidate and references, one at least.
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

  /// Adds the counts of another picture.
  mutating func add(_ other: CaptionBLEU) {
    for order in correct.indices {
      correct[order] += other.correct[order]
      guessed[order] += other.guessed[order]
    }
    candidateLength += other.candidateLength
    referenceLength += other.referenceLength
  }

  /// BLEU-1 to 4.
  var scores: [Double] {
    let (small, tiny) = (1e-9, 1e-15)
    let ratio = (Double(candidateLength) + tiny) / (Double(referenceLength) + small)
    let brevity = ratio < 1 ? exp(1 - 1 / ratio) : 1
    var product = 1.0
    return correct.indices.map { order in
      product *= (Double(correct[order]) + tiny) / (Double(guessed[order]) + small)
      return pow(product, 1 / Double(order + 1)) * brevity
    }
  }
}
