import CellgateBasics
import CellgateTensor

/// Layer normalisation over the last dimension (Ba et al. 2016, https://arxiv.org/abs/1607.06450).
///
/// Its parameters are `weight` [N], ones at first, and `bias` [N], zeros at first.
public final class LayerNormalization: Layer {
  /// "layer_normalization".
  public static let kind = "layer_normalization"

  /// The options of a normalisation.
  public struct Options: LayerOptions {
    /// What is added to the variance.
    public var epsilon: Float = 1e-5

    /// The default.
    public init() {}

    /// A number above 0.
    public var problem: String? {
      epsilon > 0 && epsilon.isFinite ? nil : "epsilon: expected above 0, found \(epsilon)"
    }
  }

  /// What it was made with.
  public let options: Options
  private var own: (weight: Parameter, bias: Parameter)?

  private var built: (weight: Parameter, bias: Parameter) {
    guard let own else {
      fail("LayerNormalization: expected a layer that is built, found one without inputs")
    }
    return own
  }

  /// [N], of a layer that is built.
  public var weight: Parameter { built.weight }
  /// [N], of a layer that is built.
  public var bias: Parameter { built.bias }

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "LayerNormalization: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer that adds `epsilon` to the variance.
  public convenience init(epsilon: Float = 1e-5) {
    var options = Options()
    options.epsilon = epsilon
    self.init(options)
  }

  /// A normalisation of vectors of `size` N that is built.
  public convenience init(size: Int, epsilon: Float = 1e-5) {
    require(size > 0, "LayerNormalization: expected a size of 1 or more, found \(size)")
    self.init(epsilon: epsilon)
    own = (Parameter(.full([size], 1)), Parameter(.zeros([size])))
  }

  /// `weight` and `bias`.
  public var members: [Member] {
    own.map { [.parameter("weight", $0.weight), .parameter("bias", $0.bias)] } ?? []
  }

  /// The same shape, of one dimension or more.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard !input.features.isEmpty else {
      throw .badInput(layer: Self.kind, expected: "numbers […, N]", found: "\(input)")
    }
    return [input]
  }

  /// `weight` and `bias`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let size = inputs[0].features.last ?? 1
    return AnySequence([ParameterShape("weight", [size]), ParameterShape("bias", [size])])
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let size = inputs[0].features.last ?? 1
    own = (Parameter(.full([size], 1)), Parameter(.zeros([size])))
  }

  /// [.., N] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, weight: weight.tensor, bias: bias.tensor, epsilon: options.epsilon)
  }

  /// The same shape and mask.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    [inputs[0].with(self(inputs[0].tensor))]
  }
}
