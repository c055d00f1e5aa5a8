import CellgateBasics

/// What predicted sets of labels are worth against the true ones.
public struct MultiLabelScores: Sendable, Equatable {
  /// The share of rows whose labels are all right, none missing and none too many.
  public let accuracy: Double
  /// F1, 2 right / (found + expected), of all labels of all rows together, and the mean of each label's; over the labels that are
  /// there or predicted, 0 without any.
  public let microF1: Double, macroF1: Double
  /// The share of wrong answers among all labels of all rows.
  public let hammingLoss: Double
  /// The area below the curve of true against false positives, and the mean precision at the ranks of a label's rows, as in
  /// ``ClassScores``: the means over the labels for which there are some.
  public let auc: Double, averagePrecision: Double
  /// The mean of −ln of the probability of the right answer over all labels of all rows, at least 1e-15.
  public let logLoss: Double
  /// Of each label its F1, nil where it is neither there nor predicted, and its AUC, nil where all rows or none have it.
  public let f1: [Double?], areas: [Double?]

  /// Scores of `probabilities`, a row of L for each example, a label being predicted from 0.5 on. A true label of -1 is one that the
  /// model doesn't have: it is missed.
  public init(probabilities: [[Double]], labels: [[Int32]], count: Int) {
    require(
      probabilities.count == labels.count,
      "MultiLabelScores: expected a row for each of \(labels.count) examples, found \(probabilities.count)")
    var (right, found) = ([Int](repeating: 0, count: count), [Int](repeating: 0, count: count))
    var expected = found
    var (exact, wrong, unknown, loss) = (0, 0, 0, 0.0)
    let truth = labels.map { own in
      var row = [Bool](repeating: false, count: count)
      for label in own where label >= 0 { row[Int(label)] = true }
      return row
    }
    for ((row, own), isTrue) in zip(zip(probabilities, labels), truth) {
      let missing = own.count { $0 < 0 }
      unknown += missing
      var errors = 0
      for label in 0..<count {
        let isFound = row[label] >= Self.bound
        if isFound { found[label] += 1 }
        if isTrue[label] { expected[label] += 1 }
        if isFound && isTrue[label] { right[label] += 1 }
        if isFound != isTrue[label] { errors += 1 }
        loss -= CLibrary.log(max(isTrue[label] ? row[label] : 1 - row[label], 1e-15))
      }
      wrong += errors
      if errors == 0 && missing == 0 { exact += 1 }
    }
    let rows = Double(max(labels.count, 1))
    let cells = rows * Double(max(count, 1))
    accuracy = Double(exact) / rows
    hammingLoss = Double(wrong) / cells
    logLoss = loss / cells
    func score(_ right: Int, _ both: Int) -> Double? { both > 0 ? 2 * Double(right) / Double(both) : nil }
    func mean(_ values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    microF1 =
      score(right.reduce(0, +), found.reduce(0, +) + expected.reduce(0, +) + unknown) ?? 0
    f1 = (0..<count).map { score(right[$0], found[$0] + expected[$0]) }
    macroF1 = mean(f1) ?? 0
    areas = (0..<count).map { label in
      ClassScores.area(probabilities.map { $0[label] }, truth.map { $0[label] })
    }
    auc = mean(areas) ?? 0.5
    averagePrecision =
      mean(
        (0..<count).map { label in
          ClassScores.precision(probabilities.map { $0[label] }, truth.map { $0[label] })
        }) ?? 0
  }

  /// The probability from which on a label is predicted.
  static let bound = 0.5

  /// A metric by its name.
  func value(_ name: String) -> Double {
    switch name {
    case "accuracy": accuracy
    case "micro_f1": microF1
    case "macro_f1": macroF1
    case "hamming_loss": hammingLoss
    case "auc": auc
    case "average_precision": averagePrecision
    default: logLoss
    }
  }
}
