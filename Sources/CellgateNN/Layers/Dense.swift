import CellgateBasics
import CellgateTensor

/// act(x Wᵀ + b): `[…, K]` gives `[…, units]`, at each step of a sequence.
///
/// Its parameters are `weight` [units, K] and `bias` [units], which start uniform in ±1/√K, as in PyTorch.
public final class Dense: Layer, Regularized {
  /// The kind that descriptions of models name it by.
  public static let kind = "dense"

  /// The options of a dense layer.
  public struct Options: LayerOptions {
    /// Outputs.
    public var units: Int
    /// What is applied to the output.
    public var activation = Activation.linear
    /// Whether there is a bias.
    public var useBias = true
    /// λ of a loss λ Σ w² over the weights; 0 for none.
    public var l2: Float = 0
    /// The largest norm of the weights of a unit, enforced after each update; nil for no bound.
    public var maxNorm: Float?

    /// Options with their defaults.
    public init(units: Int) { self.units = units }

    /// Units of 1 or more, and penalties of 0 or more.
    public var problem: String? {
      SizeCheck.problem(("units", units)) ?? SizeCheck.problem(l2: l2, maxNorm: maxNorm)
    }
  }

  /// What it was made with.
  public let options: Options
  private var linear: Linear?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "Dense: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of so many `units`, with an activation.
  public convenience init(
    _ units: Int, activation: Activation = .linear, useBias: Bool = true, l2: Float = 0, maxNorm: Float? = nil
  ) {
    var options = Options(units: units)
    options.activation = activation
    options.useBias = useBias
    options.l2 = l2
    options.maxNorm = maxNorm
    self.init(options)
  }

  /// `weight` and `bias`.
  public var members: [Member] { linear?.members ?? [] }

  /// Its one map.
  public var linearMaps: [Linear] { linear.map { [$0] } ?? [] }

  /// The weights [units, K] and bias [units] of a layer that is built.
  public var map: Linear {
    guard let linear else { fail("Dense: expected a layer that is built, found one without inputs") }
    return linear
  }

  /// `[…, K]` gives `[…, units]`.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let input = try single(inputs)
    guard let last = input.features.indices.last else {
      throw .badInput(layer: Self.kind, expected: "numbers […, K]", found: "\(input)")
    }
    var features = input.features
    features[last] = options.units
    return [input.with(features)]
  }

  /// Those of the linear map.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let shapes = Linear.parameterShapes(inputSize: inputs[0].features.last ?? 1, outputSize: options.units)
    return AnySequence(options.useBias ? shapes : [shapes[0]])
  }

  /// Makes the weights and the bias.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let size = inputs[0].features.last ?? 1
    linear = Linear(
      inputSize: size, outputSize: options.units, hasBias: options.useBias, stream: context.stream,
      weightInitializer: context.initialization?.linearWeight(context.name),
      biasInitializer: context.initialization?.linearBias(context.name, inputSize: size))
  }

  /// The map, then the activation.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    [options.activation(inputs[0].with(map(inputs[0].tensor)))]
  }

  /// That of the weights.
  public var penalties: [ParameterPenalty] {
    [ParameterPenalty(map.weight, l2: options.l2, maxNorm: options.maxNorm)]
  }
}

/// Checks of options that many layers have.
enum SizeCheck {
  /// The largest size of a dimension.
  static let most = Int(Int32.max)

  /// What is wrong with sizes, which must be 1 or more.
  static func problem(_ sizes: (name: String, value: Int)...) -> String? {
    for (name, value) in sizes where value < 1 || value > most {
      return "\(name): expected 1 to \(most), found \(value)"
    }
    return nil
  }

  /// What is wrong with a share, which must lie in 0 ..< 1.
  static func problem(share name: String, _ value: Float) -> String? {
    value >= 0 && value < 1 ? nil : "\(name): expected a share in [0, 1), found \(value)"
  }

  /// What is wrong with penalties.
  static func problem(l2: Float, maxNorm: Float?) -> String? {
    if !(l2 >= 0 && l2.isFinite) { return "l2: expected 0 or more, found \(l2)" }
    if let maxNorm, !(maxNorm > 0) { return "max_norm: expected above 0, found \(maxNorm)" }
    return nil
  }
}
