import CellgateBasics
import CellgateTensor

/// From which logit on each label is predicted, by the validation part.
struct LabelThresholds {
  /// That of each label, 0 for a probability of 0.5.
  let logits: [Float]

  /// Fewer rows that have a label say too little.
  private static let leastRows = 5

  /// Those of the largest F1 of each label, of `logits`, N rows of L, where they make the sum of accuracy and micro F1 larger; 0 where
  /// they don't, and for labels that fewer than 5 rows have.
  init(logits: [Float], labels: [[Int32]], count: Int) {
    var truth = [Bool](repeating: false, count: logits.count)
    for (row, own) in labels.enumerated() {
      for label in own where label >= 0 { truth[row * count + Int(label)] = true }
    }
    let thresholds = (0..<count).map { label in
      let places = stride(from: label, to: logits.count, by: count)
      return Self.best(places.map { logits[$0] }, places.map { truth[$0] })
    }
    func value(_ thresholds: [Float]) -> Double {
      let probabilities = labels.indices.map { row in
        (0..<count).map { logits[row * count + $0] >= thresholds[$0] ? 1.0 : 0.0 }
      }
      let scores = MultiLabelScores(probabilities: probabilities, labels: labels, count: count)
      return scores.accuracy + scores.microF1
    }
    let usual = [Float](repeating: 0, count: count)
    self.logits = value(thresholds) > value(usual) ? thresholds : usual
  }

  /// The threshold of one label: in the middle between two logits.
  private static func best(_ logits: [Float], _ isPositive: [Bool]) -> Float {
    let positives = isPositive.count { $0 }
    guard positives >= leastRows, positives < logits.count else { return 0 }
    func f1(_ right: Int, _ found: Int) -> Double { 2 * Double(right) / Double(found + positives) }
    let found = logits.indices.filter { logits[$0] >= 0 }
    var best = (f1: f1(found.count { isPositive[$0] }, found.count), threshold: Float(0))
    let order = logits.indices.sorted { logits[$0] > logits[$1] }
    var right = 0
    for (place, row) in order.enumerated() {
      if isPositive[row] { right += 1 }
      guard place + 1 < order.count, logits[order[place + 1]] < logits[row] else { continue }
      let own = f1(right, place + 1)
      let threshold = (logits[row] + logits[order[place + 1]]) / 2
      if own > best.f1 || own == best.f1 && abs(threshold) < abs(best.threshold) {
        best = (own, threshold)
      }
    }
    return best.threshold
  }
}
