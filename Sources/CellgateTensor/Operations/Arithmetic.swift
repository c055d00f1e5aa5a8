import CellgateKernels

extension Tensor {
  /// The sums of two tensors whose shapes broadcast to one.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    let output = Broadcasting.apply("+", CG_ADD, left, right)
    return record("add", left, right, output) { gradient in
      gradient
    } _: { gradient in
      gradient
    }
  }

  /// The differences of two tensors whose shapes broadcast to one.
  public static func - (left: Tensor, right: Tensor) -> Tensor {
    let output = Broadcasting.apply("-", CG_SUBTRACT, left, right)
    return record("subtract", left, right, output) { gradient in
      gradient
    } _: { gradient in
      -gradient
    }
  }

  /// The products, number by number, of two tensors whose shapes broadcast to one.
  public static func * (left: Tensor, right: Tensor) -> Tensor {
    let output = Broadcasting.apply("*", CG_MULTIPLY, left, right)
    let (a, b) = (left.detached, right.detached)
    return record("multiply", left, right, output) { gradient in
      gradient * b
    } _: { gradient in
      gradient * a
    }
  }

  /// The quotients, number by number, of two tensors whose shapes broadcast to one.
  public static func / (left: Tensor, right: Tensor) -> Tensor {
    let output = Broadcasting.apply("/", CG_DIVIDE, left, right)
    let b = right.detached
    return record("divide", left, right, output) { gradient in
      gradient / b
    } _: { gradient in
      -(gradient * output) / b
    }
  }

  /// Records an operation on two tensors; each gradient, of the output's shape, is summed over what was repeated.
  static func record(
    _ name: String, _ left: Tensor, _ right: Tensor, _ output: Tensor,
    _ leftGradient: @escaping (Tensor) -> Tensor, _ rightGradient: @escaping (Tensor) -> Tensor
  ) -> Tensor {
    let (a, b) = (left.shape, right.shape)
    return RecordedOperation.record(name, inputs: [left, right], output: output) { gradient, needed in
      [
        needed[0] ? .tensor(leftGradient(gradient).summed(to: a)) : nil,
        needed[1] ? .tensor(rightGradient(gradient).summed(to: b)) : nil,
      ]
    }
  }

  // MARK: With a number

  /// Every number plus `scalar`.
  public static func + (left: Tensor, scalar: Float) -> Tensor {
    let output = Elementwise.apply(CG_ADD_CONSTANT, left, constant: scalar)
    return RecordedOperation.record("add", inputs: [left], output: output) { gradient, _ in
      [.tensor(gradient)]
    }
  }

  /// `scalar` plus every number.
  public static func + (scalar: Float, right: Tensor) -> Tensor { right + scalar }

  /// Every number minus `scalar`.
  public static func - (left: Tensor, scalar: Float) -> Tensor { left + -scalar }

  /// `scalar` minus every number.
  public static func - (scalar: Float, right: Tensor) -> Tensor {
    let output = Elementwise.apply(CG_SUBTRACT_FROM_CONSTANT, right, constant: scalar)
    return RecordedOperation.record("subtract", inputs: [right], output: output) { gradient, _ in
      [.tensor(-gradient)]
    }
  }

  /// Every number times `scalar`.
  public static func * (left: Tensor, scalar: Float) -> Tensor {
    let output = Elementwise.apply(CG_MULTIPLY_CONSTANT, left, constant: scalar)
    return RecordedOperation.record("multiply", inputs: [left], output: output) { gradient, _ in
      [.tensor(gradient * scalar)]
    }
  }

  /// `scalar` times every number.
  public static func * (scalar: Float, right: Tensor) -> Tensor { right * scalar }

  /// Every number divided by `scalar`.
  public static func / (left: Tensor, scalar: Float) -> Tensor {
    let output = Elementwise.apply(CG_DIVIDE, [left, Tensor(scalar)], shape: left.shape)
    return RecordedOperation.record("divide", inputs: [left], output: output) { gradient, _ in
      [.tensor(gradient / scalar)]
    }
  }

  /// `scalar` divided by every number.
  public static func / (scalar: Float, right: Tensor) -> Tensor {
    let output = Elementwise.apply(CG_DIVIDE_CONSTANT, right, constant: scalar)
    let divisor = right.detached
    return RecordedOperation.record("divide", inputs: [right], output: output) { gradient, _ in
      [.tensor(-(gradient * output) / divisor)]
    }
  }

  // MARK: Signs

  /// Every number with the other sign.
  public static prefix func - (x: Tensor) -> Tensor {
    let output = Elementwise.apply(CG_NEGATE, x)
    return RecordedOperation.record("negate", inputs: [x], output: output) { gradient, _ in
      [.tensor(-gradient)]
    }
  }

  /// |x| of every number; its gradient at 0 is 0.
  public func abs() -> Tensor {
    let (x, output) = (detached, Elementwise.apply(CG_ABSOLUTE, self))
    return RecordedOperation.record("abs", inputs: [self], output: output) { gradient, _ in
      [.tensor(Elementwise.apply(CG_ABSOLUTE_GRADIENT, gradient, x))]
    }
  }
}
