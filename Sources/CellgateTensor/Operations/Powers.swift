import CellgateKernels

extension Tensor {
  /// eˣ of every number.
  public func exp() -> Tensor {
    let output = Elementwise.apply(CG_EXP, self)
    return RecordedOperation.record("exp", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_MULTIPLY, gradient, output))]
    }
  }

  /// The natural logarithm of every number; of 0 it is −∞, of a negative number NaN.
  public func log() -> Tensor {
    let (x, output) = (detached, Elementwise.apply(CG_LOGARITHM, self))
    return RecordedOperation.record("log", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_DIVIDE, gradient, x))]
    }
  }

  /// The square root of every number; of a negative number it is NaN.
  public func sqrt() -> Tensor {
    let output = Elementwise.apply(CG_SQUARE_ROOT, self)
    return RecordedOperation.record("sqrt", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_DIVIDE, gradient * 0.5, output))]
    }
  }

  /// x² of every number.
  public func square() -> Tensor {
    let (x, output) = (detached, Elementwise.apply(CG_MULTIPLY, self, self))
    return RecordedOperation.record("square", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_MULTIPLY, gradient * 2, x))]
    }
  }

  /// Every number raised to `exponent`; of a negative number NaN, unless the exponent is whole.
  public func power(_ exponent: Float) -> Tensor {
    let (x, output) = (detached, raised(to: exponent))
    return RecordedOperation.record("power", inputs: [self], output: output) { gradient, _ in
      if exponent == 0 { return [.tensor(.zeros(x.shape))] }
      let slope = x.raised(to: exponent - 1)
      return [.tensor(gradient * (slope * exponent))]
    }
  }

  private func raised(to exponent: Float) -> Tensor {
    switch exponent {
    case 0: .full(shape, 1)
    case 1: detached
    case 2: Elementwise.apply(CG_MULTIPLY, self, self)
    case 3: Elementwise.apply(CG_MULTIPLY, Elementwise.apply(CG_MULTIPLY, self, self), self)
    case -1: Elementwise.apply(CG_DIVIDE_CONSTANT, self, constant: 1)
    case 0.5: Elementwise.apply(CG_SQUARE_ROOT, self)
    default: Elementwise.apply(CG_POWER, self, constant: exponent)
    }
  }
}
