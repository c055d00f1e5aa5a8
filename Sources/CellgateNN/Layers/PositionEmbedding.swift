import CellgateBasics
import CellgateTensor

/// Adds a learned vector for its place to each step of a sequence, counted from the first step or from the last one.
///
/// It takes `[T, B, F]` and gives the same shape with the same mask. The first of P vectors is for the first place, or for the last one
/// where places are counted `fromEnd`; places beyond the P-th have its vector, and masked steps count for none. Its parameter is `weight`
/// [P, F], normal with deviation 0.1 at first. Counted from the end it says how long ago a step was (Sukhbaatar et al. 2015,
/// https://arxiv.org/abs/1503.08895, "temporal encoding").
public final class PositionEmbedding: Layer {
  /// "position_embedding".
  public static let kind = "position_embedding"

  /// The options of places.
  public struct Options: LayerOptions {
    /// P.
    public var places: Int
    /// Whether the last step is the first place; nil is no.
    public var fromEnd: Bool?

    /// So many places, counted from the first step.
    public init(places: Int) { self.places = places }

    /// A place or more.
    public var problem: String? { SizeCheck.problem(("places", places)) }
  }

  /// What it was made with.
  public let options: Options
  private var table: Parameter?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "PositionEmbedding: \(options.problem ?? "")")
    self.options = options
  }

  /// A layer of `places` P vectors, counted from the first step or from the last.
  public convenience init(_ places: Int, fromEnd: Bool = false) {
    var options = Options(places: places)
    options.fromEnd = fromEnd ? true : nil
    self.init(options)
  }

  /// `weight`.
  public var members: [Member] { table.map { [.parameter("weight", $0)] } ?? [] }

  /// That of the input.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape]
  }

  private func shape(_ inputs: [LayerShape]) -> [Int] { [options.places, inputs[0].features.last ?? 1] }

  /// `weight`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence([ParameterShape("weight", shape(inputs))])
  }

  /// Makes the vectors.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    table = Parameter(
      Initializer.normal(standardDeviation: 0.1)(shape(inputs), stream: context.stream.child("weight")))
  }

  /// The steps with the vectors of their places.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    guard let table else {
      fail("PositionEmbedding: expected a layer that is built, found one without inputs")
    }
    let x = inputs[0].tensor, (steps, batch) = (x.shape[0], x.shape[1])
    let isValid = inputs[0].mask?.flags(steps: steps, batch: batch)
    var places = [Int32](repeating: 0, count: steps * batch)
    for sequence in 0..<batch {
      var place = 0
      for turn in 0..<steps {
        let step = options.fromEnd == true ? steps - 1 - turn : turn
        places[step * batch + sequence] = Int32(min(place, options.places - 1))
        if isValid?[step * batch + sequence] ?? true { place += 1 }
      }
    }
    return [inputs[0].with(x + table.tensor.gathered(places, shape: [steps, batch]))]
  }
}
