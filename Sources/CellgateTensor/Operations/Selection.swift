import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The numbers of `a` where the mask isn't 0, and of `b` elsewhere; the three shapes broadcast to one. What isn't
  /// taken has no part in the gradient, not even as NaN.
  public static func `where`(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    let shape = Broadcasting.shape("where", mask.shape, Broadcasting.shape("where", a.shape, b.shape))
    // A single number is not repeated.
    let operands = [mask, a, b].map { $0.count == 1 ? $0.detached : Broadcasting.copy($0, to: shape) }
    let output = Elementwise.apply(CG_SELECT, operands, shape: shape)
    let (condition, zero) = (operands[0], Tensor(0))
    return record("where", a, b, output) { gradient in
      Elementwise.apply(CG_SELECT, [condition, gradient, zero], shape: shape)
    } _: { gradient in
      Elementwise.apply(CG_SELECT, [condition, zero, gradient], shape: shape)
    }
  }

  /// The numbers, but `value` where the mask isn't 0; the mask broadcasts to this shape.
  public func filled(where mask: Tensor, with value: Float) -> Tensor {
    require(
      Broadcasting.shape(shape, mask.shape) == shape,
      "filled: expected a mask that broadcasts to \(shape), found \(mask.shape)")
    return Tensor.where(mask, Tensor(value), self)
  }
}
