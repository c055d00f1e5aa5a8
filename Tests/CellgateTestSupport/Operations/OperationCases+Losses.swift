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
        }),
      OperationCase(
        "student_t_nll",
        [Input([4, 6]), Input([4, 6], .uniform(0.5..<2)), Input([4, 6], .uniform(0.7..<9))],
        { x in
          studentTNLL(
            location: x[0], scale: x[1], degrees: x[2], target: .full(x[0].shape, 0.25),
            mask: mask(x[0].shape))
        },
        reference: { x in
          mean(x[0].shape) { place in
            let (scale, degrees) = (x[1].values[place], x[2].values[place])
            let z = (0.25 - x[0].values[place]) / scale
            let norm = tgamma((degrees + 1) / 2) / (tgamma(degrees / 2) * sqrt(Double.pi * degrees) * scale)
            return -log(norm * pow(1 + z * z / degrees, -(degrees + 1) / 2))
          }
        }),
      OperationCase(
        "negative_binomial_nll", [Input([4, 6], .uniform(0.5..<6)), Input([4, 6], .uniform(0.3..<4))],
        { x in
          negativeBinomialNLL(
            mean: x[0], shape: x[1],
            target: Tensor((0..<x[0].count).map { Float($0 % 7) }, shape: x[0].shape), mask: mask(x[0].shape))
        },
        reference: { x in
          mean(x[0].shape) { place in
            let (mean, shape, count) = (x[0].values[place], x[1].values[place], place % 7)
            // Γ(k + r) / (Γ(r) k!) as a product of k factors.
            let ways = (0..<count).reduce(1.0) { $0 * (shape + Double($1)) / Double($1 + 1) }
            let share = mean / (shape + mean)
            return -log(ways * pow(1 - share, shape) * pow(share, Double(count)))
          }
        }),
    ]
  }
}
