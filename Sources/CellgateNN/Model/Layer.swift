import CellgateTensor

/// The options of a layer as data: what a model's description holds of it besides its name and kind.
public protocol LayerOptions: Codable, Equatable, Sendable {
  /// What is wrong with them, in one line: what was expected and what was found; nil for nothing.
  var problem: String? { get }
}

extension LayerOptions {
  /// Any options are right.
  public var problem: String? { nil }
}

/// The options of a layer that has none.
public struct NoOptions: LayerOptions {
  /// No options.
  public init() {}
}

/// A layer of a model: a function of tensors and masks with parameters of its own, made from options that are data.
///
/// A layer is made without sizes; its parameters are made by `build`, once the shapes of its inputs are known. To add a
/// layer, write a file with a type that conforms and name it in the registry `Layers.all`; a layer of a user's own is
/// given to `Model.load` instead.
public protocol Layer: Module, SendableMetatype {
  /// The layer's options.
  associatedtype Options: LayerOptions

  /// The name of this kind of layer in descriptions: "dense".
  static var kind: String { get }

  /// A layer that is not built. The options are right (`problem` is nil).
  init(_ options: Options)

  /// What it was made with.
  var options: Options { get }

  /// The shapes of the outputs for inputs of these shapes; throws `badInput` for shapes that it doesn't take.
  func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape]

  /// The parameters and buffers for inputs of these shapes, which it takes, in their order and made as they are asked for.
  func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape>

  /// Makes the parameters for inputs of these shapes, which it takes. It is called once, before the first call of the
  /// layer.
  func build(_ inputs: [LayerShape], _ context: BuildContext)

  /// The outputs for inputs of the shapes that it was built for, with any batch and number of steps.
  func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue]
}

extension Layer {
  /// No parameters.
  public var members: [Member] { [] }
  /// No parameters.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> { AnySequence([]) }
  /// Nothing to make.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {}

  /// The output of a layer of one input and one output.
  public func callAsFunction(_ input: LayerValue, _ context: ForwardContext = .inference()) -> LayerValue {
    self([input], context)[0]
  }

  /// The only input's shape; throws `badInput` when there are none or several.
  func single(_ inputs: [LayerShape]) throws(LayerError) -> LayerShape {
    guard inputs.count == 1, let input = inputs.first else {
      throw .badInput(layer: Self.kind, expected: "one input", found: "\(inputs.count)")
    }
    return input
  }

  /// The only input's shape, which must be a sequence of vectors; throws `badInput`.
  func sequence(_ inputs: [LayerShape]) throws(LayerError) -> (shape: LayerShape, size: Int) {
    let input = try single(inputs)
    guard input.isSequence, input.features.count == 1 else {
      throw .badInput(layer: Self.kind, expected: "a sequence [T, B, features]", found: "\(input)")
    }
    return (input, input.features[0])
  }
}

/// A layer that penalises or bounds its parameters.
public protocol Regularized: Layer {
  /// What is added to the loss for the parameters, and how they are bounded after an update.
  var penalties: [ParameterPenalty] { get }
}

/// A rule for the values of one parameter.
public struct ParameterPenalty {
  /// The parameter.
  public let parameter: Parameter
  /// λ of a loss λ Σ w²; 0 for none.
  public var l2: Float = 0
  /// The largest norm of the weights that lead into a unit, a row of the parameter; nil for no bound.
  public var maxNorm: Float?

  /// A rule for `parameter`.
  public init(_ parameter: Parameter, l2: Float = 0, maxNorm: Float? = nil) {
    self.parameter = parameter
    self.l2 = l2
    self.maxNorm = maxNorm
  }
}

/// What a layer needs to make its parameters.
public struct BuildContext {
  /// The layer's name in its model, which also names its noise.
  public let name: String
  /// What the first values are drawn from.
  public let stream: RandomStream
  /// What recurrent layers start from, and heads and embeddings where it says so; nil for what each layer has of its own.
  public let initialization: Recurrent.Initialization?

  /// A layer's name and what its first values are drawn from.
  public init(name: String, stream: RandomStream, initialization: Recurrent.Initialization? = nil) {
    self.name = name
    self.stream = stream
    self.initialization = initialization
  }

  /// The same for a part of the layer, whose noise may have a name of its own.
  func inside(_ part: String, named name: String? = nil) -> BuildContext {
    BuildContext(name: name ?? self.name, stream: stream.child(part), initialization: initialization)
  }
}
