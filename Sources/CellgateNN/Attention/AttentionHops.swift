import CellgateBasics
import CellgateCells
import CellgateTensor

/// Looks at a sequence several times with a question: each look is a step of recurrent layers, whose output is the next look's
/// query (Kumar et al. 2016, https://arxiv.org/abs/1506.07285; Sukhbaatar et al. 2015, https://arxiv.org/abs/1503.08895).
///
///     h_0 from tanh(W question + b),   context_k = attention of h_(k−1) to the sequence,   h_k = cell([question; context_k], h_(k−1))
///
/// It takes a question `[B, Q]` and a sequence `[S, B, M]` with its mask, and gives the last output `[B, N]` and the weights of
/// each look, `[S, B, K]`, which sum to 1 over the valid places. Without recurrent layers it looks once, the question being the
/// query, and gives the context. Its parameters are those of the parts `attention`, `recurrent` and `first_states`.
public final class AttentionHops: Layer {
  /// "attention_hops".
  public static let kind = "attention_hops"

  /// The options of looks.
  public struct Options: LayerOptions {
    /// The layer of attention.
    public var attention: LayerDescription
    /// The cell of the looks and its layers; nil for one look without them.
    public var recurrent: RecurrentOptions?
    /// K.
    public var hops: Int

    /// One look, or `hops` by steps of recurrent layers.
    public init(_ attention: some AttentionLayer, recurrent: RecurrentOptions? = nil, hops: Int = 1) {
      self.attention = LayerDescription(attention, name: "attention")
      (self.recurrent, self.hops) = (recurrent, hops)
    }

    /// Right parts, and a look or more.
    public var problem: String? {
      if let problem = SizeCheck.problem(("hops", hops)) ?? attention.options.problem ?? recurrent?.problem
        ?? recurrent.flatMap({ DecoderCell.problem($0) })
      {
        return problem
      }
      guard let layer = try? attention.make(), layer is any AttentionLayer else {
        return "attention: expected a layer of attention, found the kind \(attention.kind)"
      }
      if hops > Self.mostHops { return "hops: expected at most \(Self.mostHops), found \(hops)" }
      return recurrent == nil && hops != 1
        ? "hops: expected 1 without recurrent layers, found \(hops)" : nil
    }

    private static let mostHops = 1000
  }

  /// What it was made with.
  public let options: Options
  private let attention: any AttentionLayer
  private let recurrent: Recurrent?
  private var first: Linear?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "AttentionHops: \(options.problem ?? "")")
    self.options = options
    guard let layer = try? options.attention.make(), let attention = layer as? any AttentionLayer else {
      fail("AttentionHops: expected a layer of attention, found \(options.attention.kind)")
    }
    self.attention = attention
    recurrent = options.recurrent.map { Recurrent(DecoderCell.options($0)) }
  }

  /// Those of attention, of the recurrent layers, and of the map to their first states.
  public var members: [Member] {
    [.module("attention", attention)] + (recurrent.map { [.module("recurrent", $0)] } ?? [])
      + (first.map { [.module("first_states", $0)] } ?? [])
  }

  /// The sizes that the parts are built for.
  private struct Sizes {
    let question: Int
    let values: LayerShape
    let query: LayerShape
    let context: Int
  }

  private func sizes(_ inputs: [LayerShape]) throws(LayerError) -> Sizes {
    guard inputs.count == 2, !inputs[0].isSequence, inputs[0].features.count == 1, inputs[1].isSequence,
      inputs[1].features.count == 1
    else {
      throw .badInput(
        layer: Self.kind, expected: "a question [B, Q] and a sequence [S, B, M]",
        found: "\(inputs.map(\.description))")
    }
    let query = recurrent.map { LayerShape.vector($0.outputSize) } ?? inputs[0]
    let context = try attention.outputShapes([query, inputs[1]])[0].features[0]
    let question = inputs[0].features[0]
    guard question + context <= SizeCheck.most else {
      throw .badInput(
        layer: Self.kind, expected: "at most \(SizeCheck.most) numbers", found: "\(question + context)")
    }
    return Sizes(question: question, values: inputs[1], query: query, context: context)
  }

  /// Numbers of all states.
  private func stateCount(_ recurrent: Recurrent) -> Int {
    recurrent.layers * recurrent.stateSizes.reduce(0, +)
  }

  /// The last output, and the weights.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let sizes = try sizes(inputs)
    return [.vector(recurrent?.outputSize ?? sizes.context), .sequence(options.hops)]
  }

  /// Those of attention, of the recurrent layers, and of the map to their first states.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    guard let sizes = try? sizes(inputs) else { return AnySequence([]) }
    var parts = [
      AnySequence(
        attention.parameterShapes([sizes.query, sizes.values]).lazy.map { $0.inside("attention") })
    ]
    if let recurrent {
      parts.append(
        DecoderCell.parameterShapes(
          recurrent, inputSize: sizes.question + sizes.context, name: "recurrent"))
      parts.append(
        AnySequence(
          Linear.parameterShapes(inputSize: sizes.question, outputSize: stateCount(recurrent)).map {
            $0.inside("first_states")
          }))
    }
    return AnySequence(parts.lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    guard let sizes = try? sizes(inputs) else { return }
    attention.build([sizes.query, sizes.values], context.inside("attention"))
    guard let recurrent else { return }
    recurrent.build(
      inputSize: sizes.question + sizes.context, name: context.name + "/recurrent",
      context.inside("recurrent"))
    first = Linear(
      inputSize: sizes.question, outputSize: stateCount(recurrent),
      stream: context.stream.child("first_states"))
  }

  /// The last output of the looks, and their weights with the mask of the sequence.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let question = inputs[0].tensor
    let memory = attention.memory(inputs[1].tensor, mask: inputs[1].mask)
    guard let recurrent, let first else {
      let seen = attention.attend(question, memory)
      return [LayerValue(seen.context), weights([seen.weights], inputs[1])]
    }
    let input = CellInput(
      recurrent, parts: [question.shape[1], contextSize(memory, recurrent)], context)
    let known = input.part(0, question)
    var states = DecoderCell.states(of: first(question).tanh(), recurrent)
    var all: [Tensor] = []
    for _ in 0..<options.hops {
      let seen = attention.attend(states[0][recurrent.layers - 1], memory)
      all.append(seen.weights)
      states = input([known, input.part(1, seen.context)], states: states).states
    }
    return [LayerValue(states[0][recurrent.layers - 1]), weights(all, inputs[1])]
  }

  private func contextSize(_ memory: AttentionMemory, _ recurrent: Recurrent) -> Int {
    let sizes = (recurrent.outputSize, memory.values.shape[2])
    return (try? attention.contextSize(query: sizes.0, values: sizes.1)) ?? sizes.1
  }

  /// Weights `[B, S]` of each look as `[S, B, K]`.
  private func weights(_ looks: [Tensor], _ sequence: LayerValue) -> LayerValue {
    sequence.with(concatenated(looks.map { $0.unsqueezed(axis: 2) }, axis: 2).permuted([1, 0, 2]))
  }
}
