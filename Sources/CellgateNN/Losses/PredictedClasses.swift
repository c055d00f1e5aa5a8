import CellgateBasics
import CellgateTensor

/// The class that each row of logits [.., C] predicts, the likeliest and the first of equal ones, and its probability
/// under softmax(logits).
public func predictedClasses(_ logits: Tensor) -> [(label: Int, probability: Double)] {
  guard let width = logits.shape.last, width > 0 else {
    fail("predictedClasses: expected logits [.., C], found \(logits.shape)")
  }
  let (probabilities, values) = (logits.detached.softmax().scalars, logits.scalars)
  return stride(from: 0, to: values.count, by: width).map { start in
    let label = largest(in: values[start..<start + width])
    return (label, Double(probabilities[start + label]))
  }
}

/// In how many rows of logits [.., C] the class that is predicted is the row's in `classes`.
public func correctPredictions(_ logits: Tensor, classes: some Collection<Int32>) -> Int {
  let width = logits.shape.last ?? 1
  require(
    classes.count * width == logits.count,
    "correctPredictions: expected a class for each row of logits \(logits.shape), found \(classes.count)")
  let values = logits.scalars
  return classes.enumerated().reduce(0) { right, row in
    let start = row.offset * width
    return right + (largest(in: values[start..<start + width]) == Int(row.element) ? 1 : 0)
  }
}

/// The place of the largest value of a row, the first of equal ones.
private func largest(in row: ArraySlice<Float>) -> Int {
  var best = row.startIndex
  for place in row.indices where row[place] > row[best] { best = place }
  return best - row.startIndex
}
