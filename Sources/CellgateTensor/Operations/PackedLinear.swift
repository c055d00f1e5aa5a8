import CellgateBasics
import CellgateKernels

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
    require(weight.rank == 2, "PackedLinear: expected a weight [N, K], found \(weight.shape)")
    (outputSize, inputSize) = (weight.shape[0], weight.shape[1])
    require(
      bias == nil || bias?.shape == [outputSize],
      "PackedLinear: expected a bias [\(outputSize)], found \(bias?.shape ?? [])")
    packed = unsafe MatrixProduct.pack(
      weight.pointer, depth: inputSize, columns: outputSize, strides: (1, inputSize))
    self.bias = bias?.copied()
  }

  /// [.., K] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      x.shape.last == inputSize, "PackedLinear: expected an input [.., \(inputSize)], found \(x.shape)")
    let output = Tensor.uninitialized(x.shape.dropLast() + [outputSize])
    unsafe MatrixProduct.multiply(
      x.pointer, rows: x.shape.dropLast().reduce(1, *), depth: inputSize, columns: outputSize, packed: packed,
      bias: bias,
      into: output.pointer)
    return output
  }

  /// `[rows, K]` at `x` gives `[rows, N]` at `output`, the same bits: on the calling thread, and no memory is allocated.
  package func map(_ x: UnsafePointer<Float>, rows: Int, to output: UnsafeMutablePointer<Float>) {
    var term = unsafe cg_term(a: x, lda: inputSize, k: inputSize, packed: packed.pointer)
    unsafe cg_product(
      rows, outputSize, &term, 1, bias == nil ? CG_START_ZERO : CG_START_BIAS,
      bias.map { unsafe UnsafePointer($0.pointer) }, output, outputSize)
  }
}
