import CellgateBasics
import CellgateKernels

/// A convolution over pictures with its weight packed once, for inference: `conv2d`, a function of its numbers, and a tensor
/// that is added before it, without a gradient.
///
/// ```swift
/// let first = PackedConvolution(weight: weight, bias: bias, stride: 2, padding: 3, activation: .relu)
/// let y = first(pictures)      // [B, H, W, C] gives [B, H′, W′, O]
/// ```
///
/// Immutable: any threads may share it.
@safe public final class PackedConvolution: @unchecked Sendable {
  /// What is done with each number of the result.
  public enum Activation: Sendable, Equatable {
    /// It stays as it is.
    case none
    /// max(x, 0).
    case relu
    /// min(max(x, 0), 6).
    case relu6
  }

  /// C and O.
  public let inputChannels: Int, outputChannels: Int
  /// Of the kernel, which moves by `stride`, takes entries `dilation` apart, and starts `padding` beside the picture.
  public let kernel: HeightWidth, stride: HeightWidth, padding: HeightWidth, dilation: HeightWidth
  /// What each number passes through at the end.
  public let activation: Activation
  private let weight: ConvolutionWeight
  private let bias: Tensor?

  /// Packs a weight [O, C / groups, KH, KW] and copies a bias [O]. Later changes of them don't matter.
  public init(
    weight: Tensor, bias: Tensor? = nil, stride: HeightWidth = 1, padding: HeightWidth = 0,
    dilation: HeightWidth = 1, groups: Int = 1, activation: Activation = .none
  ) {
    require(
      weight.rank == 4, "PackedConvolution: expected a weight [O, C / groups, KH, KW], found \(weight.shape)")
    let (outputs, channels) = (weight.shape[0], weight.shape[1] * groups)
    require(
      groups > 0 && outputs % groups == 0,
      "PackedConvolution: expected groups that divide \(outputs) outputs, found \(groups)")
    require(
      bias == nil || bias?.shape == [outputs],
      "PackedConvolution: expected a bias [\(outputs)], found \(bias?.shape ?? [])")
    (inputChannels, outputChannels) = (channels, outputs)
    kernel = HeightWidth(height: weight.shape[2], width: weight.shape[3])
    (self.stride, self.padding, self.dilation, self.activation) = (stride, padding, dilation, activation)
    self.weight = ConvolutionWeight(
      weight.reshaped([outputs, weight.shape[1], kernel.height * kernel.width]), channels: channels,
      groups: groups, overPictures: true)
    self.bias = bias?.copied()
  }

  /// x [B, H, W, C] gives [B, H′, W′, O], as of `conv2d`; `added`, of that shape, is added before the activation.
  public func callAsFunction(_ x: Tensor, adding added: Tensor? = nil) -> Tensor {
    require(
      x.rank == 4 && x.shape[3] == inputChannels,
      "PackedConvolution: expected an input [B, H, W, \(inputChannels)], found \(x.shape)")
    let rows = SlidingWindow(
      "PackedConvolution", input: x.shape[1], kernel: kernel.height, stride: stride.height,
      padding: Padding(padding.height), dilation: dilation.height)
    let columns = SlidingWindow(
      "PackedConvolution", input: x.shape[2], kernel: kernel.width, stride: stride.width,
      padding: Padding(padding.width), dilation: dilation.width)
    let output = Tensor.uninitialized([x.shape[0], rows.output, columns.output, outputChannels])
    require(
      added == nil || added?.shape == output.shape,
      "PackedConvolution: expected \(output.shape) to add, found \(added?.shape ?? [])")
    let grid = WindowGrid(outer: x.shape[0], inner: 1, height: rows, width: columns)
    weight.convolve(
      x, grid, bias: bias, into: output, ending: .init(added: added, function: activation.function))
    return output
  }
}

extension PackedConvolution.Activation {
  fileprivate var function: (code: cg_code, constant: Float)? {
    switch self {
    case .none: nil
    case .relu: (CG_RELU, 0)
    case .relu6: (CG_CLAMP, 6)
    }
  }
}
