import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The larger of each pair of numbers of two tensors whose shapes broadcast to one; NaN if one of them is. Of equal
  /// numbers each gets half of the gradient.
  public func maximum(_ other: Tensor) -> Tensor {
    let output = Broadcasting.apply("maximum", CG_MAXIMUM, self, other)
    let (a, b) = (detached, other.detached)
    return Tensor.record("maximum", self, other, output) { gradient in
      gradient.share(of: a, above: b)
    } _: { gradient in
      gradient.share(of: b, above: a)
    }
  }

  /// The smaller of each pair of numbers of two tensors whose shapes broadcast to one; NaN if one of them is. Of equal
  /// numbers each gets half of the gradient.
  public func minimum(_ other: Tensor) -> Tensor {
    let output = Broadcasting.apply("minimum", CG_MINIMUM, self, other)
    let (a, b) = (detached, other.detached)
    return Tensor.record("minimum", self, other, output) { gradient in
      gradient.share(of: b, above: a)
    } _: { gradient in
      gradient.share(of: a, above: b)
    }
  }

  /// Every number, brought into `low` ... `high`; NaN stays NaN. Numbers outside have a gradient of 0.
  public func clamp(min low: Float = -.infinity, max high: Float = .infinity) -> Tensor {
    require(low <= high, "clamp: expected bounds in order, found \(low) and \(high)")
    let raised = Elementwise.apply(CG_MAXIMUM, [detached, Tensor(low)], shape: shape)
    let (x, output) = (detached, Elementwise.apply(CG_MINIMUM, [raised, Tensor(high)], shape: shape))
    return RecordedOperation.record("clamp", inputs: [self], output: output) { gradient, _ in
      let isInside = Elementwise.apply(CG_EQUAL, x, output)
      return [.tensor(Elementwise.apply(CG_SELECT, [isInside, gradient, Tensor(0)], shape: x.shape))]
    }
  }

  /// Of a gradient of the larger of x and y the part of x: all, half where they are equal, or none.
  private func share(of x: Tensor, above y: Tensor) -> Tensor {
    let operands = [self, Broadcasting.copy(x, to: shape), Broadcasting.copy(y, to: shape)]
    return Elementwise.apply(CG_GREATER_GRADIENT, operands, shape: shape)
  }
}
