import CellgateBasics
import CellgateTensor

/// The mean of (prediction − target)², of shape []; both of one shape, 0 if that holds no numbers. The target is
/// data: no gradient flows into it.
public func meanSquaredError(_ prediction: Tensor, target: Tensor) -> Tensor {
  require(
    prediction.shape == target.shape,
    "meanSquaredError: expected a target of the prediction's shape \(prediction.shape), found \(target.shape)"
  )
  let difference = prediction - target.detached
  let squares = difference * difference
  return squares.count == 0 ? squares.sum() : squares.mean()
}
