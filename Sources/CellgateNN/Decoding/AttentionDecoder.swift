import CellgateBasics
import CellgateCells
import CellgateTensor

/// A recurrent decoder that looks at a sequence while it writes: at the regions of a picture, or at a sentence to translate.
///
/// It takes symbols `[T, B]`, a memory `[S, B, M]` with its mask and perhaps a summary `[B, G]` of it; without one the summary
/// is the mean of the memory. `placement` says where attention stands:
///
/// - `before` the cell (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; Show, Attend and Tell, Xu et al. 2015,
///   https://arxiv.org/abs/1502.03044): the last output is the query, `s_t = cell([E symbol_t; context], s_(t−1))`.
/// - `between` two cells (Anderson et al. 2018, https://arxiv.org/abs/1707.07998, "up-down"): the first one's output is the
///   query, `s¹_t = cell¹([E symbol_t; h²_(t−1); summary], s¹_(t−1))`, `s²_t = cell²([context; h¹_t], s²_(t−1))`.
/// - `after` the cell (Luong et al. 2015, https://arxiv.org/abs/1508.04025): its output is the query, and the decoder's output
///   is `tanh(W_c [context; h_t] + b_c)`, which with `feedsOutput` is part of the next input.
///
/// Whatever doesn't depend on the states is computed for all steps at once: the keys, the symbols' vectors, the logits; and
/// all of it where attention stands `after` the cell and no output is fed back.
public final class AttentionDecoder: DecodingLayer {
  /// "attention_decoder".
  public static let kind = "attention_decoder"

  /// Where attention stands.
  public enum Placement: String, Codable, Sendable, CaseIterable {
    /// Before the cell.
    case before
    /// Between two cells.
    case between
    /// After the cell.
    case after
  }

  /// What the states are before the first symbol.
  public enum FirstStates: String, Codable, Sendable {
    /// Zeros, or what the recurrent layers have learned.
    case zeros
    /// tanh(W summary + b).
    case summary
  }

  /// The options of a decoder with attention.
  public struct Options: LayerOptions {
    /// How symbols are read and written.
    public var symbols: SymbolOptions
    /// The cell and its layers; the first of two where attention stands between.
    public var recurrent: RecurrentOptions
    /// The second cell and its layers, where attention stands between two.
    public var second: RecurrentOptions?
    /// The layer of attention.
    public var attention: LayerDescription
    /// Where attention stands.
    public var placement: Placement
    /// What the states are before the first symbol.
    public var firstStates = FirstStates.zeros
    /// Whether the context is multiplied by a gate, σ(W_g h_(t−1) + b_g), of as many numbers (Xu et al. 2015); before a cell only.
    public var gatesContext = false
    /// Whether the last output is part of the next input ("input feeding"); after a cell only.
    public var feedsOutput = false

    /// Options by their parts.
    public init(
      symbols: SymbolOptions, recurrent: RecurrentOptions, attention: some AttentionLayer,
      placement: Placement = .before, second: RecurrentOptions? = nil
    ) {
      self.symbols = symbols
      self.recurrent = recurrent
      self.attention = LayerDescription(attention, name: "attention")
      self.placement = placement
      self.second = second
    }

    /// Right parts that fit each other.
    public var problem: String? {
      if let problem = symbols.problem ?? recurrent.problem ?? DecoderCell.problem(recurrent)
        ?? attention.options.problem ?? second?.problem ?? second.flatMap({ DecoderCell.problem($0) })
      {
        return problem
      }
      guard let layer = try? attention.make(), layer is any AttentionLayer else {
        return "attention: expected a layer of attention, found the kind \(attention.kind)"
      }
      if (placement == .between) != (second != nil) {
        return "second: expected a second cell where attention stands between two, and only there"
      }
      if gatesContext && placement != .before {
        return "gates_context: expected attention before the cell, found \(placement.rawValue)"
      }
      if feedsOutput && placement != .after {
        return "feeds_output: expected attention after the cell, found \(placement.rawValue)"
      }
      return SymbolLayers.problem(symbols, outputSize: DecoderCell.outputSize(second ?? recurrent))
    }
  }

  /// What a layer has once the sizes of its inputs are known.
  private struct Built {
    let name: String
    let symbols: SymbolLayers
    let sizes: Sizes
    let first: Linear?
    let gate: Linear?
    let combination: Linear?
  }

  /// What it was made with.
  public let options: Options
  private let recurrent: Recurrent
  private let second: Recurrent?
  private let attention: any AttentionLayer
  private var own: Built?

  /// A layer of these options.
  public init(_ options: Options) {
    require(options.problem == nil, "AttentionDecoder: \(options.problem ?? "")")
    self.options = options
    recurrent = Recurrent(DecoderCell.options(options.recurrent))
    second = options.second.map { Recurrent(DecoderCell.options($0)) }
    guard let layer = try? options.attention.make(), let attention = layer as? any AttentionLayer else {
      fail("AttentionDecoder: expected a layer of attention, found \(options.attention.kind)")
    }
    self.attention = attention
  }

  private var built: Built {
    guard let own else { fail("AttentionDecoder: expected a layer that is built, found one without inputs") }
    return own
  }

  /// V.
  public var vocabularySize: Int { options.symbols.vocabularySize }

  /// The size of the query, and of the output.
  private var querySize: Int { recurrent.outputSize }
  private var outputSize: Int { (second ?? recurrent).outputSize }

  /// Those of the symbols, the cells, attention and the maps between them.
  public var members: [Member] {
    guard let own else { return [] }
    let maps = [("first_states", own.first), ("gate", own.gate), ("combination", own.combination)]
    return own.symbols.members + [.module("recurrent", recurrent)]
      + (second.map { [.module("second", $0)] } ?? []) + [.module("attention", attention)]
      + maps.compactMap { name, map in map.map { .module(name, $0) } }
  }

  /// The symbols' and those between the cells and attention.
  public var linearMaps: [Linear] {
    guard let own else { return [] }
    return own.symbols.linearMaps + [own.first, own.gate, own.combination].compactMap { $0 }
  }

  /// The sizes that follow from those of the memory and the summary.
  private struct Sizes {
    let memory: LayerShape
    let context: Int
    let summary: Int
  }

  /// The parts of the first cell's input: the symbol's vector, then what of the last step or of the memory it reads, then
  /// the summary.
  private func inputParts(_ sizes: Sizes) -> [Int] {
    let vector = options.symbols.embeddingSize
    return switch options.placement {
    case .before: [vector, sizes.context]
    case .between: [vector, outputSize, sizes.summary]
    case .after: [vector] + (options.feedsOutput ? [outputSize] : [])
    }
  }

  private func sizes(_ inputs: [LayerShape]) throws(LayerError) -> Sizes {
    let memory = inputs[1], summary = inputs.count > 2 ? inputs[2].features[0] : memory.features[0]
    let query = LayerShape.vector(querySize)
    let context = try attention.outputShapes([query, memory])[0].features[0]
    return Sizes(memory: memory, context: context, summary: summary)
  }

  /// Logits `[T, B, V]`.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] {
    try checkSymbols(inputs)
    guard inputs.count == 2 || inputs.count == 3, inputs[1].isSequence, inputs[1].features.count == 1,
      inputs.count == 2 || !inputs[2].isSequence && inputs[2].features.count == 1
    else {
      throw .badInput(
        layer: Self.kind, expected: "symbols, a memory [S, B, M] and perhaps a summary [B, G]",
        found: "\(inputs.map(\.description))")
    }
    let sizes = try sizes(inputs)
    let most = max(inputParts(sizes).reduce(0, +), sizes.context + querySize)
    guard most <= SizeCheck.most else {
      throw .badInput(layer: Self.kind, expected: "at most \(SizeCheck.most) numbers", found: "\(most)")
    }
    return [.sequence(vocabularySize)]
  }

  /// Numbers of all states of the cells.
  private var stateCount: Int {
    ([recurrent] + (second.map { [$0] } ?? [])).reduce(0) { $0 + $1.layers * $1.stateSizes.reduce(0, +) }
  }

  /// Inputs and outputs of the linear maps.
  private func maps(_ sizes: Sizes) -> [(name: String, input: Int, output: Int)] {
    var maps: [(name: String, input: Int, output: Int)] = []
    if options.firstStates == .summary { maps.append(("first_states", sizes.summary, stateCount)) }
    if options.gatesContext { maps.append(("gate", querySize, sizes.context)) }
    if options.placement == .after { maps.append(("combination", sizes.context + querySize, outputSize)) }
    return maps
  }

  /// Those of the symbols, the cells, attention and the maps between them.
  public func parameterShapes(_ inputs: [LayerShape]) -> AnySequence<ParameterShape> {
    guard let sizes = try? sizes(inputs) else { return AnySequence([]) }
    let symbols = SymbolLayers.parameterShapes(options.symbols, outputSize: outputSize)
    var parts = [
      AnySequence(symbols),
      DecoderCell.parameterShapes(recurrent, inputSize: inputParts(sizes).reduce(0, +), name: "recurrent"),
    ]
    if let second {
      parts.append(
        DecoderCell.parameterShapes(second, inputSize: sizes.context + querySize, name: "second"))
    }
    parts.append(
      AnySequence(
        attention.parameterShapes([.vector(querySize), sizes.memory]).lazy.map { $0.inside("attention") }))
    for map in maps(sizes) {
      parts.append(
        AnySequence(
          Linear.parameterShapes(inputSize: map.input, outputSize: map.output).map { $0.inside(map.name) }))
    }
    return AnySequence(parts.lazy.joined())
  }

  /// Makes the parameters.
  public func build(_ inputs: [LayerShape], _ context: BuildContext) {
    guard let sizes = try? sizes(inputs) else { return }
    func child(_ name: String) -> RandomStream { context.stream.child(name) }
    recurrent.build(
      inputSize: inputParts(sizes).reduce(0, +), name: context.name + "/recurrent",
      context.inside("recurrent"))
    second?.build(
      inputSize: sizes.context + querySize, name: context.name + "/second", context.inside("second"))
    attention.build([.vector(querySize), sizes.memory], context.inside("attention"))
    let maps = maps(sizes).map { map in
      (map.name, Linear(inputSize: map.input, outputSize: map.output, stream: child(map.name)))
    }
    func map(_ name: String) -> Linear? { maps.first { $0.0 == name }?.1 }
    own = Built(
      name: context.name,
      symbols: SymbolLayers(options.symbols, outputSize: outputSize, context), sizes: sizes,
      first: map("first_states"),
      gate: map("gate"), combination: map("combination"))
  }

  /// The logits `[.., V]` of outputs `[.., O]`.
  public func logits(_ outputs: Tensor) -> Tensor { built.symbols.logits(outputs) }

  // MARK: Steps

  /// One update's, or one decoding's, way through the steps.
  private final class Pass {
    let layer: AttentionDecoder
    let own: Built
    let first: CellInput
    let second: CellInput?
    private(set) var memory: AttentionMemory
    /// `[B, G]`, where it is read, and what it adds to the first cell's input.
    let summary: Tensor?
    private let summaryPart: Tensor?
    /// Whether contexts are what they add to a cell's input.
    private var seesProducts = false

    /// The parts of the first cell's input.
    private enum Part { static let symbol = 0, seen = 1, summary = 2 }

    /// Places of a memory that are mapped once where many rows look at them, and the most numbers of it.
    private static let mostPlaces = 16, mostNumbers = 1 << 26

    /// A decoding, which records nothing, maps a small memory once instead of each context.
    init(
      _ layer: AttentionDecoder, _ inputs: [LayerValue], _ context: ForwardContext, decodes: Bool = false
    ) {
      self.layer = layer
      own = layer.built
      let sizes = own.sizes
      first = CellInput(layer.recurrent, parts: layer.inputParts(sizes), context)
      second = layer.second.map {
        CellInput($0, parts: [sizes.context, layer.querySize], context)
      }
      memory = layer.attention.memory(inputs[0].tensor, mask: inputs[0].mask)
      let isRead = own.first != nil || layer.second != nil
      summary = isRead ? inputs.count > 1 ? inputs[1].tensor : layer.mean(inputs[0]) : nil
      summaryPart = layer.second == nil ? nil : summary.map { [first] in first.part(Part.summary, $0) }
      if decodes, layer.attention.averagesValues, own.gate == nil, layer.options.placement != .after {
        let (values, reader) = (memory.values, second ?? first)
        let (places, batch) = (values.shape[0], values.shape[1])
        if let width = reader.productWidth, places <= Self.mostPlaces,
          places * batch <= Self.mostNumbers / width
        {
          let products = reader.part(
            second == nil ? Part.seen : 0, values.reshaped([places * batch, sizes.context]))
          memory.values = products.reshaped([places, batch, width])
          seesProducts = true
        }
      }
    }

    /// The states of the recurrent layers, one after another, then the output that is fed back.
    var start: LayerDecoder.States {
      let batch = memory.values.shape[1]
      let cells = [layer.recurrent] + (layer.second.map { [$0] } ?? [])
      var tensors: [Tensor] = []
      if let map = own.first, let summary {
        let sizes = cells.map { $0.layers * $0.stateSizes.reduce(0, +) }
        for (part, cell) in zip(map(summary).tanh().split(sizes: sizes), cells) {
          tensors += DecoderCell.states(of: part, cell)
        }
      } else {
        tensors = cells.flatMap { $0.firstStates(nil, batch: batch) }
      }
      if layer.options.feedsOutput { tensors.append(.zeros([1, batch, layer.outputSize])) }
      return .init(tensors, sequences: (0..<Int32(batch)).map { $0 })
    }

    /// The sequences of rows for the operation; nil where each row is of its own.
    private func owners(_ states: LayerDecoder.States) -> [Int32]? {
      let isPlain =
        states.sequences.count == memory.values.shape[1]
        && states.sequences.enumerated().allSatisfy { $0 == Int($1) }
      return isPlain ? nil : states.sequences
    }

    /// What a step takes of symbols.
    func read(_ symbols: [Int32], _ context: ForwardContext) -> Tensor {
      first.part(Part.symbol, symbols, own.symbols, context)
    }

    func step(_ symbols: Tensor, _ states: LayerDecoder.States) -> ForcedSteps.Step {
      let count = layer.recurrent.stateSizes.count
      let lowest = Array(states.tensors.prefix(count))
      switch layer.options.placement {
      case .before:
        let query = lowest[0][layer.recurrent.layers - 1]
        let seen = layer.attention.attend(query, memory, sequences: owners(states))
        let context = own.gate.map { seen.context * $0(query).sigmoid() } ?? seen.context
        let part = seesProducts ? context : first.part(Part.seen, context)
        let result = first([symbols, part], states: lowest)
        return .init(
          output: result.output, states: .init(result.states, sequences: states.sequences),
          weights: seen.weights)
      case .between:
        let other = Array(states.tensors.dropFirst(count))
        guard let second, let summaryPart else {
          fail("AttentionDecoder: expected a second cell, found none")
        }
        let last = other[0][second.stepper.layer.layers - 1]
        let all = owners(states).map { summaryPart.gathered($0) } ?? summaryPart
        let lower = first([symbols, first.part(Part.seen, last), all], states: lowest)
        let seen = layer.attention.attend(lower.output, memory, sequences: owners(states))
        let part = seesProducts ? seen.context : second.part(0, seen.context)
        let upper = second([part, second.part(1, lower.output)], states: other)
        return .init(
          output: upper.output,
          states: .init(lower.states + upper.states, sequences: states.sequences), weights: seen.weights)
      case .after:
        let fed = layer.options.feedsOutput ? states.tensors.last?[0] : nil
        let result = first([symbols] + (fed.map { [first.part(Part.seen, $0)] } ?? []), states: lowest)
        let seen = layer.attention.attend(result.output, memory, sequences: owners(states))
        let output = combined(seen.context, result.output)
        let after = result.states + (fed == nil ? [] : [output.unsqueezed(axis: 0)])
        return .init(
          output: output, states: .init(after, sequences: states.sequences), weights: seen.weights)
      }
    }

    /// tanh(W_c [context; h] + b_c).
    func combined(_ context: Tensor, _ output: Tensor) -> Tensor {
      guard let map = own.combination else { fail("AttentionDecoder: expected a combination, found none") }
      return map(concatenated([context, output])).tanh()
    }
  }

  /// The mean `[B, M]` of the valid places of a memory, 0 where there are none.
  private func mean(_ memory: LayerValue) -> Tensor {
    let (places, batch) = (memory.tensor.shape[0], memory.tensor.shape[1])
    guard let mask = memory.mask else {
      return places == 0
        ? .zeros([batch, memory.tensor.shape[2]]) : memory.tensor.sum(axis: 0) / Float(places)
    }
    let flags = mask.flags(steps: places, batch: batch)
    let counts = (0..<batch).map { sequence in
      (0..<places).count { flags[$0 * batch + sequence] }
    }
    let hidden = Tensor(flags.map { $0 ? 0 : 1 }, shape: [places, batch, 1])
    let shares = Tensor(counts.map { $0 == 0 ? 0 : 1 / Float($0) }, shape: [batch, 1])
    return memory.tensor.filled(where: hidden, with: 0).sum(axis: 0) * shares
  }

  /// The outputs of known symbols.
  public func outputs(
    _ symbols: DecodedSymbols, _ inputs: [LayerValue], _ context: ForwardContext
  ) -> DecoderOutputs {
    let own = built
    let pass = Pass(self, inputs, context)
    let steps = ForcedSteps(
      symbols: symbols, layers: own.symbols, context: context, name: own.name, outputSize: outputSize)
    let draws = context.isTraining && symbols.drawnShare > 0
    let result: DecoderOutputs
    if options.placement == .after, !options.feedsOutput, !draws {
      let owners = symbols.sequences ?? (0..<Int32(symbols.count)).map { $0 }
      let states = own.first == nil ? nil : pass.start.of(owners).tensors
      let (rows, places) = steps.whole(recurrent, states: states)
      let seen = attention.attend(
        rows, pass.memory, sequences: places.map { owners[Int($0) % symbols.count] })
      result = DecoderOutputs(
        outputs: own.symbols.dropped(pass.combined(seen.context, rows), context), places: places,
        count: symbols.count, weights: seen.weights)
    } else {
      result = steps.run {
        pass.start.of($0)
      } reading: {
        pass.read($0, context)
      } _: {
        pass.step($0, $1)
      }
    }
    return DecoderOutputs(
      outputs: result.outputs, places: result.places, count: result.count, weights: result.weights,
      visible: visible(inputs[0], symbols))
  }

  /// 1 for the places `[N, S]` of the memory that each sequence can see.
  private func visible(_ memory: LayerValue, _ symbols: DecodedSymbols) -> Tensor? {
    guard let mask = memory.mask else { return nil }
    let (places, batch) = (memory.tensor.shape[0], memory.tensor.shape[1])
    let flags = mask.flags(steps: places, batch: batch)
    let owners = symbols.sequences?.map { Int($0) } ?? Array(0..<symbols.count)
    return Tensor(
      owners.flatMap { owner in (0..<places).map { flags[$0 * batch + owner] ? 1 : 0 } },
      shape: [symbols.count, places])
  }

  /// The layer a step at a time.
  public func decoder(_ inputs: [LayerValue], _ context: ForwardContext) -> LayerDecoder {
    withoutGradient {
      let (pass, symbols) = (Pass(self, inputs, context, decodes: true), built.symbols)
      let head = symbols.packedLogits()
      return LayerDecoder(start: pass.start) { states, tokens in
        let step = pass.step(pass.read(tokens, context), states)
        return .init(logits: head(step.output), states: step.states, weights: step.weights)
      }
    }
  }
}
