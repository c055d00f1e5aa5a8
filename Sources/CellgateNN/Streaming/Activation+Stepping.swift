import CellgateBasics
import CellgateKernels

extension Activation {
  /// The activation of rows `[rows, size]` at `x`, written to `y`; the same bits as that of a tensor. `scratch` holds as many
  /// numbers. Nothing overlaps, no memory is allocated, and only the calling thread computes.
  func apply(
    _ x: UnsafePointer<Float>, rows: Int, size: Int, to y: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let count = rows * size
    /// y = code(y), in place.
    func change(_ code: cg_code, _ constant: Float = 0) {
      unsafe cg_apply(code, count, y, nil, nil, constant, y)
    }
    /// y = the part of x below 0, and scratch that above.
    func split() {
      unsafe cg_apply(CG_RELU, count, x, nil, nil, 0, scratch)
      unsafe cg_apply(CG_NEGATE, count, x, nil, nil, 0, y)
      change(CG_RELU)
      change(CG_NEGATE)
    }
    /// y += scratch.
    func join() { unsafe cg_apply(CG_ADD, count, scratch, y, nil, 0, y) }
    func apply(_ code: cg_code) { unsafe cg_apply(code, count, x, nil, nil, 0, y) }

    switch self {
    case .linear: apply(CG_COPY)
    case .sigmoid: apply(CG_SIGMOID)
    case .tanh: apply(CG_TANH)
    case .relu: apply(CG_RELU)
    case .gelu: apply(CG_GELU)
    case .silu: apply(CG_SILU)
    case .softplus: apply(CG_SOFTPLUS)
    case .exponential: apply(CG_EXP)
    case .softmax, .logSoftmax:
      for row in 0..<rows {
        var (largest, sum) = (Float(0), 0.0)
        let (from, to) = unsafe (x + row * size, y + row * size)
        unsafe cg_softmax(1, size, from, to, &largest, &sum)
        if self == .softmax { continue }
        let rest = Float(CLibrary.log(sum))
        for index in 0..<size { unsafe to[index] = from[index] - largest - rest }
      }
    case .elu, .selu:
      split()
      change(CG_EXP)
      change(CG_ADD_CONSTANT, -1)
      if self == .selu { change(CG_MULTIPLY_CONSTANT, 1.673_263_2) }
      join()
      if self == .selu { change(CG_MULTIPLY_CONSTANT, 1.050_701) }
    case .leakyReLU:
      split()
      change(CG_MULTIPLY_CONSTANT, 0.2)
      join()
    case .softsign:
      unsafe cg_apply(CG_ABSOLUTE, count, x, nil, nil, 0, scratch)
      unsafe cg_apply(CG_ADD_CONSTANT, count, scratch, nil, nil, 1, scratch)
      unsafe cg_apply(CG_DIVIDE, count, x, scratch, nil, 0, y)
    case .hardSigmoid:
      for index in 0..<count { unsafe y[index] = x[index] / 6 }
      change(CG_ADD_CONSTANT, 0.5)
      change(CG_CLAMP, 1)
    }
  }
}
