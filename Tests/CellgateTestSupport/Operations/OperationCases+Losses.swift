import CellgateNN
import CellgateTensor
import Foundation

extension OperationCase {
  /// Losses of forecasts, the numbers weighed 0, 1 and 2 in turn.
  static var losses: [OperationCase] {
    @Sendable func weights(_ shape: [Int]) -> [Double] {
      (0..<shape.reduce(1, *)).map { Double($0 % 3) }
    }
    @Sendable func mask(_ shape: [Int]) -> Tensor { Tensor(weights(shape).map { Float($0) }, shape: shape) }
    @Sendable func mean(_ shape: [Int], _ value: (Int) -> Double) -> DoubleArray {
      let weights = weights(shape)
      let sum = weights.indices.reduce(0.0) { $0 + weights[$1] * value($1) }
      return DoubleArray([], [sum / weights.reduce(0, +)])
    }
    let quantiles = [0.1, 0.5, 0.9].map { quantile in
      OperationCase(
        "quantile_loss_\(quantile)", [Input([4, 6], .apart)],
        { x in
          quantileLoss(x[0], target: .zeros(x[0].shape), quantile: Float(quantile), mask: mask(x[0].shape))
        },
        reference: { x in
          mean(x[0].shape) { place in
            let difference = 0 - x[0].values[place]
            return max(quantile * difference, (quantile - 1) * difference)
          }
        })
    }
    return quantiles + [
      OperationCase(
        "gaussian_nll", [Input([4, 6]), Input([4, 6], .uniform(0.5..<2))],
        { x in
          gaussianNLL(
            mean: x[0], variance: x[1], target: .full(x[0].shape, 0.25), mask: mask(x[0].shape))
        },
        reference: { x in
          mean(x[0].shape) { place in
            let (difference, variance) = (0.25 - x[0].values[place], x[1].values[place])
            return 0.5 * (log(2 * Double.pi * variance) + difference * difference / variance)
          }
        })
    ]
  }
}
