import CellgateBasics
import CellgateTensor

/// The cross-entropy of targets in [0, 1] under σ(logits), in nats, averaged over all numbers:
///
///     mean of max(x, 0) − x t + ln(1 + e^−|x|)
///
/// logits, targets and `mask` of one shape. The mask weighs the numbers: the mean is over the sum of
/// weights, a number of weight 0 is not looked at, and without any weight, or without any number, the loss is 0. The targets are data.
/// Finite logits of any size are safe; NaN gives NaN.
public func binaryCrossEntropy(_ logits: Tensor, targets: Tensor, mask: Tensor? = nil) -> Tensor {
  require(
    logits.shape == targets.shape && (mask == nil || mask?.shape == logits.shape),
    "binaryCrossEntropy: expected targets and mask of the logits' shape \(logits.shape), found targets \(targets.shape), mask \(mask.map { "\($0.shape)" } ?? "none")"
  )
  let weights = Tensor(rowWeights(logits.count, mask?.scalars), shape: logits.shape)
  let (x, t) = (logits.detached, targets.detached)
  let (input, target, weight) = unsafe (x.pointer, t.pointer, weights.pointer)
  let sum = Reduction.sum(x.count) { range in
    var sum = 0.0
    for index in range where unsafe weight[index] != 0 {
      let (x, t) = unsafe (Double(input[index]), Double(target[index]))
      unsafe sum += Double(weight[index]) * ((x < 0 ? 0 : x) - x * t + log1p(exp(-abs(x))))
    }
    return sum
  }
  return RecordedOperation.record("binaryCrossEntropy", inputs: [logits], outputs: [Tensor(Float(sum))]) {
    gradients, _ in
    guard let scale = gradients[0]?.item else { return [nil] }
    let (result, probabilities) = (Tensor.uninitialized(x.shape), x.sigmoid())
    let (output, p) = unsafe (result.pointer, probabilities.pointer)
    let (target, weight) = unsafe (t.pointer, weights.pointer)
    ThreadPool.current.run(over: x.count) { range in
      for index in range {
        unsafe output[index] =
          weight[index] == 0 ? 0 : scale * weight[index] * (p[index] - target[index])
      }
    }
    return [.tensor(result)]
  }[0]
}
