import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// An embedding of each symbol, recurrent layers, and a linear head over the symbols: the next one's logits. Settings may have a
/// causal Transformer in place of the recurrent layers.
///
/// Its parameters are `embedding.weight`, `recurrent.weight_ih_l0`, ..., or `transformer.layers.0.…`, `head.weight`, `head.bias`. With `--tie-weights yes` the
/// head's weights are those of the embedding (Press and Wolf 2017, https://arxiv.org/abs/1608.05859), and there is no
/// `head.weight`.
public final class LanguageModel: DescribedModule {
  /// V vectors of E numbers.
  public let embedding: Embedding
  /// What the layers read passes through it.
  private let inputDropout: Dropout
  /// The layers, in one direction: the other would see what is to be predicted.
  package let body: SequenceBody
  /// The recurrent layers; nil of a Transformer.
  public var recurrent: Recurrent? { body.recurrent }
  /// What the head reads passes through it.
  private let dropout: Dropout
  /// [.., H] to [.., V].
  public let head: Linear
  /// The model as data.
  public let description: ModelDescription

  /// A model of `symbols` V of the sizes in `settings`; its first values depend on the seed alone.
  public init(settings: TrainingSettings, symbols: Int, cell: Cell) {
    require(
      !settings.bidirectional, "LanguageModel: expected settings of one direction, found bidirectional ones")
    let stream = RandomStream(seed: settings.seed, name: "initialization")
    let size = settings.whole(LanguageModelOptions.embedding)
    embedding = Embedding(
      count: symbols, size: size, dropout: settings.embeddingDropout, stream: stream.child("embedding"),
      initializer: settings.start.embeddingWeight("embedding", tiedSize: settings.tiesWeights ? size : nil))
    inputDropout = Dropout(probability: settings.inputDropout ?? 0, name: "input")
    body = settings.body(cell, causal: settings.whole(LanguageModelOptions.length))
      .built(inputSize: size, stream: stream)
    dropout = Dropout(probability: settings.headDropout, name: "head")
    head =
      settings.tiesWeights
      ? Linear(
        tiedTo: embedding.weight, stream: stream.child("head"),
        biasInitializer: settings.start.linearBias("head", inputSize: settings.hidden) ?? .zeros)
      : Linear(
        inputSize: settings.hidden, outputSize: symbols, stream: stream.child("head"),
        weightInitializer: settings.start.linearWeight("head"),
        biasInitializer: settings.start.linearBias("head", inputSize: settings.hidden))
    description = ModelDescription(
      settings: settings, cell: cell, inputSize: size, outputSize: symbols, symbols: symbols,
      tiesWeights: settings.tiesWeights, causal: settings.whole(LanguageModelOptions.length),
      readsEveryStep: true)
  }

  /// A model of layers that are built.
  private init(
    _ embedding: Embedding, _ body: SequenceBody, _ head: Linear, _ description: ModelDescription
  ) {
    (self.embedding, self.body, self.head, self.description) = (embedding, body, head, description)
    dropout = Dropout(probability: 0, name: "head")
    inputDropout = Dropout(probability: 0, name: "input")
  }

  /// The model in a file, which needs neither a run's folder nor data, and its symbols: an embedding of them, recurrent layers
  /// in one direction or a causal Transformer, and logits of the next symbol at every step. Throws `otherModel`, or `run`.
  public static func load(
    _ path: String, trustingWeights: Bool = false
  ) throws(GenerationError) -> (model: LanguageModel, tokenizer: TextTokenizer) {
    let model: Model
    do throws(RunError) { model = try Model.load(path, trustingWeights: trustingWeights) } catch {
      throw .run(error)
    }
    return try LanguageModel.of(model, file: path)
  }

  /// The language model that a loaded model is, with the same parameters, and its symbols; `file` is its name in errors. Throws as
  /// `load` does.
  public static func of(
    _ model: Model, file path: String
  ) throws(GenerationError) -> (model: LanguageModel, tokenizer: TextTokenizer) {
    let layers = model.layers.map(\.layer).filter { !($0 is Dropout) }
    guard model.description.isChain, layers.count == 3, let embedding = layers[0] as? Embedding,
      let body = body(layers[1]), let head = head(layers[2])
    else {
      throw .otherModel(file: path, layers: model.layers.map(\.name))
    }
    let tokenizer = TextTokenizer(metadata: model.metadata)
    guard let tokenizer, tokenizer.canWrite, tokenizer.count == embedding.options.inputDim,
      tokenizer.count == head.weight.shape[0]
    else {
      throw .run(
        .badState(
          file: path, name: "vocabulary", expected: "the model's \(embedding.options.inputDim) symbols",
          found: tokenizer.map { "\($0.count)" } ?? "nothing"))
    }
    return (LanguageModel(embedding, body, head, model.description), tokenizer)
  }

  /// The model without its head a step at a time, with its weights packed: after each symbol what the head would read, `[H]`.
  /// Throws `badLayer` for layers that can't be streamed.
  public func hiddenStream() throws(StreamError) -> ModelStream {
    try ModelStream(embedding: embedding, body: body, head: nil)
  }

  /// Layers that see no later symbol and go on from piece to piece.
  private static func body(_ layer: any Layer) -> SequenceBody? {
    switch layer {
    case let layer as Recurrent
    where layer.directions == 1 && layer.options.returnSequences && !layer.options.goBackwards
      && !layer.options.learnsFirstStates:
      .recurrent(layer)
    case let layer as TransformerEncoder where layer.window != nil && layer.options.returnSequences:
      .transformer(layer)
    default: nil
    }
  }

  /// The map of a layer that gives logits, or their softmax, which are the same to whoever samples.
  private static func head(_ layer: any Layer) -> Linear? {
    switch layer {
    case let layer as Dense where [.linear, .softmax].contains(layer.options.activation): layer.map
    case let layer as TiedDense: layer.map
    default: nil
    }
  }

  /// How well the model predicts a text in a file, with a memory perhaps, each symbol but the first. Throws what is wrong with the file,
  /// `unknownToModel` for a character that there is no symbol for, `tooShort` for fewer than two symbols.
  public func score(
    _ path: String, tokenizer: TextTokenizer, memory: LanguageMemory? = nil
  ) throws(TaskDataError) -> TextScore {
    let stream = try Self.encoded(path, tokenizer)
    let scores = withoutGradient {
      LanguageModelObjective.scores(
        reading(stream, tokenizer), unknown: tokenizer.unknown, memory: memory)
    }
    return TextScore(
      symbols: stream.indices.count - 1,
      characters: stream.characters?.dropFirst().reduce(0) { $0 + Int($1) } ?? stream.indices.count - 1,
      bitsPerCharacter: scores.bitsPerCharacter(of: stream, leavingOut: tokenizer.unknown),
      crossEntropy: scores.all, unknownShare: scores.unknownShare)
  }

  /// A long text as the model reads it.
  func reading(
    _ stream: TextTokenizer.Encoded, _ tokenizer: TextTokenizer, _ context: ForwardContext = .inference()
  ) -> LanguageReading {
    LanguageReading(
      model: self, stream: stream.indices, chunk: LanguageReading.chunk(for: tokenizer), context: context)
  }

  /// The symbols of the text in a file. Throws what is wrong with the file, `unknownToModel` for a character that there is no symbol
  /// for, `tooShort` for fewer than two symbols.
  public static func encoded(
    _ path: String, _ tokenizer: TextTokenizer
  ) throws(TaskDataError) -> TextTokenizer.Encoded {
    let file = try TextFile(path)
    let stream: TextTokenizer.Encoded
    do throws(UnknownCharacter) {
      stream = try tokenizer.encode(tokenizer.hasMark ? file.scalars : file.text)
    } catch { throw .unknownToModel(file: path, character: error.character, place: error.place) }
    let count = stream.indices.count
    guard count > 1 else {
      throw .tooShort(file: path, part: "text", expected: 2, found: count, unit: tokenizer.unit.rawValue)
    }
    return stream
  }

  /// The parameters of such a model, in their order, without making it.
  static func parameterShapes(
    settings: TrainingSettings, symbols: Int, cell: Cell
  ) -> AnySequence<ParameterShape> {
    let size = settings.whole(LanguageModelOptions.embedding)
    let embedding = Embedding.parameterShapes(count: symbols, size: size).map { $0.inside("embedding") }
    let shape = SequenceShape(steps: 1, inputSize: size, outputSize: symbols)
    let rest = RecurrentModel.parameterShapes(settings: settings, shape: shape, cell: cell)
    let isTied = settings.tiesWeights
    return AnySequence(
      [AnySequence(embedding), AnySequence(rest.lazy.filter { !isTied || $0.name != "head.weight" })].lazy
        .joined())
  }

  /// `embedding`, `recurrent` or `transformer`, and `head`.
  public var members: [Member] {
    [.module("embedding", embedding), .module(body.name, body.layer), .module("head", head)]
  }

  /// Symbols [T, B], row by row, give the logits of the one after each, [T, B, V], and the states after the last
  /// step: each of the cell's, [L, B, H], or those of the Transformer. `states` are those before the first step; nil for zeros.
  public func callAsFunction(
    _ symbols: [Int32], steps: Int, batch: Int, states: [Tensor]? = nil,
    context: ForwardContext = .inference(), probe: TensorProbe? = nil
  ) -> (logits: Tensor, states: [Tensor]) {
    let reading = read(symbols, steps: steps, batch: batch, states: states, context: context, probe: probe)
    return (reading.logits, reading.states)
  }

  /// What a model makes of some symbols.
  struct Reading {
    /// What the head reads, [T, B, H].
    let output: Tensor
    /// The logits of the symbol after each, [T, B, V].
    let logits: Tensor
    /// The states after the last step.
    let states: [Tensor]

    /// The probability of the symbol after each of some places [T, B].
    func probabilities(of classes: [Int32], where isScored: [Bool]) -> [Double] {
      let places = isScored.indices.filter { isScored[$0] }, size = logits.shape[2]
      let rows = logits.reshaped([logits.count / size, size]).gathered(places.map { Int32($0) })
      let own = places.enumerated().map { Int32($0 * size) + classes[$1] }
      return rows.softmax().reshaped([rows.count]).gathered(own).scalars.map { Double($0) }
    }
  }

  /// As a call, with what the head reads.
  func read(
    _ symbols: [Int32], steps: Int, batch: Int, states: [Tensor]? = nil,
    context: ForwardContext = .inference(), probe: TensorProbe? = nil
  ) -> Reading {
    probe?("input", "symbols", Tensor(symbols.map(Float.init), shape: [steps, batch]))
    let x = embedding(symbols, shape: [steps, batch], context: context)
    probe?("embedding", "x", x)
    let result = body(inputDropout(x, context), states: states, context: context, wantsStates: true)
    guard let output = result.output else { fail("LanguageModel: expected the layers' output, found none") }
    if let probe { result.show(body.name, probe) }
    let logits = head(dropout(output, context))
    probe?("head", "output", logits)
    return Reading(output: output, logits: logits, states: result.states)
  }
}

/// How well a language model predicts a text.
public struct TextScore: Sendable, Equatable {
  /// Symbols that were predicted: characters, words or pieces.
  public var symbols: Int
  /// Characters of these symbols.
  public var characters: Int
  /// Bits of a character, without those of unknown symbols.
  public var bitsPerCharacter: Double
  /// The cross-entropy of a symbol in nats, unknown ones included.
  public var crossEntropy: Double
  /// The share of symbols that are the unknown one.
  public var unknownShare: Double

  /// e to the cross-entropy: of how many equally likely symbols one seems to be chosen.
  public var perplexity: Double { min(exp(crossEntropy), .greatestFiniteMagnitude) }
}
