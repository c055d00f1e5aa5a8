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
  private var matches: NGramMatches

  /// The counts of no picture.
  init() { matches = NGramMatches() }

  /// The counts of a picture: its candidate and references, one at least.
  init(_ candidate: [Int32], references: [[Int32]]) {
    matches = NGramMatches(candidate, references: references)
  }

  /// Adds the counts of another picture.
  mutating func add(_ other: CaptionBLEU) { matches.add(other.matches) }

  /// BLEU-1 to 4.
  var scores: [Double] {
    let (small, tiny) = (1e-9, 1e-15)
    let ratio = (Double(matches.candidateLength) + tiny) / (Double(matches.referenceLength) + small)
    let brevity = ratio < 1 ? exp(1 - 1 / ratio) : 1
    var product = 1.0
    return zip(matches.correct, matches.guessed).enumerated().map { order, counts in
      product *= (Double(counts.0) + tiny) / (Double(counts.1) + small)
      return pow(product, 1 / Double(order + 1)) * brevity
    }
  }
}
