import CellgateBasics

/// What predicted probabilities are worth against the true classes.
public struct ClassScores: Sendable, Equatable {
  /// The share of right answers.
  public let accuracy: Double
  /// The mean over the classes, and that over the examples, of each class's F1, 2 right / (2 right + wrong + missed); 0 of a
  /// class that is neither there nor predicted.
  public let macroF1: Double, weightedF1: Double
  /// The area below the curve of true against false positives: how likely an example of a class gets a larger probability of it
  /// than one of another; the mean over the classes that are there, 0.5 where only one is.
  public let auc: Double
  /// The mean precision of a class at the ranks of its examples, those of larger probability first; the mean over the classes that
  /// are there, 0 where none is.
  public let averagePrecision: Double
  /// The expected calibration error: by how much the probability of the predicted class differs from the share of right answers, in
  /// 15 bins of equal width (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
  public let calibrationError: Double
  /// The mean of −ln p of the true class, p at least 1e-15.
  public let logLoss: Double
  /// How many examples of each class, a row each, were predicted as each.
  public let confusion: [[Int]]
  /// F1 of each class.
  public let f1: [Double]

  /// Scores of `probabilities`, a row of C for each example; an example of class -1 counts as wrong for every class.
  public init(probabilities: [[Double]], classes: [Int32], count: Int) {
    require(
      probabilities.count == classes.count,
      "ClassScores: expected a row for each of \(classes.count) examples, found \(probabilities.count)")
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: count), count: count)
    var (right, loss) = (0, 0.0)
    var predictedCounts = [Int](repeating: 0, count: count)
    for (row, label) in zip(probabilities, classes) {
      let predicted = row.indices.max { (row[$0], $1) < (row[$1], $0) } ?? 0
      predictedCounts[predicted] += 1
      guard label >= 0 else {
        loss -= log(1e-15)
        continue
      }
      confusion[Int(label)][predicted] += 1
      if predicted == Int(label) { right += 1 }
      loss -= log(max(row[Int(label)], 1e-15))
    }
    let total = Double(classes.count)
    accuracy = Double(right) / total
    logLoss = loss / total
    self.confusion = confusion
    let sizes = confusion.map { $0.reduce(0, +) }
    let f1 = (0..<count).map { label in
      let both = sizes[label] + predictedCounts[label]
      return both > 0 ? 2 * Double(confusion[label][label]) / Double(both) : 0
    }
    self.f1 = f1
    let there = (0..<count).filter { sizes[$0] + predictedCounts[$0] > 0 }
    macroF1 = there.reduce(0) { $0 + f1[$1] } / Double(there.count)
    weightedF1 = (0..<count).reduce(0) { $0 + f1[$1] * Double(sizes[$1]) } / total
    let areas = (0..<count).compactMap { label in
      Self.area(probabilities.map { $0[label] }, classes.map { $0 == Int32(label) })
    }
    auc = areas.isEmpty ? 0.5 : areas.reduce(0, +) / Double(areas.count)
    let precisions = (0..<count).compactMap { label in
      Self.precision(probabilities.map { $0[label] }, classes.map { $0 == Int32(label) })
    }
    averagePrecision = precisions.isEmpty ? 0 : precisions.reduce(0, +) / Double(precisions.count)
    calibrationError = Self.calibrationError(probabilities, classes)
  }

  /// The mean over the positive ones of the precision down to their score, examples of equal scores coming together; nil without
  /// any.
  static func precision(_ scores: [Double], _ isPositive: [Bool]) -> Double? {
    let positives = isPositive.count { $0 }
    guard positives > 0 else { return nil }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var (sum, found, start) = (0.0, 0, 0)
    while start < order.count {
      var end = start
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let own = order[start..<end].count { isPositive[$0] }
      found += own
      sum += Double(own) * Double(found) / Double(end)
      start = end
    }
    return sum / Double(positives)
  }

  private static let bins = 15

  private static func calibrationError(_ probabilities: [[Double]], _ classes: [Int32]) -> Double {
    var gaps = [Double](repeating: 0, count: bins)
    for (row, label) in zip(probabilities, classes) {
      let predicted = row.indices.max { (row[$0], $1) < (row[$1], $0) } ?? 0
      let bin = max(0, min(bins - 1, Int((row[predicted] * Double(bins)).rounded(.up)) - 1))
      gaps[bin] += row[predicted] - (predicted == Int(label) ? 1 : 0)
    }
    return gaps.reduce(0) { $0 + abs($1) } / Double(max(classes.count, 1))
  }

  /// The area by the ranks of the positive ones, equal scores having their mean rank; nil without examples of both kinds.
  static func area(_ scores: [Double], _ isPositive: [Bool]) -> Double? {
    let positives = isPositive.count { $0 }
    let negatives = scores.count - positives
    guard positives > 0, negatives > 0 else { return nil }
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    var (ranks, start) = (0.0, 0)
    while start < order.count {
      var end = start
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let rank = Double(start + end + 1) / 2
      ranks += rank * Double(order[start..<end].count { isPositive[$0] })
      start = end
    }
    return (ranks - Double(positives * (positives + 1)) / 2) / Double(positives * negatives)
  }

  /// A metric by its name.
  func value(_ name: String) -> Double {
    switch name {
    case "accuracy": accuracy
    case "macro_f1": macroF1
    case "weighted_f1": weightedF1
    case "auc": auc
    case "average_precision": averagePrecision
    case "ece": calibrationError
    default: logLoss
    }
  }
}
