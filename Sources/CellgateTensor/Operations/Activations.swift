import CellgateKernels

extension Tensor {
  /// σ(x) = 1 / (1 + e⁻ˣ) of every number.
  public func sigmoid() -> Tensor {
    let output = Elementwise.apply(CG_SIGMOID, self)
    return RecordedOperation.record("sigmoid", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_SIGMOID_GRADIENT, gradient, output))]
    }
  }

  /// tanh(x) of every number.
  public func tanh() -> Tensor {
    let output = Elementwise.apply(CG_TANH, self)
    return RecordedOperation.record("tanh", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_TANH_GRADIENT, gradient, output))]
    }
  }

  /// max(x, 0) of every number; its gradient at 0 is 0.
  public func relu() -> Tensor {
    let output = Elementwise.apply(CG_RELU, self)
    return RecordedOperation.record("relu", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_RELU_GRADIENT, gradient, output))]
    }
  }

  /// How `gelu` computes Φ.
  public enum GELUForm: String, Sendable, CaseIterable {
    /// By the error function.
    case exact
    /// As (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which many published models were trained with.
    case tanh
  }

  /// x Φ(x) of every number, Φ the standard normal distribution (Hendrycks and Gimpel 2016,
  /// https://arxiv.org/abs/1606.08415).
  public func gelu(_ form: GELUForm = .exact) -> Tensor {
    form == .exact
      ? activation("gelu", CG_GELU, gradient: CG_GELU_GRADIENT)
      : activation("gelu", CG_GELU_TANH, gradient: CG_GELU_TANH_GRADIENT)
  }

  /// x σ(x) of every number, also known as swish (Elfwing et al. 2018, https://arxiv.org/abs/1702.03118).
  public func silu() -> Tensor { activation("silu", CG_SILU, gradient: CG_SILU_GRADIENT) }

  /// ln(1 + eˣ) of every number.
  public func softplus() -> Tensor {
    let (x, output) = (detached, Elementwise.apply(CG_SOFTPLUS, self))
    return RecordedOperation.record("softplus", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_MULTIPLY, gradient, Elementwise.apply(CG_SIGMOID, x)))]
    }
  }

  /// The kernels' function `code`, whose gradient is a code of what arrives and of x.
  private func activation(_ name: String, _ code: cg_code, gradient gradientCode: cg_code) -> Tensor {
    let (x, output) = (detached, Elementwise.apply(code, self))
    return RecordedOperation.record(name, inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(gradientCode, gradient, x))]
    }
  }
}
