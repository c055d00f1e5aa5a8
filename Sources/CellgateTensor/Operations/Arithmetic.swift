import CellgateBasics

extension Tensor {
  /// The sums of two tensors of one shape.
  public static func + (left: Tensor, right: Tensor) -> Tensor {
    requireSameShape("+", left, right)
    let output = Elementwise.zip(left, right) { $0 + $1 }
    return Operation.record("add", inputs: [left, right], output: output) { gradient, _ in
      [.tensor(gradient), .tensor(gradient)]
    }
  }

  /// The differences of two tensors of one shape.
  public static func - (left: Tensor, right: Tensor) -> Tensor {
    requireSameShape("-", left, right)
    let output = Elementwise.zip(left, right) { $0 - $1 }
    return Operation.record("subtract", inputs: [left, right], output: output) { gradient, needed in
      [.tensor(gradient), needed[1] ? .tensor(gradient * -1) : nil]
    }
  }

  /// The products, number by number, of two tensors of one shape.
  public static func * (left: Tensor, right: Tensor) -> Tensor {
    requireSameShape("*", left, right)
    let output = Elementwise.zip(left, right) { $0 * $1 }
    let (a, b) = (left.detached, right.detached)
    return Operation.record("multiply", inputs: [left, right], output: output) { gradient, needed in
      [needed[0] ? .tensor(gradient * b) : nil, needed[1] ? .tensor(gradient * a) : nil]
    }
  }

  /// Every number plus `scalar`.
  public static func + (left: Tensor, scalar: Float) -> Tensor {
    let output = Elementwise.map(left) { $0 + scalar }
    return Operation.record("add", inputs: [left], output: output) { gradient, _ in [.tensor(gradient)] }
  }

  /// Every number times `scalar`.
  public static func * (left: Tensor, scalar: Float) -> Tensor {
    let output = Elementwise.map(left) { $0 * scalar }
    return Operation.record("multiply", inputs: [left], output: output) { gradient, _ in
      [.tensor(gradient * scalar)]
    }
  }

  private static func requireSameShape(_ name: String, _ left: Tensor, _ right: Tensor) {
    require(
      left.shape == right.shape, "\(name): expected two equal shapes, found \(left.shape) and \(right.shape)")
  }
}
