import CellgateBasics

/// What translations score against references: BLEU (Papineni et al. 2002, https://aclanthology.org/P02-1040) and chrF2 (Popović
/// 2015, https://aclanthology.org/W15-3049), with the numbers of sacreBLEU 2 (Post 2018, https://aclanthology.org/W18-6319).
///
/// ```swift
/// let metrics = TranslationMetrics(
///   candidates: ["the cat sat on the mat"], references: [["the cat is on the mat", "a cat sat on the mat"]])
/// print(metrics.bleu, metrics.chrF, metrics.signature)
/// ```
///
/// Both lie between 0 and 100. BLEU is that of all sentences together,
///
///     BLEU = min(1, exp(1 − r/c)) (p₁ p₂ p₃ p₄)^(1/4)
///
/// where c are the words of the candidates, r those of the references of the closest lengths, and pₙ the share of their n-grams of
/// n words that a reference has; where a pₙ is 0 it is 1/2 of an n-gram, then 1/4 and so on ("exp" smoothing).
public struct TranslationMetrics: Sendable, Equatable {
  /// BLEU, 0 to 100.
  public let bleu: Double
  /// p₁ to p₄ in percent.
  public let precisions: [Double]
  /// min(1, exp(1 − r/c)).
  public let brevityPenalty: Double
  /// c and r.
  public let candidateLength: Int, referenceLength: Int
  /// chrF2 of up to 6 characters, without spaces and without words, 0 to 100.
  public let chrF: Double
  /// How BLEU was computed, as sacreBLEU writes it, without its version: "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp".
  public let signature: String
  /// The same of chrF: "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no".
  public let chrFSignature: String

  /// Scores a translation of each sentence against its references, one or more for each.
  ///
  /// - Parameters:
  ///   - tokenizer: how BLEU's words are found.
  ///   - isLowercased: whether capital letters count as small ones.
  public init(
    candidates: [String], references: [[String]], tokenizer: TranslationTokenizer = .mteval13a,
    isLowercased: Bool = false
  ) {
    require(
      candidates.count == references.count && references.allSatisfy { !$0.isEmpty },
      "TranslationMetrics: expected references for each of \(candidates.count) candidates, found \(references.count) lists of which \(references.count(where: \.isEmpty)) are empty"
    )
    func form(_ text: String) -> String { isLowercased ? TranslationTokenizer.lowercased(text) : text }
    var numbers: [[UInt8]: Int32] = [:]
    func words(_ text: String) -> [Int32] {
      tokenizer.words(of: text).map { word in
        // Words are equal where their code points are.
        let key = Array(word.utf8)
        if let known = numbers[key] { return known }
        let new = Int32(numbers.count)
        numbers[key] = new
        return new
      }
    }
    var (matches, characters) = (NGramMatches(), CharacterMatches())
    for (candidate, others) in zip(candidates, references) {
      let (own, others) = (form(candidate), others.map(form))
      matches.add(NGramMatches(words(own), references: others.map(words)))
      characters.add(CharacterMatches(own, references: others))
    }
    (candidateLength, referenceLength) = (matches.candidateLength, matches.referenceLength)
    brevityPenalty = Self.brevityPenalty(matches)
    precisions = Self.precisions(matches)
    let logarithm = precisions.reduce(0) { $0 + ($1 > 0 ? log($1) : -9_999_999_999) }
    bleu = matches.correct.allSatisfy { $0 == 0 } ? 0 : brevityPenalty * exp(logarithm / 4)
    chrF = characters.score
    let counts = Set(references.map(\.count))
    let number = counts.count > 1 ? "var" : "\(counts.first ?? 0)"
    let both = "nrefs:\(number)|case:\(isLowercased ? "lc" : "mixed")"
    signature = both + "|eff:no|tok:\(tokenizer.rawValue)|smooth:exp"
    chrFSignature = both + "|eff:yes|nc:\(CharacterMatches.longest)|nw:0|space:no"
  }

  private static func brevityPenalty(_ matches: NGramMatches) -> Double {
    guard matches.candidateLength < matches.referenceLength else { return 1 }
    guard matches.candidateLength > 0 else { return 0 }
    return exp(1 - Double(matches.referenceLength) / Double(matches.candidateLength))
  }

  private static func precisions(_ matches: NGramMatches) -> [Double] {
    var precisions = [0.0, 0, 0, 0]
    guard matches.correct.contains(where: { $0 > 0 }) else { return precisions }
    var smoothing = 1.0
    for (order, (correct, guessed)) in zip(matches.correct, matches.guessed).enumerated() {
      guard guessed > 0 else { break }
      if correct == 0 { smoothing *= 2 }
      precisions[order] =
        correct == 0 ? 100 / (smoothing * Double(guessed)) : 100 * Double(correct) / Double(guessed)
    }
    return precisions
  }
}
