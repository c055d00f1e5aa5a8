/// The linear map x Wᵀ + b with its weight packed once, for inference: the same bits as `linear`, without a gradient.
///
/// Immutable: any threads may share it.
@safe public final class PackedLinear: @unchecked Sendable {
  /// K and N.
  public let inputSize: Int, outputSize: Int
  private let packed: Storage
  private let bias: Tensor?

  /// Packs a weight [N, K] and copies a bias [N]. Later changes of them don't matter.
  public init(weight: Tensor, bias: Tensor? = nil) {
    precondition(weight.rank == 2, "PackedLinear: a weight of shape \(weight.shape), [N, K] expected")
    (outputSize, inputSize) = (weight.shape[0], weight.shape[1])
    precondition(
      bias == nil || bias?.shape == [outputSize],
      "PackedLinear: a bias of shape \(bias?.shape ?? []), [\(outputSize)] expected")
    packed = unsafe MatrixProduct.pack(
      weight.pointer, depth: inputSize, columns: outputSize, strides: (1, inputSize))
    self.bias = bias?.copied()
  }

  /// [.., K] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    precondition(
      x.shape.last == inputSize, "PackedLinear: an input of shape \(x.shape), [.., \(inputSize)] expected")
    let output = Tensor.uninitialized(x.shape.dropLast() + [outputSize])
    unsafe MatrixProduct.multiply(
      x.pointer, rows: x.shape.dropLast().reduce(1, *), depth: inputSize, columns: outputSize, packed: packed,
      bias: bias,
      into: output.pointer)
    return output
  }
}
