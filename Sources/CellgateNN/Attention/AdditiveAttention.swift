import CellgateBasics
import CellgateTensor

/// Additive attention (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473):
///
///     weights = softmax over s of score · tanh(W_q query + W_k value_s + b),   context = Σ_s weights_s value_s
///
/// Its parameters are `query_weight` [A, Q], `key_weight` [A, M], `bias` [A] and `score` [A], each uniform in ±1/√K at
/// first, where K is the size of what it reads.
public final class AdditiveAttention: AttentionLayer {
  /// "additive_attention".
  public static let kind = "additive_attention"

  /// The options of additive attention.
  public struct Options: LayerOptions {
    /// A, the size in which queries and values are compared.
    public var units: Int

    /// A comparison in so many dimensions.
    public init(units: Int) { self.units = units }

    /// Units of 1 or more.
    public var problem: String? { SizeCheck.problem(("units", units)) }
  }

  /// What it was made with.
  public let options: Options
  private var parameters: [Parameter] = []

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "AdditiveAttention: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer that compares in `units` A dimensions.
  public convenience init(_ units: Int) { self.init(Options(units: units)) }

  private static let names = ["query_weight", "key_weight", "bias", "score"]

  /// `query_weight`, `key_weight`, `bias` and `score`.
  public var members: [Member] { zip(Self.names, parameters).map { .parameter($0, $1) } }

  /// The context is the mean alone.
  public var averagesValues: Bool { true }

  /// That of the values.
  public func contextSize(query: Int, values: Int) throws(LayerError) -> Int { values }

  /// The weights of queries and of values, the bias and the score vector.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let (units, sizes) = (options.units, inputs.map { $0.features.last ?? 1 })
    return AnySequence(
      zip(Self.names, [[units, sizes[0]], [units, sizes[1]], [units], [units]]).map { ParameterShape($0, $1) }
    )
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let values = inputs[1].features.last ?? 1
    parameters = parameterShapes(inputs).map { own in
      let size = own.name == "bias" ? values : own.shape.last ?? 1
      return Parameter(
        Initializer.uniform(bound: 1 / Float(size).squareRoot())(
          own.shape, stream: context.stream.child(own.name)))
    }
  }

  private func parameter(_ index: Int) -> Tensor {
    guard index < parameters.count else {
      fail("AdditiveAttention: expected a layer that is built, found one without inputs")
    }
    return parameters[index].tensor
  }

  /// Values with W_k value + b as their keys.
  public func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory {
    var memory = AttentionMemory(
      keys: linear(values, weight: parameter(1), bias: parameter(2)), values: values, mask: mask)
    memory.queryMap = SteppedLinear(weight: parameter(0))
    return memory
  }

  /// Contexts and weights of queries `[N, Q]` or `[T, B, Q]`.
  public func attend(_ query: Tensor, _ memory: AttentionMemory, sequences: [Int32]?) -> Attended {
    let map = query.rank == 2 ? memory.queryMap : nil
    return additiveAttention(
      map.map { $0(query) } ?? linear(query, weight: parameter(0)), keys: memory.keys, values: memory.values,
      score: parameter(3),
      seen: memory.seen, sequences: sequences)
  }
}
