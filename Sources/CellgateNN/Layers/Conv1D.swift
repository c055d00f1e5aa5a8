import CellgateBasics
import CellgateTensor

/// A convolution over time: `[T, B, C]` gives `[T′, B, filters]`.
///
/// Its parameters are `weight` [filters, C, K], as in PyTorch, and `bias` [filters], which start uniform in ±1/√(C K).
/// Masks end here, as windows mix the steps, unless `keepsMask` is set. Sequences that are shorter than a window give no steps.
public final class Conv1D: Layer, Regularized {
  /// "conv1d".
  public static let kind = "conv1d"

  /// What stands before and after the steps.
  public enum Padding: String, Codable, Sendable {
    /// Nothing: T′ = ⌊(T − dilation (K − 1) − 1) / stride⌋ + 1.
    case valid
    /// Zeros on both sides: T′ = T at stride 1.
    case same
    /// Zeros in front alone: a step sees no later one.
    case causal
  }

  /// The options of a convolution.
  public struct Options: LayerOptions {
    /// Outputs of each window.
    public var filters: Int
    /// K, steps of a window.
    public var kernelSize: Int
    /// Steps between windows.
    public var strides = 1
    /// What stands before and after the steps.
    public var padding = Padding.valid
    /// Steps between those of a window.
    public var dilationRate = 1
    /// What is applied to the output.
    public var activation = Activation.linear
    /// Whether there is a bias.
    public var useBias = true
    /// λ of a loss λ Σ w²; 0 for none.
    public var l2: Float = 0
    /// Whether masked steps count as the zeros around a sequence and stay masked, so that a sequence gives the same beside
    /// longer ones; nil is no. It needs as many steps out as go in: stride 1, padding `same` or `causal`.
    public var keepsMask: Bool?

    /// Options with their defaults.
    public init(filters: Int, kernelSize: Int) {
      self.filters = filters
      self.kernelSize = kernelSize
    }

    /// Sizes of 1 or more, and as many steps out as in where the mask is kept.
    public var problem: String? {
      if keepsMask == true, strides != 1 || padding == .valid {
        return
          "keeps_mask: expected strides of 1 and padding same or causal, found \(strides) and \(padding.rawValue)"
      }
      return SizeCheck.problem(
        ("filters", filters), ("kernel_size", kernelSize), ("strides", strides),
        ("dilation_rate", dilationRate))
        ?? SizeCheck.problem(l2: l2, maxNorm: nil)
    }
  }

  /// What it was made with.
  public let options: Options
  private var weight: Parameter?
  private var bias: Parameter?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "Conv1D: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of so many filters, each of `kernelSize` steps.
  public convenience init(
    _ filters: Int, _ kernelSize: Int, strides: Int = 1, padding: Padding = .valid, dilationRate: Int = 1,
    activation: Activation = .linear, useBias: Bool = true, l2: Float = 0
  ) {
    var options = Options(filters: filters, kernelSize: kernelSize)
    options.strides = strides
    options.padding = padding
    options.dilationRate = dilationRate
    options.activation = activation
    options.useBias = useBias
    options.l2 = l2
    self.init(options)
  }

  /// `weight` and `bias`.
  public var members: [Member] {
    (weight.map { [.parameter("weight", $0)] } ?? []) + (bias.map { [.parameter("bias", $0)] } ?? [])
  }

  /// Sequences of C numbers give sequences of as many as there are filters.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape.with([options.filters])]
  }

  /// The parameters.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let weight = ParameterShape("weight", [options.filters, inputs[0].features[0], options.kernelSize])
    return AnySequence(options.useBias ? [weight, ParameterShape("bias", [options.filters])] : [weight])
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let (channels, kernel) = (inputs[0].features[0], options.kernelSize)
    let initializer = Initializer.uniform(bound: 1 / Float(channels * kernel).squareRoot())
    weight = Parameter(
      initializer([options.filters, channels, kernel], stream: context.stream.child("weight")))
    if options.useBias {
      bias = Parameter(initializer([options.filters], stream: context.stream.child("bias")))
    }
  }

  /// The convolution, then the activation.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    guard let weight else { fail("Conv1D: expected a layer that is built, found one without inputs") }
    let mask = options.keepsMask == true ? inputs[0].mask : nil
    let x = mask.map { Self.masked(inputs[0].tensor, $0) } ?? inputs[0].tensor
    let reach = options.dilationRate * (options.kernelSize - 1)
    let padding: CellgateTensor.Padding =
      switch options.padding {
      case .valid: 0
      case .causal: .init(before: reach, after: 0)
      case .same: Self.same(x.shape[0], reach: reach, stride: options.strides)
      }
    // Sequences that are shorter than a window have none.
    guard x.shape[0] + padding.before + padding.after > reach else {
      return [LayerValue(.zeros([0, x.shape[1], options.filters]))]
    }
    let y = conv1d(
      x, weight: weight.tensor, bias: bias?.tensor, stride: options.strides, padding: padding,
      dilation: options.dilationRate)
    return [options.activation(LayerValue(y, mask: mask))]
  }

  /// x with zeros at masked steps.
  private static func masked(_ x: Tensor, _ mask: SequenceMask) -> Tensor {
    let valid = mask.weights(steps: x.shape[0], batch: x.shape[1])
    return x.filled(where: (1 - valid).unsqueezed(axis: 2), with: 0)
  }

  /// As much padding as gives ⌈T / stride⌉ steps, the odd one after them, as in Keras.
  private static func same(_ steps: Int, reach: Int, stride: Int) -> CellgateTensor.Padding {
    let output = (steps + stride - 1) / stride
    let total = max(0, (output - 1) * stride + reach + 1 - steps)
    return .init(before: total / 2, after: total - total / 2)
  }

  /// That of the weights.
  public var penalties: [ParameterPenalty] { weight.map { [ParameterPenalty($0, l2: options.l2)] } ?? [] }
}
