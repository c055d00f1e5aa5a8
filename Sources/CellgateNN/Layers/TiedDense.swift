import CellgateBasics
import CellgateTensor

/// x Eᵀ + b with the vectors E of an embedding of the same model: `[…, K]` gives `[…, units]`, the logits of its symbols (Press
/// and Wolf 2017, https://arxiv.org/abs/1608.05859).
///
/// ```swift
/// let model = Sequential(Embedding(10_000, 650), LSTM(650, returnSequences: true), TiedDense(10_000, to: "embedding"))
/// ```
///
/// Its parameter is `bias` [units], which starts at 0; the embedding has the weights.
public final class TiedDense: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "tied_dense"

  /// The options of a dense layer with an embedding's weights.
  public struct Options: LayerOptions {
    /// Outputs, as many as the embedding has symbols.
    public var units: Int
    /// The embedding's name in the model.
    public var embedding: String

    /// So many outputs with the weights of an embedding.
    public init(units: Int, embedding: String) {
      self.units = units
      self.embedding = embedding
    }

    /// Units of 1 or more.
    public var problem: String? { SizeCheck.problem(("units", units)) }
  }

  /// What it was made with.
  public let options: Options
  private var linear: Linear?
  private var stream: RandomStream?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "TiedDense: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of so many `units`, the symbols of the embedding of this name.
  public convenience init(_ units: Int, to embedding: String) {
    self.init(Options(units: units, embedding: embedding))
  }

  /// `bias`.
  public var members: [Member] { linear?.members ?? [] }

  /// Its one map.
  public var linearMaps: [Linear] { linear.map { [$0] } ?? [] }

  /// The weights [units, K], which are the embedding's, and the bias [units] of a layer that is built.
  public var map: Linear {
    guard let linear else { fail("TiedDense: expected a layer of a model that is built, found another") }
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

  /// `bias`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence([ParameterShape("bias", [options.units])])
  }

  /// Notes what the bias starts from; the model ties the weights once its layers are built.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) { stream = context.stream }

  /// Takes the weights of an embedding that is built.
  func tie(to embedding: Embedding) {
    guard linear == nil, let stream else { return }
    linear = Linear(tiedTo: embedding.weight, stream: stream)
  }

  /// The map.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    [inputs[0].with(map(inputs[0].tensor))]
  }
}
