import CellgateBasics
import CellgateKernels

/// The linear map x Wᵀ + b with its weight packed once, for inference: the same bits as `linear`, without a gradient, or its product
/// in another precision.
///
/// Immutable: any threads may share it.
@safe public final class PackedLinear: @unchecked Sendable {
  /// K and N.
  public let inputSize: Int, outputSize: Int
  /// What weight and inputs are rounded to.
  public let precision: Precision
  private let packed: Storage
  private let bias: Tensor?
  private let products: InstructionSet

  /// Packs a weight [N, K] and copies a bias [N]. Later changes of them don't matter.
  public init(weight: Tensor, bias: Tensor? = nil, precision: Precision = .float32) {
    require(weight.rank == 2, "PackedLinear: expected a weight [N, K], found \(weight.shape)")
    (outputSize, inputSize) = (weight.shape[0], weight.shape[1])
    require(
      bias == nil || bias?.shape == [outputSize],
      "PackedLinear: expected a bias [\(outputSize)], found \(bias?.shape ?? [])")
    require(
      inputSize <= precision.mostFactors,
      "PackedLinear: expected at most \(precision.mostFactors) columns in \(precision), found \(inputSize)")
    self.precision = precision
    products = InstructionSet.active.products(precision)
    packed = unsafe MatrixProduct.pack(
      weight.pointer, depth: inputSize, columns: outputSize, strides: (1, inputSize), products)
    self.bias = bias?.copied()
  }

  /// [.., K] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      x.shape.last == inputSize, "PackedLinear: expected an input [.., \(inputSize)], found \(x.shape)")
    let rows = x.shape.dropLast().reduce(1, *)
    let output = Tensor.uninitialized(x.shape.dropLast() + [outputSize])
    let words = Storage(count: rows * wordCount)
    if wordCount > 0 {
      let (source, target) = unsafe (x.pointer, words.pointer)
      Elementwise.chunks(rows, grain: max(1, Elementwise.grain / max(1, inputSize))) { range in
        unsafe convert(
          source + range.lowerBound * inputSize, rows: range.count, to: target + range.lowerBound * wordCount)
      }
    }
    unsafe MatrixProduct.multiply(
      wordCount > 0 ? words.pointer : x.pointer, rows: rows, stride: wordCount > 0 ? wordCount : inputSize,
      depth: inputSize, columns: outputSize, packed: packed, bias: bias, into: output.pointer, products)
    withExtendedLifetime(words) {}
    return output
  }

  /// The numbers that a row of inputs takes besides, as its product reads it; 0 where that reads the input itself.
  package var wordCount: Int { precision == .float32 ? 0 : precision.words(inputSize) }

  /// `[rows, K]` at `x` gives `[rows, N]` at `output`, the same bits: on the calling thread, and no memory is allocated. `words` has room
  /// for `rows` · `wordCount` numbers; nil where those are none.
  package func map(
    _ x: UnsafePointer<Float>, rows: Int, to output: UnsafeMutablePointer<Float>,
    words: UnsafeMutablePointer<Float>? = nil
  ) {
    var term = unsafe cg_term(a: x, lda: inputSize, k: inputSize, packed: packed.pointer)
    if wordCount > 0 {
      guard let words = unsafe words else { fail("PackedLinear: expected room for words, found none") }
      unsafe convert(x, rows: rows, to: words)
      unsafe (term.a, term.lda) = (UnsafePointer(words), wordCount)
    }
    unsafe cg_product_with(
      products.handle, rows, outputSize, &term, 1, bias == nil ? CG_START_ZERO : CG_START_BIAS,
      bias.map { unsafe UnsafePointer($0.pointer) }, output, outputSize)
  }

  private func convert(_ x: UnsafePointer<Float>, rows: Int, to words: UnsafeMutablePointer<Float>) {
    unsafe cg_convert_with(products.handle, rows, inputSize, x, inputSize, words, wordCount)
  }
}
