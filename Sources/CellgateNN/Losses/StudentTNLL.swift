import CellgateBasics
import CellgateTensor

/// The negative log-likelihood of targets under Student's t distributions, in nats, averaged over all numbers (Lange, Little and Taylor
/// 1989, https://doi.org/10.1080/01621459.1989.10478852):
///
///     mean of ln s + ½ ln πν + ln Γ(ν/2) − ln Γ((ν + 1)/2) + (ν + 1)/2 · ln(1 + z²/ν),   z = (t − μ)/s
///
/// location μ, scale s > 0, degrees of freedom ν > 0, target t and `mask` of one shape; a scale or degrees of 0 or below give NaN. With few degrees far
/// values cost less than under a normal distribution, which is the limit of many. The mask weighs the numbers: the mean is over the sum of
/// weights, a number of weight 0 is not looked at, and without any weight, or without any number, the loss is 0. The target is
/// data. NaN gives NaN.
public func studentTNLL(
  location: Tensor, scale: Tensor, degrees: Tensor, target: Tensor, mask: Tensor? = nil
) -> Tensor {
  let shapes = [scale, degrees, target].map(\.shape) + (mask.map { [$0.shape] } ?? [])
  require(
    shapes.allSatisfy { $0 == location.shape },
    "studentTNLL: expected scale, degrees, target and mask of the location's shape \(location.shape), found \(shapes)"
  )
  let weights = Tensor(rowWeights(location.count, mask?.scalars), shape: location.shape)
  let (l, s, d, t) = (location.detached, scale.detached, degrees.detached, target.detached)
  let (centre, spread, freedom) = unsafe (l.pointer, s.pointer, d.pointer)
  let (expected, weight) = unsafe (t.pointer, weights.pointer)
  let sum = Reduction.sum(l.count) { range in
    var sum = 0.0
    for index in range where unsafe weight[index] != 0 {
      let (s, n) = unsafe (Double(spread[index]), Double(freedom[index]))
      let z = unsafe (Double(expected[index]) - Double(centre[index])) / s
      let norm = -SpecialFunctions.logGammaRatio(n / 2, 0.5)
      let far = (n + 1) / 2 * CLibrary.log1p(z * z / n)
      unsafe sum +=
        Double(weight[index]) * (CLibrary.log(s) + 0.5 * CLibrary.log(Double.pi * n) + norm + far)
    }
    return sum
  }
  return RecordedOperation.record(
    "studentTNLL", inputs: [location, scale, degrees], outputs: [Tensor(Float(sum))]
  ) { gradients, _ in
    guard let factor = gradients[0]?.item else { return [nil, nil, nil] }
    let results = (0..<3).map { _ in Tensor.uninitialized(l.shape) }
    let (first, second, third) = unsafe (results[0].pointer, results[1].pointer, results[2].pointer)
    let (centre, spread, freedom) = unsafe (l.pointer, s.pointer, d.pointer)
    let (expected, weight) = unsafe (t.pointer, weights.pointer)
    ThreadPool.current.run(over: l.count) { range in
      for index in range {
        guard unsafe weight[index] != 0 else {
          unsafe (first[index], second[index], third[index]) = (0, 0, 0)
          continue
        }
        let (s, n) = unsafe (Double(spread[index]), Double(freedom[index]))
        let z = unsafe (Double(expected[index]) - Double(centre[index])) / s
        let own = unsafe Double(factor) * Double(weight[index])
        let pull = (n + 1) / (n + z * z)
        let norm = 1 / n + SpecialFunctions.digamma(n / 2) - SpecialFunctions.digamma((n + 1) / 2)
        let far = CLibrary.log1p(z * z / n) - pull * z * z / n
        unsafe first[index] = Float(-own * pull * z / s)
        unsafe second[index] = Float(own * (1 - pull * z * z) / s)
        unsafe third[index] = Float(0.5 * own * (norm + far))
      }
    }
    return results.map { .tensor($0) }
  }[0]
}
