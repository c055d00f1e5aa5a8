import CellgateBasics
import CellgateTensor

/// A Transformer's decoder of symbols (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762): vectors of the symbols so far, the
/// layers of a ``TransformerDecoder`` that look at another sequence too, and logits of the next symbol.
///
/// It takes symbols `[T, B]` and a sequence `[S, B, M]`, such as an encoder's output, and gives logits `[T, B, V]`. A step at a time, it
/// keeps the keys and values of the steps before. Its parameters are `embedding.weight` [V, E], those of `decoder`, and `head.weight`
/// [V, D] and `head.bias` [V], or `head_bias` [V] of tied weights.
public final class TransformerSymbolDecoder: DecodingLayer {
  /// "transformer_symbol_decoder".
  public static let kind = "transformer_symbol_decoder"

  /// The options of a decoder of symbols.
  public struct Options: LayerOptions {
    /// How symbols are read and written.
    public var symbols: SymbolOptions
    /// The layers.
    public var decoder: TransformerEncoder.Options

    /// Symbols, and layers that read them.
    public init(symbols: SymbolOptions, decoder: TransformerEncoder.Options) {
      (self.symbols, self.decoder) = (symbols, decoder)
    }

    /// D.
    var units: Int { decoder.units ?? symbols.embeddingSize }

    /// Right symbols and layers that fit each other.
    public var problem: String? {
      symbols.problem ?? decoder.problem ?? decoder.own.problem(units: units)
        ?? SymbolLayers.problem(symbols, outputSize: units)
    }
  }

  /// What it was made with.
  public let options: Options
  private let decoder: TransformerDecoder
  private var own: (symbols: SymbolLayers, name: String)?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "TransformerSymbolDecoder: \(options.problem ?? "")")
    self.options = options
    decoder = TransformerDecoder(options.decoder)
  }

  private var built: (symbols: SymbolLayers, name: String) {
    guard let own else {
      fail("TransformerSymbolDecoder: expected a layer that is built, found one without inputs")
    }
    return own
  }

  /// V.
  public var vocabularySize: Int { options.symbols.vocabularySize }

  /// Those of the symbols and of the layers.
  public var members: [Member] { own.map { $0.symbols.members + [.module("decoder", decoder)] } ?? [] }

  /// Logits `[T, B, V]`.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    try checkSymbols(inputs)
    guard inputs.count == 2 else {
      throw .badInput(
        layer: Self.kind, expected: "symbols and a sequence [S, B, M]", found: "\(inputs.map(\.description))")
    }
    _ = try decoder.outputShapes([.sequence(options.symbols.embeddingSize), inputs[1]])
    return [.sequence(vocabularySize)]
  }

  /// Those of the symbols and of the layers.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let symbols = SymbolLayers.parameterShapes(options.symbols, outputSize: options.units)
    let layers = decoder.parameterShapes([.sequence(options.symbols.embeddingSize), inputs[1]])
    return AnySequence(
      [AnySequence(symbols), AnySequence(layers.lazy.map { $0.inside("decoder") })].lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    let stream = context.stream.child("decoder")
    decoder.build(
      [.sequence(options.symbols.embeddingSize), inputs[1]],
      BuildContext(name: context.name + "/decoder", stream: stream))
    own = (SymbolLayers(options.symbols, outputSize: options.units, context), context.name)
  }

  /// The logits `[.., V]` of outputs `[.., D]`.
  public func logits(_ outputs: Tensor) -> Tensor { built.symbols.logits(outputs) }

  /// The outputs of known symbols, all at once unless some are drawn.
  public func outputs(
    _ symbols: DecodedSymbols, _ inputs: [LayerValue], _ context: ForwardContext
  ) -> DecoderOutputs {
    let own = built
    let (values, mask) = (inputs[0].tensor, inputs[0].mask)
    if context.isTraining, symbols.drawnShare > 0 {
      let stepping = Stepping(self, decoder.memories(values, mask: mask), context)
      let steps = ForcedSteps(
        symbols: symbols, layers: own.symbols, context: context, name: own.name, outputSize: options.units)
      return steps.run {
        stepping.start.of($0)
      } reading: {
        own.symbols.vectors($0, shape: [$0.count], context)
      } _: { taken, states in
        let (output, states, weights) = stepping(taken, states)
        return .init(output: output, states: states, weights: weights)
      }
    }
    let (steps, count) = (symbols.steps, symbols.count)
    let valid = SequenceMask.lengths(symbols.lengths).flags(steps: steps, batch: count)
    let places = (0..<Int32(valid.count)).filter { valid[Int($0)] }
    // What stands after an end may be anything.
    let tokens = zip(symbols.tokens, valid).map { $1 ? $0 : 0 }
    var memories = decoder.memories(values, mask: mask)
    if let sequences = symbols.sequences {
      memories = memories.map { memory in
        var own = AttentionMemory(
          keys: memory.keys.gathered(sequences, axis: 1), values: memory.values.gathered(sequences, axis: 1))
        own.seen = memory.seen.map { seen in sequences.map { seen[Int($0)] } }
        return own
      }
    }
    let x = own.symbols.vectors(tokens, shape: [steps, count], context)
    let areWhole = symbols.lengths.allSatisfy { $0 == steps }
    // While it trains nobody asks what is looked at, which would take memory for T · S places.
    let (y, weights) = decoder.run(
      x, mask: areWhole ? nil : .lengths(symbols.lengths), memories, wantsWeights: !context.isTraining,
      context)
    func rows(_ x: Tensor) -> Tensor {
      let all = x.reshaped([steps * count, x.shape[2]])
      return places.count < all.shape[0] ? all.gathered(places) : all
    }
    return DecoderOutputs(
      outputs: own.symbols.dropped(rows(y), context), places: places, count: count, weights: weights.map(rows)
    )
  }

  /// The layer a step at a time.
  public func decoder(_ inputs: [LayerValue], _ context: ForwardContext) -> LayerDecoder {
    let own = built
    return withoutGradient {
      let stepping = Stepping(self, decoder.memories(inputs[0].tensor, mask: inputs[0].mask), context)
      let head = own.symbols.packedLogits()
      return LayerDecoder(start: stepping.start) { states, tokens in
        let x = own.symbols.vectors(tokens, shape: [tokens.count], context)
        let (output, states, weights) = stepping(x, states)
        return .init(logits: head(output), states: states, weights: weights)
      }
    }
  }

  /// The layers a step at a time, about known sequences.
  private final class Stepping {
    let start: LayerDecoder.States
    private let decoder: TransformerDecoder
    private let memories: [AttentionMemory]
    private let context: ForwardContext
    private let units: Int
    private var rotary: RotaryPositions?

    init(_ layer: TransformerSymbolDecoder, _ memories: [AttentionMemory], _ context: ForwardContext) {
      (decoder, self.memories, self.context) = (layer.decoder, memories, context)
      units = layer.options.units
      let batch = memories.first?.keys.shape[1] ?? 0
      start = LayerDecoder.States(
        layer.decoder.start(rows: batch, units: units), sequences: (0..<Int32(batch)).map { $0 })
    }

    /// A step of vectors `[N, E]`.
    func callAsFunction(
      _ x: Tensor, _ states: LayerDecoder.States
    ) -> (output: Tensor, states: LayerDecoder.States, weights: Tensor?) {
      let places = (states.tensors.first?.shape[0] ?? 0) + 1
      if rotary.map({ $0.places < places }) ?? true {
        rotary = decoder.options.rotary(units: units, places: 2 * places)
      }
      let result = decoder.step(
        x, past: states.tensors, memories, sequences: states.sequences, rotary: rotary, context)
      return (result.output, .init(result.past, sequences: states.sequences), result.weights)
    }
  }
}
