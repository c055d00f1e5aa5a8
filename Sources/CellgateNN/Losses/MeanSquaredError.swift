import CellgateTensor

/// The mean of (prediction − target)², of shape []; both of one shape. The target is data: no gradient
/// flows into it.
public func meanSquaredError(_ prediction: Tensor, target: Tensor) -> Tensor {
  precondition(
    prediction.shape == target.shape,
    "meanSquaredError: a prediction \(prediction.shape) of a target \(target.shape)")
  let difference = prediction - target.detached
  return (difference * difference).mean()
}
