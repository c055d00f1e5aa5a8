import CellgateBasics
import CellgateTensor

/// A layer of a Transformer's decoder (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762): causal attention to the sequence
/// itself, attention to another sequence, then a feed-forward map of each step; see ``TransformerEncoderLayer``.
///
/// It takes a sequence `[T, B, D]` and the one that it attends to, `[S, B, M]`, such as an encoder's output, and gives `[T, B, D]`,
/// zeros at masked steps. Its parameters are those of `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1`, `norm2` and
/// `norm3`.
public final class TransformerDecoderLayer: Layer {
  /// "transformer_decoder_layer".
  public static let kind = "transformer_decoder_layer"

  /// What it was made with; it is causal whatever `isCausal` says.
  public let options: TransformerOptions
  private let block: TransformerBlock
  private static let names = (own: "self_attn", other: "multihead_attn")

  /// A layer of these options.
  public init(_ options: TransformerOptions) {
    require(options.problem == nil, "TransformerDecoderLayer: \(options.problem ?? "")")
    self.options = options
    block = TransformerBlock(options, [(Self.names.own, true), (Self.names.other, false)])
  }

  /// A layer of so many heads with an activation; see ``TransformerOptions``.
  public convenience init(
    heads: Int, feedForward: Int? = nil, activation: Activation = .gelu, dropout: Float = 0,
    normFirst: Bool = true
  ) {
    self.init(
      TransformerOptions(
        heads: heads, feedForward: feedForward, activation: activation, dropout: dropout, normFirst: normFirst
      ))
  }

  /// Those of the two attentions, the two maps and the three normalisations.
  public var members: [Member] { block.members }

  /// That of the first sequence.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    [try Self.sequences(inputs, options, Self.kind)]
  }

  /// The shape of the first of two sequences; throws for others, and for units that the heads don't divide.
  static func sequences(
    _ inputs: [LayerShape], _ options: TransformerOptions, _ kind: String
  ) throws(LayerError) -> LayerShape {
    guard inputs.count == 2, inputs.allSatisfy({ $0.isSequence && $0.features.count == 1 }) else {
      throw .badInput(
        layer: kind, expected: "a sequence [T, B, D] and one that it attends to [S, B, M]",
        found: "\(inputs.map(\.description))")
    }
    if let problem = options.problem(units: inputs[0].features[0]) {
      throw .badOption(layer: kind, reason: problem)
    }
    return inputs[0]
  }

  /// The shapes of the parameters of a layer.
  static func parameterShapes(_ options: TransformerOptions, units: Int, memory: Int) -> [ParameterShape] {
    TransformerBlock.parameterShapes(
      options, units: units, attentions: [(names.own, units), (names.other, memory)])
  }

  /// Those of the parts.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    AnySequence(
      Self.parameterShapes(
        options, units: inputs[0].features.last ?? 1, memory: inputs[1].features.last ?? 1))
  }

  /// Makes the parts.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    block.build(units: inputs[0].features.last ?? 1, memory: inputs[1].features.last ?? 1, context)
  }

  /// The steps of the first sequence after both attentions and feed-forward, with their mask.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let rotary =
      options.isRotary ? RotaryPositions(size: x.shape[2] / options.heads, places: x.shape[0]) : nil
    let seen = inputs[0].mask?.ranges(steps: x.shape[0], batch: x.shape[1])
    let memory = memory(inputs[1].tensor, mask: inputs[1].mask)
    return [inputs[0].with(apply(x, seen: seen, memory, rotary: rotary, context).output).masked]
  }

  /// The keys and values of the sequence that is attended to.
  func memory(_ values: Tensor, mask: SequenceMask?) -> AttentionMemory {
    block.attentions[1].attention.memory(values, mask: mask)
  }

  /// The steps after attentions and feed-forward, of which masked ones are not zeros; the keys, not turned, and values of the
  /// `past` and of these steps; and, where it is wanted or of a single step of rows of the other's sequences that `sequences` names, what
  /// is looked at there, [T, B, S] or [N, S]. `seen` are the valid places of past and steps.
  func apply(
    _ x: Tensor, seen: [[Range<Int>]]?, _ memory: AttentionMemory, sequences: [Int32]? = nil,
    wantsWeights: Bool = false, rotary: RotaryPositions?, past: (keys: Tensor, values: Tensor)? = nil,
    _ context: ForwardContext
  ) -> (output: Tensor, keys: Tensor, values: Tensor, weights: Tensor?) {
    let (y, keys, values) = block.addSelfAttention(
      x, seen: seen, rotary: rotary, past: past, context)
    let attention = block.attentions[1].attention
    var weights: Tensor?
    let z = block.add(1, y, context) { query in
      guard let sequences else {
        guard wantsWeights else { return attention.contexts(of: query, memory) }
        let all = attention.attend(query, memory)
        weights = all.weights
        return all.context
      }
      let rows = attention.attend(query[0], memory, sequences: sequences)
      weights = rows.weights
      return rows.context.unsqueezed(axis: 0)
    }
    return (block.addFeedForward(z, context), keys, values, weights)
  }
}
