import CellgateBasics
import CellgateCells
import CellgateTensor

/// A recurrent language model about something, or about nothing: Show and Tell (Vinyals et al. 2015,
/// https://arxiv.org/abs/1411.4555) where it is a picture.
///
///     x_t = E symbol_t,   s_t = cell(x_t, s_(t−1)),   logits_t = W_o h_t + b_o
///
/// It takes symbols `[T, B]` and, unless `subject` is `.none`, numbers `[B, F]` that they are about: as the cell's input
/// before the first symbol, or as its first states. Symbols that are known go through the cell as one fast sequence.
///
/// Its parameters are `embedding.weight` [V, E], those of the recurrent layers, `subject.weight` and `subject.bias` of the map
/// from F numbers, and those of the head.
public final class RecurrentDecoder: DecodingLayer {
  /// "recurrent_decoder".
  public static let kind = "recurrent_decoder"

  /// How what a sequence is about comes to the cell.
  public enum Subject: String, Codable, Sendable {
    /// Not at all.
    case none
    /// As the first input, W x + b [B, E], before the first symbol.
    case firstInput = "first_input"
    /// As the first states, tanh(W x + b).
    case firstStates = "first_states"
  }

  /// The options of a recurrent decoder.
  public struct Options: LayerOptions {
    /// How symbols are read and written.
    public var symbols: SymbolOptions
    /// The cell and its layers.
    public var recurrent: RecurrentOptions
    /// How what a sequence is about comes to the cell.
    public var subject: Subject

    /// Options by their parts.
    public init(symbols: SymbolOptions, recurrent: RecurrentOptions, subject: Subject = .firstInput) {
      self.symbols = symbols
      self.recurrent = recurrent
      self.subject = subject
    }

    /// Right parts that fit each other.
    public var problem: String? {
      symbols.problem ?? recurrent.problem ?? DecoderCell.problem(recurrent)
        ?? SymbolLayers.problem(symbols, outputSize: DecoderCell.outputSize(recurrent))
    }
  }

  /// What it was made with.
  public let options: Options
  private let recurrent: Recurrent
  private var own: (symbols: SymbolLayers, subject: Linear?, name: String)?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "RecurrentDecoder: \(options.problem ?? "")")
    self.options = options
    recurrent = Recurrent(DecoderCell.options(options.recurrent))
  }

  private var built: (symbols: SymbolLayers, subject: Linear?, name: String) {
    guard let own else { fail("RecurrentDecoder: expected a layer that is built, found one without inputs") }
    return own
  }

  /// V.
  public var vocabularySize: Int { options.symbols.vocabularySize }

  /// Those of the symbols, the cell and the subject.
  public var members: [Member] {
    guard let own else { return [] }
    return own.symbols.members + [.module("recurrent", recurrent)]
      + (own.subject.map { [.module("subject", $0)] } ?? [])
  }

  /// The symbols' and the subject's.
  public var linearMaps: [Linear] {
    (own?.symbols.linearMaps ?? []) + (own?.subject.map { [$0] } ?? [])
  }

  /// Logits `[T, B, V]`.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    try checkSymbols(inputs)
    let isRight =
      options.subject == .none
      ? inputs.count == 1
      : inputs.count == 2 && !inputs[1].isSequence && inputs[1].features.count == 1
    guard isRight else {
      throw .badInput(
        layer: Self.kind, expected: options.subject == .none ? "symbols alone" : "symbols and numbers [B, F]",
        found: "\(inputs.map(\.description))")
    }
    return [.sequence(vocabularySize)]
  }

  /// Numbers that the subject's map gives: the first input, or the first states of all layers.
  private var subjectSize: Int {
    options.subject == .firstInput
      ? options.symbols.embeddingSize : recurrent.layers * recurrent.stateSizes.reduce(0, +)
  }

  /// Those of the symbols, the cell and the subject.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    let symbols = SymbolLayers.parameterShapes(options.symbols, outputSize: recurrent.outputSize)
    let cell = DecoderCell.parameterShapes(
      recurrent, inputSize: options.symbols.embeddingSize, name: "recurrent")
    let subject =
      inputs.count < 2
      ? []
      : Linear.parameterShapes(inputSize: inputs[1].features[0], outputSize: subjectSize)
        .map { $0.inside("subject") }
    return AnySequence([AnySequence(symbols), cell, AnySequence(subject)].lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    recurrent.build(
      inputSize: options.symbols.embeddingSize, name: context.name + "/recurrent",
      context.inside("recurrent"))
    let subject =
      inputs.count < 2
      ? nil
      : Linear(
        inputSize: inputs[1].features[0], outputSize: subjectSize, stream: context.stream.child("subject"))
    own = (
      SymbolLayers(options.symbols, outputSize: recurrent.outputSize, context), subject, context.name
    )
  }

  /// The logits `[.., V]` of outputs `[.., O]`.
  public func logits(_ outputs: Tensor) -> Tensor { built.symbols.logits(outputs) }

  /// The first states of B sequences, each `[L, B, H]`, and the first input `[B, E]` where that is what they are about.
  private func beginning(_ inputs: [LayerValue], batch: Int) -> (states: [Tensor]?, input: Tensor?) {
    guard let map = built.subject, let subject = inputs.first?.tensor else { return (nil, nil) }
    let numbers = map(subject)
    if options.subject == .firstInput { return (nil, numbers) }
    return (DecoderCell.states(of: numbers.tanh(), recurrent), nil)
  }

  /// The outputs of known symbols, all at once unless some are drawn.
  public func outputs(
    _ symbols: DecodedSymbols, _ inputs: [LayerValue], _ context: ForwardContext
  ) -> DecoderOutputs {
    let own = built
    let batch = inputs.first?.tensor.shape[0] ?? symbols.count
    let (states, first) = beginning(inputs, batch: batch)
    let steps = ForcedSteps(
      symbols: symbols, layers: own.symbols, context: context, name: own.name,
      outputSize: recurrent.outputSize)
    if context.isTraining, symbols.drawnShare > 0 {
      let pass = CellInput(recurrent, parts: [options.symbols.embeddingSize], context)
      return steps.run { sequences in
        let given = states ?? recurrent.firstStates(nil, batch: batch)
        var start = LayerDecoder.States(given, sequences: (0..<Int32(batch)).map { $0 }).of(sequences)
        if let first {
          start.tensors = pass([pass.part(0, first.gathered(sequences))], states: start.tensors).states
        }
        return start
      } reading: { symbols in
        pass.part(0, symbols, own.symbols, context)
      } _: { taken, states in
        let step = pass([taken], states: states.tensors)
        return .init(output: step.output, states: .init(step.states, sequences: states.sequences))
      }
    }
    var (given, input) = (states, first)
    if let sequences = symbols.sequences {
      given = states?.map { $0.gathered(sequences, axis: 1) }
      input = first?.gathered(sequences)
    }
    let (rows, places) = steps.whole(recurrent, states: given, first: input)
    return DecoderOutputs(
      outputs: own.symbols.dropped(rows, context), places: places, count: symbols.count)
  }

  /// The layer a step at a time; without something that they are about there is a single sequence to begin from.
  public func decoder(_ inputs: [LayerValue], _ context: ForwardContext) -> LayerDecoder {
    let own = built
    return withoutGradient {
      let pass = CellInput(recurrent, parts: [options.symbols.embeddingSize], context)
      let head = own.symbols.packedLogits()
      let batch = inputs.first?.tensor.shape[0] ?? 1
      let (states, first) = beginning(inputs, batch: batch)
      var start = states ?? recurrent.firstStates(nil, batch: batch)
      if let first { start = pass([pass.part(0, first)], states: start).states }
      let sequences = (0..<Int32(batch)).map { $0 }
      return LayerDecoder(start: .init(start, sequences: sequences)) { states, tokens in
        let step = pass([pass.part(0, tokens, own.symbols, context)], states: states.tensors)
        return .init(
          logits: head(step.output), states: .init(step.states, sequences: states.sequences))
      }
    }
  }
}

/// What decoders ask of their recurrent layers.
enum DecoderCell {
  /// What is wrong with them for a decoder; nil for nothing.
  static func problem(_ options: RecurrentOptions) -> String? {
    if options.isBidirectional || options.goBackwards || options.stateful {
      return "recurrent: expected layers of one direction that keep no states, found others"
    }
    if let kernel = options.kernel {
      return "recurrent.kernel: expected layers of vectors, found a grid with neighbourhoods of \(kernel)"
    }
    if options.layers > ModelDescription.mostLayers {
      return "recurrent.layers: expected at most \(ModelDescription.mostLayers), found \(options.layers)"
    }
    if options.inputDropout > 0 {
      return
        "recurrent.input_dropout: expected 0, as symbols have an embedding_dropout, found \(options.inputDropout)"
    }
    return nil
  }

  /// The same layers, which give every step.
  static func options(_ options: RecurrentOptions) -> RecurrentOptions {
    var own = options
    own.returnSequences = true
    return own
  }

  /// The size of their output.
  static func outputSize(_ options: RecurrentOptions) -> Int {
    options.cell.cell.stateSizes[0] == .projection ? options.projection ?? options.units : options.units
  }

  static func parameterShapes(
    _ recurrent: Recurrent, inputSize: Int, name: String
  ) -> AnySequence<ParameterShape> {
    AnySequence(
      recurrent.parameterShapes([.sequence(inputSize)]).lazy.map { $0.inside(name) })
  }

  /// The states `[L, B, H]` of all layers, one after another in numbers `[B, Σ L H]`.
  static func states(of numbers: Tensor, _ recurrent: Recurrent) -> [Tensor] {
    let (batch, layers) = (numbers.shape[0], recurrent.layers)
    let parts = numbers.split(sizes: recurrent.stateSizes.map { layers * $0 })
    return zip(parts, recurrent.stateSizes).map { part, size in
      layers == 1
        ? part.reshaped([1, batch, size]) : part.reshaped([batch, layers, size]).permuted([1, 0, 2])
    }
  }
}
