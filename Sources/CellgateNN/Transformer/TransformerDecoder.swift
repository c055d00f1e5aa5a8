import CellgateBasics
import CellgateTensor

/// A stack of ``TransformerDecoderLayer``s with positions: the decoder of an encoder–decoder.
///
/// It takes a sequence `[T, B, I]` and the one that it attends to, `[S, B, M]`, and gives `[T, B, D]`, zeros at masked steps. Its
/// parameters are named as those of ``TransformerEncoder``.
public final class TransformerDecoder: Layer {
  /// "transformer_decoder".
  public static let kind = "transformer_decoder"

  /// What it was made with; its layers are causal, and it gives every step.
  public let options: TransformerEncoder.Options
  private let layers: [TransformerDecoderLayer]
  private var input: Linear?
  private var norm: LayerNormalization?

  /// A stack of these options.
  public init(_ options: TransformerEncoder.Options) {
    require(options.problem == nil, "TransformerDecoder: \(options.problem ?? "")")
    self.options = options
    layers = (0..<options.layers).map { _ in TransformerDecoderLayer(options.own) }
  }

  /// `input` if there is one, `layers` and `norm` if there is one.
  public var members: [Member] {
    TransformerEncoder.members(input, layers, norm)
  }

  /// Sequences of D numbers.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    guard inputs.count == 2, let units = options.units ?? inputs[0].features.last else {
      throw .badInput(layer: Self.kind, expected: "two sequences", found: "\(inputs.map(\.description))")
    }
    var own = inputs
    own[0] = inputs[0].with([units])
    return [try TransformerDecoderLayer.sequences(own, options.own, Self.kind)]
  }

  /// Those of the map, of the layers and of the last normalisation.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let (size, memory) = (inputs[0].features.last ?? 1, inputs[1].features.last ?? 1)
    return TransformerEncoder.parameterShapes(options, inputSize: size) {
      TransformerDecoderLayer.parameterShapes(options.own, units: $0, memory: memory)
    }
  }

  /// Makes the map, the layers and the last normalisation.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let memory = inputs[1]
    (input, norm) = TransformerEncoder.build(options, inputs[0].features.last ?? 1, context) {
      layers[$0].build([.sequence($1), memory], $2)
    }
  }

  /// The steps of the first sequence after all layers.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    let memories = memories(inputs[1].tensor, mask: inputs[1].mask)
    return [inputs[0].with(run(inputs[0].tensor, mask: inputs[0].mask, memories, context).output).masked]
  }

  /// What each layer looks at of the other sequence.
  func memories(_ values: Tensor, mask: SequenceMask?) -> [AttentionMemory] {
    layers.map { $0.memory(values, mask: mask) }
  }

  /// The steps `[T, B, D]` after all layers, of which masked ones are not zeros, and, where it is wanted, what they look at in the
  /// last layer, `[T, B, S]`.
  func run(
    _ x: Tensor, mask: SequenceMask?, _ memories: [AttentionMemory], wantsWeights: Bool = false,
    _ context: ForwardContext
  ) -> (output: Tensor, weights: Tensor?) {
    var x = input.map { $0(x) } ?? x
    let (steps, batch) = (x.shape[0], x.shape[1])
    x = options.added(to: x, counts: [Int](repeating: 0, count: batch))
    let rotary = options.rotary(units: x.shape[2], places: steps)
    let seen = mask?.ranges(steps: steps, batch: batch)
    var weights: Tensor?
    for (place, layer) in layers.enumerated() {
      let wants = wantsWeights && place == layers.count - 1
      let result = layer.apply(x, seen: seen, memories[place], wantsWeights: wants, rotary: rotary, context)
      (x, weights) = (result.output, result.weights)
    }
    return (norm.map { $0(x) } ?? x, weights)
  }

  /// Keys and values of N rows that have not begun, of each layer one after another, [0, N, D].
  func start(rows: Int, units: Int) -> [Tensor] {
    (0..<2 * options.layers).map { _ in .zeros([0, rows, units]) }
  }

  /// One step x `[N, I]` of rows that go on from keys and values, of the other's sequences that `sequences` names: the output `[N, D]`,
  /// the keys and values after it, and what each row looks at in the last layer, `[N, S]`. `rotary` has the places so far.
  func step(
    _ x: Tensor, past: [Tensor], _ memories: [AttentionMemory], sequences: [Int32],
    rotary: RotaryPositions?, _ context: ForwardContext
  ) -> (output: Tensor, past: [Tensor], weights: Tensor?) {
    var x = (input.map { $0(x) } ?? x).unsqueezed(axis: 0)
    let count = past.first?.shape[0] ?? 0
    x = options.added(to: x, counts: [Int](repeating: count, count: x.shape[1]))
    var (kept, weights): ([Tensor], Tensor?) = ([], nil)
    for (place, layer) in layers.enumerated() {
      let result = layer.apply(
        x, seen: nil, memories[place], sequences: sequences, rotary: rotary,
        past: (past[2 * place], past[2 * place + 1]), context)
      (x, weights) = (result.output, result.weights)
      kept += [result.keys, result.values]
    }
    return ((norm.map { $0(x) } ?? x)[0], kept, weights)
  }
}
