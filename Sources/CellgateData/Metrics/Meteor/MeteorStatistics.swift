import CellgateBasics

/// What METEOR counts of a candidate and a reference, and the score of it.
struct MeteorStatistics: Sendable, Equatable {
  /// The words of either text, and those of them that are function words.
  var candidateCount = 0, referenceCount = 0
  var candidateFunctions = 0, referenceFunctions = 0
  /// Matched words of each module in either text, content words and function words.
  var candidateContentMatches = [0, 0, 0, 0], referenceContentMatches = [0, 0, 0, 0]
  var candidateFunctionMatches = [0, 0, 0, 0], referenceFunctionMatches = [0, 0, 0, 0]
  /// Runs of matches that are neighbours in both texts.
  var chunks = 0
  var candidateMatched = 0, referenceMatched = 0

  /// Adds the counts of other texts.
  mutating func add(_ other: MeteorStatistics) {
    candidateCount += other.candidateCount
    referenceCount += other.referenceCount
    candidateFunctions += other.candidateFunctions
    referenceFunctions += other.referenceFunctions
    for module in MeteorModule.allCases.indices {
      candidateContentMatches[module] += other.candidateContentMatches[module]
      referenceContentMatches[module] += other.referenceContentMatches[module]
      candidateFunctionMatches[module] += other.candidateFunctionMatches[module]
      referenceFunctionMatches[module] += other.referenceFunctionMatches[module]
    }
    // A candidate that is its reference adds none, as METEOR does it.
    if !other.isWhole { chunks += other.chunks }
    candidateMatched += other.candidateMatched
    referenceMatched += other.referenceMatched
  }

  /// Whether every word of both texts is matched, in one chunk.
  private var isWhole: Bool {
    candidateMatched == candidateCount && referenceMatched == referenceCount && chunks == 1
  }

  /// The score, 0 to 1.
  var score: Double {
    let (alpha, beta, gamma, delta) = (0.85, 0.2, 0.6, 0.75)
    func share(_ content: [Int], _ functions: [Int], _ count: Int, _ functionCount: Int) -> Double {
      var matched = 0.0
      for module in MeteorModule.allCases {
        let index = module.rawValue
        matched += module.weight * (delta * Double(content[index]) + (1 - delta) * Double(functions[index]))
      }
      let all = delta * Double(count - functionCount) + (1 - delta) * Double(functionCount)
      return all > 0 ? matched / all : 0
    }
    let precision = share(
      candidateContentMatches, candidateFunctionMatches, candidateCount, candidateFunctions)
    let recall = share(
      referenceContentMatches, referenceFunctionMatches, referenceCount, referenceFunctions)
    let mean = precision * recall / (alpha * precision + (1 - alpha) * recall)
    guard mean > 0 else { return 0 }
    // A text that is the same has no penalty.
    let fragmentation = isWhole ? 0 : Double(chunks) / (Double(candidateMatched + referenceMatched) / 2)
    return mean * (1 - gamma * pow(fragmentation, beta))
  }
}
