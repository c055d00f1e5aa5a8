import CellgateBasics
import CellgateTensor

/// A linear-chain conditional random field over the scores of K tags at each step (Lafferty et al. 2001; on recurrent layers
/// Huang et al. 2015, https://arxiv.org/abs/1508.01991).
///
/// As a layer it gives the scores `[T, B, K]` that it takes: they mean something with its parameters alone, `transitions` [K, K]
/// from the tag of the row to that of the column, and `first` and `last` [K] of the tags at both ends, which start uniform
/// in ±0.1. ``logLikelihood(_:tags:)`` is to be made large in training, and ``decode(_:)`` gives the likeliest tags.
///
/// ```swift
/// let field = ConditionalRandomField()
/// let model = Sequential(Embedding(1000, 32), Bidirectional(LSTM(64, returnSequences: true)), Dense(9), field)
/// let scores = model(LayerValue(words, mask: .lengths(lengths)), context)
/// let loss = -field.logLikelihood(scores, tags: tags).sum()
/// ```
public final class ConditionalRandomField: Layer {
  /// "crf".
  public static let kind = "crf"
  /// The layer has no options: K is that of its input.
  public let options: NoOptions
  private var chain: (transitions: Parameter, first: Parameter, last: Parameter)?

  private static let bound: Float = 0.1

  /// The layer.
  public init(_ options: NoOptions = NoOptions()) { self.options = options }

  /// `transitions`, `first` and `last`.
  public var members: [Member] {
    chain.map {
      [.parameter("transitions", $0.transitions), .parameter("first", $0.first), .parameter("last", $0.last)]
    } ?? []
  }

  /// The scores as they are.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try sequence(inputs).shape]
  }

  /// `transitions`, `first` and `last`.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let count = inputs[0].features[0]
    return AnySequence([
      ParameterShape("transitions", [count, count]), ParameterShape("first", [count]),
      ParameterShape("last", [count]),
    ])
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let (count, initializer) = (inputs[0].features[0], Initializer.uniform(bound: Self.bound))
    func parameter(_ name: String, _ shape: [Int]) -> Parameter {
      Parameter(initializer(shape, stream: context.stream.child(name)))
    }
    chain = (
      parameter("transitions", [count, count]), parameter("first", [count]), parameter("last", [count])
    )
  }

  /// The scores as they are.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] { inputs }

  private var built: (transitions: Parameter, first: Parameter, last: Parameter) {
    guard let chain else {
      fail("ConditionalRandomField: expected a layer that is built, found one without inputs")
    }
    return chain
  }

  /// ln p of tags [T, B], row by row, under scores [T, B, K]: [B], in nats. Steps that are masked are left out, and their tags may
  /// be anything.
  public func logLikelihood(_ scores: LayerValue, tags: [Int32]) -> Tensor {
    let valid = ValidSteps(scores)
    return crfLogLikelihood(
      valid.scores, tags: valid.places.map { tags[$0 ?? 0] }, transitions: built.transitions.tensor,
      first: built.first.tensor, last: built.last.tensor, lengths: valid.lengths)
  }

  /// The likeliest tags of each sequence's valid steps.
  public func decode(_ scores: LayerValue) -> [[Int32]] {
    let valid = ValidSteps(scores)
    return crfDecode(
      valid.scores, transitions: built.transitions.value, first: built.first.value, last: built.last.value,
      lengths: valid.lengths)
  }
}

/// The scores of sequences with their valid steps in front, as many as there are.
private struct ValidSteps {
  let scores: Tensor
  let lengths: [Int]?
  /// Where each step and sequence of `scores` was, row by row; nil after a sequence's end.
  let places: [Int?]

  init(_ value: LayerValue) {
    let x = value.tensor
    let (steps, batch) = (x.shape[0], x.shape[1])
    guard case .flags(let flags)? = value.mask else {
      scores = x
      if case .lengths(let own)? = value.mask { lengths = own } else { lengths = nil }
      places = (0..<steps * batch).map { $0 }
      return
    }
    let valid = (0..<batch).map { sequence in (0..<steps).filter { flags[$0 * batch + sequence] } }
    let longest = valid.map(\.count).max() ?? 0
    places = (0..<longest * batch).map { place in
      let own = valid[place % batch]
      return place / batch < own.count ? own[place / batch] * batch + place % batch : nil
    }
    lengths = valid.map(\.count)
    scores = x.reshaped([steps * batch, x.shape[2]]).gathered(places.map { Int32($0 ?? 0) })
      .reshaped([longest, batch, x.shape[2]])
  }
}
