import CellgateBasics
import CellgateTensor

/// The quantile or pinball loss (Koenker and Bassett 1978, https://doi.org/10.2307/1913643), averaged over all numbers:
///
///     mean of max(q d, (q − 1) d),   d = t − y
///
/// prediction y, target t and `mask` of one shape, q in (0, 1). It is least where a share q of the targets lies below the
/// prediction. The mask weighs the numbers: the mean is over the sum of weights, a number of weight 0 is not looked at, and without any
/// weight, or without any number, the loss is 0. The target is data; where it equals the prediction, the gradient is that of y > t. NaN
/// gives NaN.
public func quantileLoss(
  _ prediction: Tensor, target: Tensor, quantile: Float, mask: Tensor? = nil
) -> Tensor {
  require(
    prediction.shape == target.shape && (mask == nil || mask?.shape == prediction.shape),
    "quantileLoss: expected target and mask of the prediction's shape \(prediction.shape), found target \(target.shape), mask \(mask.map { "\($0.shape)" } ?? "none")"
  )
  require(
    quantile > 0 && quantile < 1, "quantileLoss: expected a quantile between 0 and 1, found \(quantile)")
  let weights = Tensor(rowWeights(prediction.count, mask?.scalars), shape: prediction.shape)
  let (y, t) = (prediction.detached, target.detached)
  let (found, expected, weight) = unsafe (y.pointer, t.pointer, weights.pointer)
  let sum = Reduction.sum(y.count) { range in
    var sum = 0.0
    for index in range where unsafe weight[index] != 0 {
      let difference = unsafe Double(expected[index]) - Double(found[index])
      let slope = difference < 0 ? Double(quantile) - 1 : Double(quantile)
      unsafe sum += Double(weight[index]) * slope * difference
    }
    return sum
  }
  return RecordedOperation.record("quantileLoss", inputs: [prediction], outputs: [Tensor(Float(sum))]) {
    gradients, _ in
    guard let scale = gradients[0]?.item else { return [nil] }
    let result = Tensor.uninitialized(y.shape)
    let (output, found) = unsafe (result.pointer, y.pointer)
    let (expected, weight) = unsafe (t.pointer, weights.pointer)
    ThreadPool.current.run(over: y.count) { range in
      for index in range {
        let difference = unsafe expected[index] - found[index]
        let slope: Float = difference > 0 ? -quantile : difference <= 0 ? 1 - quantile : .nan
        unsafe output[index] = weight[index] == 0 ? 0 : scale * weight[index] * slope
      }
    }
    return [.tensor(result)]
  }[0]
}
