import CellgateBasics

/// CIDEr: how much a caption's n-grams are those of the references, each weighed by how few pictures have it.
///
///     gₙ(c)[w] = count of w in c · (log N − log max(1, pictures whose references have w))
///     CIDEr   = 10 · mean over n = 1…4 and the references r of  gₙ(c) · gₙ(r) / (‖gₙ(c)‖ ‖gₙ(r)‖)
///     CIDEr-D = the same with min(gₙ(c), gₙ(r)) · gₙ(r), and times exp(−(l(c) − l(r))² / 72)
///
/// N is the number of pictures, l the number of pairs of neighbouring words: as pycocoevalcap does it, and one less than the
/// paper's length. Of one picture alone every weight is log 1 and so every score 0.
///
/// ```swift
/// let cider = CIDEr(documents: references)     // [picture][reference][word]
/// let reward = cider.score(words, references: references[picture])
/// ```
///
/// A value is made once, of the references whose document frequencies are to be used, such as the training captions' for a
/// reward, and then scores any candidate. Words are numbers.
///
/// Source: Vedantam, Zitnick and Parikh 2015, https://arxiv.org/abs/1411.5726
public struct CIDEr: Sendable {
  /// Which of the two scores is meant.
  public enum Kind: Sendable {
    /// CIDEr-D, which pycocoevalcap calls CIDEr.
    case d
    /// CIDEr without clipping and without the penalty of lengths.
    case plain
  }

  /// Which score it is.
  public let kind: Kind
  private let logCount: Double
  private let frequencies: [NGram: Int32]

  /// Takes the document frequencies of the references of each picture, `documents[picture][reference][word]`; with no
  /// picture every score is 0.
  public init(documents: [[[Int32]]], kind: Kind = .d) {
    var frequencies: [NGram: Int32] = [:]
    for references in documents {
      var grams: Set<NGram> = []
      for reference in references { grams.formUnion(NGram.counts(reference).keys) }
      for gram in grams { frequencies[gram, default: 0] += 1 }
    }
    self.init(frequencies: frequencies, logCount: log(Double(max(1, documents.count))), kind: kind)
  }

  private init(frequencies: [NGram: Int32], logCount: Double, kind: Kind) {
    (self.frequencies, self.logCount, self.kind) = (frequencies, logCount, kind)
  }

  /// The score of the other kind with the same document frequencies.
  public func asKind(_ kind: Kind) -> CIDEr {
    CIDEr(frequencies: frequencies, logCount: logCount, kind: kind)
  }

  /// The score, 0 to 10, of a candidate against references, one at least.
  public func score(_ candidate: [Int32], references: [[Int32]]) -> Double {
    require(!references.isEmpty, "CIDEr: expected one reference at least, found none")
    let own = vector(of: candidate)
    var sum = 0.0
    for reference in references { sum += similarity(own, vector(of: reference)) }
    return sum / Double(NGram.longest) / Double(references.count) * 10
  }

  private struct Vector {
    var weights: [NGram: Double] = [:]
    var norms = SIMD4<Double>.zero
    var pairs = 0
  }

  private func vector(of words: [Int32]) -> Vector {
    var vector = Vector(pairs: max(0, words.count - 1))
    let counts = NGram.counts(words)
    vector.weights.reserveCapacity(counts.count)
    for (gram, count) in counts {
      let weight = Double(count) * (logCount - log(Double(max(1, frequencies[gram] ?? 0))))
      vector.weights[gram] = weight
      vector.norms[gram.order] += weight * weight
    }
    vector.norms = vector.norms.squareRoot()
    return vector
  }

  private func similarity(_ candidate: Vector, _ reference: Vector) -> Double {
    var products = SIMD4<Double>.zero
    for (gram, weight) in candidate.weights {
      guard let other = reference.weights[gram] else { continue }
      products[gram.order] += (kind == .d ? min(weight, other) : weight) * other
    }
    var sum = 0.0
    for order in 0..<NGram.longest {
      let norm = candidate.norms[order] * reference.norms[order]
      sum += norm == 0 ? products[order] : products[order] / norm
    }
    guard kind == .d else { return sum }
    let difference = Double(candidate.pairs - reference.pairs)
    return sum * exp(-difference * difference / 72)
  }
}
