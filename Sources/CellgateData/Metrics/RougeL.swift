/// ROUGE-L as pycocoevalcap computes it: the longest common subsequence with the references, as a score between 0 and 1.
///
///     P = max LCS / words of the candidate      R = max LCS / words of the reference
///     ROUGE-L = (1 + β²) P R / (R + β² P),  β = 1.2
///
/// Either maximum is over the references by itself. Words are what stands between single spaces: two empty captions agree.
///
/// Source: Lin 2004, https://aclanthology.org/W04-1013
enum RougeL {
  /// The score of a candidate's parts against those of the references, one at least.
  static func score(_ candidate: [Int32], references: [[Int32]]) -> Double {
    let squaredBeta = 1.44
    var (precision, recall) = (0.0, 0.0)
    for reference in references {
      let common = Double(longestCommonSubsequence(candidate, reference))
      precision = max(precision, common / Double(candidate.count))
      recall = max(recall, common / Double(reference.count))
    }
    guard precision > 0, recall > 0 else { return 0 }
    return (1 + squaredBeta) * precision * recall / (recall + squaredBeta * precision)
  }

  /// The length of the longest sequence of words that both have in this order, with others between.
  static func longestCommonSubsequence(_ first: [Int32], _ second: [Int32]) -> Int {
    var row = [Int32](repeating: 0, count: second.count + 1)
    for word in first {
      var diagonal: Int32 = 0
      for place in second.indices {
        let above = row[place + 1]
        row[place + 1] = word == second[place] ? diagonal + 1 : max(above, row[place])
        diagonal = above
      }
    }
    return Int(row[second.count])
  }
}
