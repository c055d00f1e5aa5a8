import CellgateBasics
import CellgateTensor

/// A layer of a Transformer's encoder (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762): attention to the sequence itself,
/// then a feed-forward map of each step,
///
///     y = x + attention(norm1(x)),   z = y + linear2(act(linear1(norm2(y))))
///
/// or with `normFirst` off norm1(x + attention(x)) and norm2(y + …). Causal, it is the layer of a language model.
///
/// Sequences `[T, B, D]` give `[T, B, D]`, zeros at masked steps, which nobody sees. Its parameters are those of `self_attn`,
/// `linear1` [F, D], `linear2` [D, F], `norm1` and `norm2`. Dropout is that of what each part adds and of the feed-forward part;
/// the weights of the attention, which exist in blocks only, are not dropped.
public final class TransformerEncoderLayer: Layer {
  /// "transformer_encoder_layer".
  public static let kind = "transformer_encoder_layer"

  /// What it was made with.
  public let options: TransformerOptions
  let block: TransformerBlock

  /// A layer of these options.
  public init(_ options: TransformerOptions) {
    require(options.problem == nil, "TransformerEncoderLayer: \(options.problem ?? "")")
    self.options = options
    block = TransformerBlock(options, [("self_attn", options.isCausal)])
  }

  /// A layer of so many heads with an activation; see ``TransformerOptions``.
  public convenience init(
    heads: Int, feedForward: Int? = nil, activation: Activation = .gelu, dropout: Float = 0,
    normFirst: Bool = true, isCausal: Bool = false
  ) {
    self.init(
      TransformerOptions(
        heads: heads, feedForward: feedForward, activation: activation, dropout: dropout,
        normFirst: normFirst,
        isCausal: isCausal))
  }

  /// `self_attn`, `linear1`, `linear2`, `norm1` and `norm2`.
  public var members: [Member] { block.members }

  /// That of the sequence.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    let (shape, units) = try sequence(inputs)
    if let problem = options.problem(units: units) { throw .badOption(layer: Self.kind, reason: problem) }
    return [shape]
  }

  /// Those of the parts.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let units = inputs[0].features.last ?? 1
    return AnySequence(
      TransformerBlock.parameterShapes(options, units: units, attentions: [("self_attn", units)]))
  }

  /// Makes the parts.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let units = inputs[0].features.last ?? 1
    block.build(units: units, memory: units, context)
  }

  /// The steps after attention and feed-forward, with their mask.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let x = inputs[0].tensor
    let rotary =
      options.isRotary ? RotaryPositions(size: x.shape[2] / options.heads, places: x.shape[0]) : nil
    let seen = inputs[0].mask?.ranges(steps: x.shape[0], batch: x.shape[1])
    return [inputs[0].with(apply(x, seen: seen, rotary: rotary, context).output).masked]
  }

  /// The steps after attention and feed-forward, of which masked ones are not zeros, and what they attended to: the keys, not
  /// turned, and values of the `past` and of these steps. `seen` are the valid places of both.
  func apply(
    _ x: Tensor, seen: [[Range<Int>]]?, rotary: RotaryPositions?, past: (keys: Tensor, values: Tensor)? = nil,
    _ context: ForwardContext
  ) -> (output: Tensor, keys: Tensor, values: Tensor) {
    let (y, keys, values) = block.addSelfAttention(x, seen: seen, rotary: rotary, past: past, context)
    return (block.addFeedForward(y, context), keys, values)
  }
}
