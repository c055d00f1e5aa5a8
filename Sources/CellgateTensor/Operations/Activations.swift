import CellgateKernels

extension Tensor {
  /// σ(x) = 1 / (1 + e⁻ˣ) of every number.
  public func sigmoid() -> Tensor {
    let output = unsafe vectorized { count, x, y in unsafe cg_sigmoid(count, x, y) }
    return Operation.record("sigmoid", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.zip(gradient, output) { $0 * $1 * (1 - $1) })]
    }
  }

  /// tanh(x) of every number.
  public func tanh() -> Tensor {
    let output = unsafe vectorized { count, x, y in unsafe cg_tanh(count, x, y) }
    return Operation.record("tanh", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.zip(gradient, output) { $0 * (1 - $1 * $1) })]
    }
  }

  /// max(x, 0) of every number; its gradient at 0 is 0.
  public func relu() -> Tensor {
    let output = Elementwise.map(self) { $0 < 0 ? 0 : $0 }
    return Operation.record("relu", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.zip(gradient, output) { $1 <= 0 ? 0 : $0 })]
    }
  }

  private func vectorized(
    _ kernel: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    let output = Tensor.uninitialized(shape)
    let (input, result) = unsafe (UnsafePointer(pointer), output.pointer)
    Elementwise.chunks(count) { range in
      unsafe kernel(range.count, input + range.lowerBound, result + range.lowerBound)
    }
    return output
  }
}
