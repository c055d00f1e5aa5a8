import CellgateBasics
import CellgateKernels

/// Layer normalisation over the last dimension (Ba et al. 2016, https://arxiv.org/abs/1607.06450):
///
///     y = (x − mean) / √(variance + ε) ⊙ weight + bias
///
/// x [.., N], weight [N], bias [N]; the variance is the mean square of the deviations.
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float = 1e-5) -> Tensor {
  guard let n = x.shape.last, n > 0 else {
    fail("layerNorm: expected an input whose last dimension is 1 or more, found \(x.shape)")
  }
  require(
    weight.shape == [n] && bias.shape == [n],
    "layerNorm: expected weight and bias [\(n)] for an input \(x.shape), found \(weight.shape) and \(bias.shape)"
  )
  let rows = x.count / n
  let (output, normalized) = (Tensor.uninitialized(x.shape), Tensor.uninitialized(x.shape))
  let scale = Tensor.uninitialized([rows])  // 1 / √(variance + ε) of each row
  let rowGrain = max(1, Elementwise.grain / n)
  let (gains, shifts) = unsafe (weight.pointer, bias.pointer)
  Elementwise.chunks(rows, grain: rowGrain) { range in
    for row in range {
      let (hat, y) = unsafe (normalized.pointer + row * n, output.pointer + row * n)
      unsafe scale.pointer[row] = cg_standardize(n, x.pointer + row * n, Double(epsilon), hat)
      for column in 0..<n { unsafe y[column] = hat[column] * gains[column] + shifts[column] }
    }
  }
  let gain = weight.detached
  return RecordedOperation.record("layerNorm", inputs: [x, weight, bias], output: output) {
    gradient, needed in
    [
      needed[0]
        ? .tensor(layerNormInputGradient(gradient, normalized: normalized, scale: scale, weight: gain)) : nil,
      needed[1]
        ? .adding { sum in
          let products = gradient * normalized
          unsafe ColumnSums.add(rows: rows, products.pointer, n, to: sum.pointer)
        } : nil,
      .adding { sum in unsafe ColumnSums.add(rows: rows, gradient.pointer, n, to: sum.pointer) },
    ]
  }
}

/// scale · (u − mean(u) − x̂ · mean(u ⊙ x̂)), u = gradient ⊙ weight, row by row.
private func layerNormInputGradient(
  _ gradient: Tensor, normalized: Tensor, scale: Tensor, weight: Tensor
) -> Tensor {
  let n = weight.count
  let result = Tensor.uninitialized(gradient.shape)
  Elementwise.chunks(scale.count, grain: max(1, Elementwise.grain / n)) { range in
    for row in range {
      let (g, hat) = unsafe (gradient.pointer + row * n, normalized.pointer + row * n)
      let (gain, u) = unsafe (weight.pointer, result.pointer + row * n)
      for column in 0..<n { unsafe u[column] = g[column] * gain[column] }
      let (mean, slope) = unsafe (Float(cg_sum(n, u) / Double(n)), Float(cg_dot(n, u, hat) / Double(n)))
      let factor = unsafe scale.pointer[row]
      for column in 0..<n { unsafe u[column] = factor * (u[column] - mean - hat[column] * slope) }
    }
  }
  return result
}
