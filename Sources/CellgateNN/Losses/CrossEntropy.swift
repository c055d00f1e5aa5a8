import CellgateBasics
import CellgateKernels
import CellgateTensor

/// The cross-entropy of classes under softmax(logits), in nats, averaged over the rows:
///
///     mean over n of −Σ_c q_c ln softmax(logits_n)_c,   q = (1 − ε) onehot(class_n) + ε / C
///
/// logits [.., C], N rows in all; classes [N], each in 0 ..< C; ε is `labelSmoothing`. `mask` [N] weighs the
/// rows: the mean is over the sum of weights, a row of weight 0 is not looked at (its class may be
/// anything), and without any weight, or without any row, the loss is 0. Finite logits of any size are safe; NaN gives NaN.
public func crossEntropy(
  _ logits: Tensor, classes: [Int32], mask: [Float]? = nil, labelSmoothing: Float = 0
) -> Tensor {
  guard let width = logits.shape.last, width > 0 else {
    fail("crossEntropy: expected logits [.., C], found \(logits.shape)")
  }
  let rows = logits.count / width
  require(
    classes.count == rows,
    "crossEntropy: expected \(rows) classes for logits \(logits.shape), found \(classes.count)")
  require(
    mask == nil || mask?.count == rows,
    "crossEntropy: expected a mask of \(rows) rows, found \(mask?.count ?? 0)")
  require(
    labelSmoothing >= 0 && labelSmoothing <= 1,
    "crossEntropy: expected label smoothing in 0...1, found \(labelSmoothing)")
  return crossEntropy(
    logits, classes: classes, weights: rowWeights(rows, mask), labelSmoothing: labelSmoothing)
}

/// As `crossEntropy(_:classes:mask:labelSmoothing:)`, the sum over rows that is weighed by `weights` [N], which may be
/// negative.
func crossEntropy(
  _ logits: Tensor, classes: [Int32], weights: [Float], labelSmoothing: Float = 0
) -> Tensor {
  let width = logits.shape.last ?? 1
  for (row, label) in classes.enumerated() where weights[row] != 0 {
    require(
      label >= 0 && Int(label) < width,
      "crossEntropy: row \(row): expected a class in 0..<\(width), found \(label)")
  }
  let rule = CrossEntropy(width: width, classes: classes, weights: weights, smoothing: labelSmoothing)
  let (sum, probabilities) = rule.loss(logits)
  let loss = Tensor(Float(sum))
  return RecordedOperation.record("crossEntropy", inputs: [logits], outputs: [loss]) { gradients, _ in
    [gradients[0].map { .tensor(rule.gradient(probabilities, scale: $0.item)) }]
  }[0]
}

/// Each row's share in a mean over rows that are weighed by `mask`.
func rowWeights(_ count: Int, _ mask: [Float]?) -> [Float] {
  guard let mask else { return [Float](repeating: 1 / Float(max(count, 1)), count: count) }
  let total = mask.reduce(0.0) { $0 + Double($1) }
  return mask.map { total == 0 ? 0 : Float(Double($0) / total) }
}

/// The two directions of the loss, row by row.
private struct CrossEntropy {
  let width: Int
  let classes: [Int32]
  let weights: [Float]
  let smoothing: Float

  private var grain: Int { max(1, (1 << 14) / width) }

  /// The loss, and softmax(logits).
  func loss(_ logits: Tensor) -> (loss: Double, probabilities: Tensor) {
    var terms = [Double](repeating: 0, count: weights.count)
    let x = unsafe UnsafePointer(logits.pointer)
    let probabilities = unsafe terms.withUnsafeMutableBufferPointer { terms in
      nonisolated(unsafe) let terms = unsafe terms
      return SoftmaxRows.forward(logits) { row, largest, sum in
        guard weights[row] != 0 else { return }
        let loss = unsafe rowLoss(x + row * width, row, logarithm: Double(largest) + log(sum))
        unsafe terms[row] = Double(weights[row]) * loss
      }
    }
    return (terms.reduce(0, +), probabilities)
  }

  /// The loss of a row of logits x, with ln Σ eˣ.
  private func rowLoss(_ x: UnsafePointer<Float>, _ row: Int, logarithm: Double) -> Double {
    let own = unsafe logarithm - Double(x[Int(classes[row])])
    guard smoothing > 0 else { return own }
    let mean = unsafe logarithm - cg_sum(width, x) / Double(width)
    return (1 - Double(smoothing)) * own + Double(smoothing) * mean
  }

  /// scale · weight · (softmax − q).
  func gradient(_ probabilities: Tensor, scale: Float) -> Tensor {
    let result = Tensor.uninitialized(probabilities.shape)
    let (input, output) = unsafe (probabilities.pointer, result.pointer)
    let share = smoothing / Float(width)
    ThreadPool.current.run(over: weights.count, grain: grain) { range in
      for row in range {
        let (p, g) = unsafe (input + row * width, output + row * width)
        guard weights[row] != 0 else {
          unsafe g.update(repeating: 0, count: width)
          continue
        }
        let factor = scale * weights[row]
        for column in 0..<width { unsafe g[column] = factor * (p[column] - share) }
        unsafe g[Int(classes[row])] -= factor * (1 - smoothing)
      }
    }
    return result
  }
}
