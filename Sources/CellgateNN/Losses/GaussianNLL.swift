import CellgateBasics
import CellgateTensor

/// The negative log-likelihood of targets under normal distributions, in nats, averaged over all
/// numbers (Nix and Weigend 1994, https://doi.org/10.1109/ICNN.1994.374138):
///
///     mean of ½ (ln 2π + ln v + (t − μ)² / v),   v = max(variance, ε)
///
/// mean μ, variance, target t and `mask` of one shape. Where a variance is below ε, its gradient
/// is that at ε, as in PyTorch. The mask weighs the numbers: the mean is over the sum of weights, a number of weight 0 is not looked at,
/// and without any weight, or without any number, the loss is 0. The target is data. NaN gives NaN.
public func gaussianNLL(
  mean: Tensor, variance: Tensor, target: Tensor, mask: Tensor? = nil, epsilon: Float = 1e-6
) -> Tensor {
  require(
    mean.shape == target.shape && variance.shape == mean.shape && (mask == nil || mask?.shape == mean.shape),
    "gaussianNLL: expected variance, target and mask of the mean's shape \(mean.shape), found variance \(variance.shape), target \(target.shape), mask \(mask.map { "\($0.shape)" } ?? "none")"
  )
  require(epsilon > 0, "gaussianNLL: expected an epsilon above 0, found \(epsilon)")
  let weights = Tensor(rowWeights(mean.count, mask?.scalars), shape: mean.shape)
  let (m, v, t) = (mean.detached, variance.detached, target.detached)
  let (centre, spread) = unsafe (m.pointer, v.pointer)
  let (expected, weight) = unsafe (t.pointer, weights.pointer)
  let sum = Reduction.sum(m.count) { range in
    var sum = 0.0
    for index in range where unsafe weight[index] != 0 {
      let v = unsafe Double(spread[index] < epsilon ? epsilon : spread[index])
      let difference = unsafe Double(expected[index]) - Double(centre[index])
      unsafe sum +=
        0.5 * Double(weight[index]) * (CLibrary.log(2 * Double.pi * v) + difference * difference / v)
    }
    return sum
  }
  return RecordedOperation.record(
    "gaussianNLL", inputs: [mean, variance], outputs: [Tensor(Float(sum))]
  ) { gradients, _ in
    guard let scale = gradients[0]?.item else { return [nil, nil] }
    let (ofMean, ofVariance) = (Tensor.uninitialized(m.shape), Tensor.uninitialized(m.shape))
    let (first, second) = unsafe (ofMean.pointer, ofVariance.pointer)
    let (centre, spread) = unsafe (m.pointer, v.pointer)
    let (expected, weight) = unsafe (t.pointer, weights.pointer)
    ThreadPool.current.run(over: m.count) { range in
      for index in range {
        let v = unsafe spread[index] < epsilon ? epsilon : spread[index]
        let (factor, difference) = unsafe (scale * weight[index], expected[index] - centre[index])
        let isOff = unsafe weight[index] == 0
        unsafe first[index] = isOff ? 0 : -factor * difference / v
        unsafe second[index] = isOff ? 0 : 0.5 * factor * (1 - difference * difference / v) / v
      }
    }
    return [.tensor(ofMean), .tensor(ofVariance)]
  }[0]
}
