import CellgateBasics
import CellgateTensor

/// Attention by products of query and value (Luong et al. 2015, https://arxiv.org/abs/1508.04025, "dot"):
///
///     weights = softmax over s of scale · query · value_s,   context = Σ_s weights_s value_s
///
/// It has no parameters; queries and values are of one size. The scale is 1, or 1/√size.
public final class DotAttention: AttentionLayer {
  /// "dot_attention".
  public static let kind = "dot_attention"

  /// The options of attention by products.
  public struct Options: LayerOptions {
    /// Whether the products are divided by the root of the size.
    public var isScaled: Bool

    /// Products as they are, or scaled.
    public init(isScaled: Bool = false) { self.isScaled = isScaled }
  }

  /// What it was made with.
  public let options: Options

  /// A layer of these options.
  public init(_ options: Options) { self.options = options }

  /// A layer that divides the products by the root of the size, or not.
  public convenience init(scaled: Bool = false) { self.init(Options(isScaled: scaled)) }

  /// The context is the mean alone.
  public var averagesValues: Bool { true }

  /// That of the values, which is the queries' too.
  public func contextSize(query: Int, values: Int) throws(LayerError) -> Int {
    guard query == values else {
      throw .badInput(layer: Self.kind, expected: "queries of the values' size \(values)", found: "\(query)")
    }
    return values
  }

  /// Values that are their own keys.
  public func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory {
    AttentionMemory(keys: values, values: values, mask: mask)
  }

  /// Contexts and weights of queries `[N, M]` or `[T, B, M]`.
  public func attend(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended {
    let size = Float(max(1, query.shape.last ?? 1))
    return dotAttention(
      query, keys: memory.keys, values: memory.values, scale: options.isScaled ? 1 / size.squareRoot() : 1,
      seen: memory.seen, sequences: sequences)
  }
}

/// Attention by products of query and mapped value (Luong et al. 2015, https://arxiv.org/abs/1508.04025, "general"):
///
///     weights = softmax over s of query · W value_s,   context = Σ_s weights_s value_s
///
/// Its parameter is `weight` [Q, M], uniform in ±1/√M at first. The values are mapped once for all queries.
public final class GeneralAttention: AttentionLayer {
  /// "general_attention".
  public static let kind = "general_attention"
  /// The layer has no options.
  public let options: NoOptions
  private var own: Parameter?

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// `weight`.
  public var members: [Member] { own.map { [.parameter("weight", $0)] } ?? [] }

  /// [Q, M], of a layer that is built.
  public var weight: Parameter {
    guard let own else { fail("GeneralAttention: expected a layer that is built, found one without inputs") }
    return own
  }

  /// The context is the mean alone.
  public var averagesValues: Bool { true }

  /// That of the values.
  public func contextSize(query: Int, values: Int) throws(LayerError) -> Int { values }

  /// `weight`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence([ParameterShape("weight", inputs.map { $0.features.last ?? 1 })])
  }

  /// Makes the weight.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let shape = inputs.map { $0.features.last ?? 1 }
    own = Parameter(
      Initializer.uniform(bound: 1 / Float(shape[1]).squareRoot())(
        shape, stream: context.stream.child("weight")))
  }

  /// Values with W value as their keys.
  public func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory {
    AttentionMemory(keys: linear(values, weight: weight.tensor), values: values, mask: mask)
  }

  /// Contexts and weights of queries `[N, Q]` or `[T, B, Q]`.
  public func attend(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended {
    dotAttention(
      query, keys: memory.keys, values: memory.values, seen: memory.seen, sequences: sequences)
  }
}
