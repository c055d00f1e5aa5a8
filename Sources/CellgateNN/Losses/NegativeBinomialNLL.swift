import CellgateBasics
import CellgateTensor

/// The negative log-likelihood of counts under negative binomial distributions, in nats, averaged over all numbers (as in DeepAR: Salinas et
/// al. 2020, https://arxiv.org/abs/1704.04110):
///
///     mean of ln Γ(r) + ln Γ(k + 1) − ln Γ(k + r) + r ln((r + μ)/r) + k ln((r + μ)/μ)
///
/// mean μ > 0, shape r > 0, target k ≥ 0 and `mask` of one shape; the variance is μ + μ²/r, that of Poisson's distribution where r is large. What lies
/// outside of these gives NaN. The mask weighs the numbers: the mean is over the sum of weights, a number of weight 0 is not
/// looked at, and without any weight, or without any number, the loss is 0. The target is data. NaN gives NaN.
public func negativeBinomialNLL(
  mean: Tensor, shape: Tensor, target: Tensor, mask: Tensor? = nil
) -> Tensor {
  let shapes = [shape, target].map(\.shape) + (mask.map { [$0.shape] } ?? [])
  require(
    shapes.allSatisfy { $0 == mean.shape },
    "negativeBinomialNLL: expected shape, target and mask of the mean's shape \(mean.shape), found \(shapes)")
  let weights = Tensor(rowWeights(mean.count, mask?.scalars), shape: mean.shape)
  let (m, r, t) = (mean.detached, shape.detached, target.detached)
  let (centre, form) = unsafe (m.pointer, r.pointer)
  let (expected, weight) = unsafe (t.pointer, weights.pointer)
  let sum = Reduction.sum(m.count) { range in
    var sum = 0.0
    for index in range where unsafe weight[index] != 0 {
      let (mean, shape) = unsafe (Double(centre[index]), Double(form[index]))
      let count = unsafe Double(expected[index])
      unsafe sum -= Double(weight[index]) * NegativeBinomial.logProbability(count, mean: mean, shape: shape)
    }
    return sum
  }
  return RecordedOperation.record(
    "negativeBinomialNLL", inputs: [mean, shape], outputs: [Tensor(Float(sum))]
  ) { gradients, _ in
    guard let factor = gradients[0]?.item else { return [nil, nil] }
    let (ofMean, ofShape) = (Tensor.uninitialized(m.shape), Tensor.uninitialized(m.shape))
    let (first, second) = unsafe (ofMean.pointer, ofShape.pointer)
    let (centre, form) = unsafe (m.pointer, r.pointer)
    let (expected, weight) = unsafe (t.pointer, weights.pointer)
    ThreadPool.current.run(over: m.count) { range in
      for index in range {
        guard unsafe weight[index] != 0 else {
          unsafe (first[index], second[index]) = (0, 0)
          continue
        }
        let (mean, shape) = unsafe (Double(centre[index]), Double(form[index]))
        let count = unsafe Double(expected[index])
        let own = unsafe Double(factor) * Double(weight[index])
        let ratio = (count - mean) / (shape + mean)
        let gammas = SpecialFunctions.digamma(shape) - SpecialFunctions.digamma(count + shape)
        unsafe first[index] = Float(-own * ratio * shape / mean)
        unsafe second[index] = Float(own * (gammas + CLibrary.log1p(mean / shape) + ratio))
      }
    }
    return [.tensor(ofMean), .tensor(ofShape)]
  }[0]
}
