import CellgateTensor

/// The largest difference between the gradients that `function` records and fourth-order central
/// differences of it, relative to the largest gradient of the tensor (at least 1).
///
/// The function's outputs are weighted with fixed random numbers and summed in Double. With steps of 0.02
/// the differences are good to about 1e-5: the rounding of Float32 outputs of size 1, 6e-8, over the step;
/// the truncation, of the order of step⁴, is far below. A tolerance of 2e-4 leaves room for sums of many
/// outputs and steep functions.
public func gradientError(
  at values: [Tensor], step: Float = 0.02, _ function: ([Tensor]) -> Tensor
) -> Double {
  let parameters = values.map { Parameter($0) }
  return gradientError(of: parameters, step: step) { function(parameters.map(\.tensor)) }
}

/// As `gradientError(at:step:_:)`, of a parameter that `function` reads.
public func gradientError(
  of parameter: Parameter, step: Float = 0.02, _ function: () -> Tensor
) -> Double {
  gradientError(of: [parameter], step: step, function)
}

/// As `gradientError(at:step:_:)`, of parameters that `function` reads.
public func gradientError(
  of parameters: [Parameter], step: Float = 0.02, _ function: () -> Tensor
) -> Double {
  for parameter in parameters { parameter.zeroGradient() }
  let output = function()
  var stream = RandomStream(seed: 1, name: "weights of a gradient check")
  let weights = stream.uniform(output.shape, in: -1..<1)
  output.backward(gradient: weights)

  let factors = weights.scalars.map(Double.init)
  func total(_ parameter: Parameter, _ index: Int, _ value: Float) -> Double {
    unsafe parameter.value.pointer[index] = value
    let scalars = withoutGradient { function().scalars }
    return zip(scalars, factors).reduce(0) { $0 + Double($1.0) * $1.1 }
  }

  var largest = 0.0
  for parameter in parameters {
    let gradient = parameter.gradient.scalars.map(Double.init)
    let size = gradient.reduce(1) { max($0, abs($1)) }
    for index in 0..<parameter.value.count {
      let value = unsafe parameter.value.pointer[index]
      let near = total(parameter, index, value + step) - total(parameter, index, value - step)
      let far = total(parameter, index, value + 2 * step) - total(parameter, index, value - 2 * step)
      unsafe parameter.value.pointer[index] = value
      let slope = (8 * near - far) / (12 * Double(step))
      let error = abs(slope - gradient[index]) / size
      largest = error.isNaN ? .infinity : max(largest, error)
    }
  }
  return largest
}

/// The largest difference between the gradient of each parameter and fourth-order central differences of `function`, of
/// shape [], along a few random directions of that parameter, relative to the slope (at least 1): a check of functions whose
/// parameters have too many numbers for one difference each.
public func directionalError(
  of parameters: [Parameter], directions: Int = 3, step: Float = 0.02, _ function: () -> Tensor
) -> Double {
  for parameter in parameters { parameter.zeroGradient() }
  function().backward()
  var stream = RandomStream(seed: 1, name: "directions of a gradient check")
  var largest = 0.0
  for parameter in parameters {
    let start = parameter.value.copied(), gradient = parameter.gradient.copied()
    for _ in 0..<directions {
      let direction = stream.uniform(parameter.shape, in: -1..<1)
      func value(_ step: Float) -> Double {
        parameter.assign(start + direction * step)
        return withoutGradient { Double(function().item) }
      }
      let slope =
        (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) / (12 * Double(step))
      let expected = zip(gradient.scalars, direction.scalars).reduce(0) {
        $0 + Double($1.0) * Double($1.1)
      }
      let error = abs(slope - expected) / max(1, abs(expected))
      largest = error.isNaN ? .infinity : max(largest, error)
    }
    parameter.assign(start)
  }
  return largest
}

/// Numbers of the uniform distribution over `range`, the same for the same name.
public func random(_ shape: [Int], _ name: String = "x", in range: Range<Float> = -1..<1) -> Tensor {
  var stream = RandomStream(seed: 7, name: name)
  return stream.uniform(shape, in: range)
}
