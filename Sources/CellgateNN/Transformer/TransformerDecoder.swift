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
    var x = input.map { $0(inputs[0].tensor) } ?? inputs[0].tensor
    let (steps, batch, units) = (x.shape[0], x.shape[1], x.shape[2])
    x = options.added(to: x, counts: [Int](repeating: 0, count: batch))
    let rotary = options.rotary(units: units, places: steps)
    let seen = inputs[0].mask?.ranges(steps: steps, batch: batch)
    for layer in layers {
      let memory = layer.memory(inputs[1].tensor, mask: inputs[1].mask)
      x = layer.apply(x, seen: seen, memory, rotary: rotary, context).output
    }
    return [inputs[0].with(norm.map { $0(x) } ?? x).masked]
  }
}
