import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// An embedding of each symbol, recurrent layers, and a linear head over the symbols: the next one's logits.
///
/// Its parameters are `embedding.weight`, `recurrent.weight_ih_l0`, ..., `head.weight`, `head.bias`.
public final class LanguageModel: DescribedModule {
  /// V vectors of E numbers.
  public let embedding: Embedding
  /// The layers, in one direction: the other would see what is to be predicted.
  public let recurrent: Recurrent
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
      initializer: settings.start.embeddingWeight("embedding"))
    recurrent = Recurrent(settings.recurrentOptions(cell), initialization: settings.start)
    recurrent.build([.sequence(size)], BuildContext(name: "recurrent", stream: stream.child("recurrent")))
    dropout = Dropout(probability: settings.headDropout, name: "head")
    head = Linear(
      inputSize: settings.hidden, outputSize: symbols, stream: stream.child("head"),
      weightInitializer: settings.start.linearWeight("head"),
      biasInitializer: settings.start.linearBias("head", inputSize: settings.hidden))
    description = ModelDescription(
      settings: settings, cell: cell, inputSize: size, outputSize: symbols, symbols: symbols,
      readsEveryStep: true)
  }

  /// A model of layers that are built.
  private init(
    _ embedding: Embedding, _ recurrent: Recurrent, _ head: Linear, _ description: ModelDescription
  ) {
    (self.embedding, self.recurrent, self.head, self.description) = (embedding, recurrent, head, description)
    dropout = Dropout(probability: 0, name: "head")
  }

  /// The model in a file, which needs neither a run's folder nor data, and its symbols: an embedding of the characters of its
  /// vocabulary, recurrent layers in one direction, and logits of the next character at every step. Throws `otherModel`, or
  /// `run`.
  public static func load(
    _ path: String, trustingWeights: Bool = false
  ) throws(GenerationError) -> (model: LanguageModel, vocabulary: Vocabulary) {
    let model: Model
    do throws(RunError) { model = try Model.load(path, trustingWeights: trustingWeights) } catch {
      throw .run(error)
    }
    let layers = model.layers.map(\.layer).filter { !($0 is Dropout) }
    guard model.description.isChain, layers.count == 3, let embedding = layers[0] as? Embedding,
      let recurrent = layers[1] as? Recurrent, recurrent.directions == 1, recurrent.options.returnSequences,
      !recurrent.options.goBackwards, !recurrent.options.learnsFirstStates,
      let head = layers[2] as? Dense,
      head.options.activation == .linear || head.options.activation == .softmax
    else {
      throw .otherModel(file: path, layers: model.layers.map(\.name))
    }
    guard let vocabulary = Vocabulary(metadata: model.metadata), !vocabulary.symbols.isEmpty,
      vocabulary.count == embedding.options.inputDim, vocabulary.count == head.options.units
    else {
      throw .run(
        .badState(
          file: path, name: "vocabulary", expected: "the model's \(embedding.options.inputDim) symbols",
          found: Vocabulary(metadata: model.metadata).map { "\($0.count)" } ?? "nothing"))
    }
    return (LanguageModel(embedding, recurrent, head.map, model.description), vocabulary)
  }

  /// How well the model predicts a text in a file, each character but the first. Throws what is wrong with the file,
  /// `unknownToModel` for a character that the vocabulary has no symbol for, `tooShort` for fewer than two characters.
  public func score(_ path: String, vocabulary: Vocabulary) throws(TaskDataError) -> TextScore {
    let file = try TextFile(path)
    let text = vocabulary.index(of: TextFile.mark) == nil ? file.text : file.scalars
    guard text.count > 1 else { throw .tooShort(file: path, part: "text", expected: 2, found: text.count) }
    let stream = try CharacterBatches.streams([(path, text[...])], vocabulary: vocabulary)[0]
    let scores = withoutGradient {
      LanguageModelObjective.scores(self, stream, unknown: vocabulary.unknown)
    }
    return TextScore(
      characters: stream.count - 1, bitsPerCharacter: scores.known / log(2), crossEntropy: scores.all,
      unknownShare: scores.unknownShare)
  }

  /// The parameters of such a model, in their order, without making it.
  static func parameterShapes(
    settings: TrainingSettings, symbols: Int, cell: Cell
  ) -> AnySequence<ParameterShape> {
    let size = settings.whole(LanguageModelOptions.embedding)
    let embedding = Embedding.parameterShapes(count: symbols, size: size).map { $0.inside("embedding") }
    let shape = SequenceShape(steps: 1, inputSize: size, outputSize: symbols)
    let rest = RecurrentModel.parameterShapes(settings: settings, shape: shape, cell: cell)
    return AnySequence([AnySequence(embedding), rest].lazy.joined())
  }

  /// `embedding`, `recurrent` and `head`.
  public var members: [Member] {
    [.module("embedding", embedding), .module("recurrent", recurrent), .module("head", head)]
  }

  /// Symbols [T, B], row by row, give the logits of the one after each, [T, B, V], and each of the cell's states
  /// after the last step, [L, B, H]. `states` are those before the first step; nil for zeros.
  public func callAsFunction(
    _ symbols: [Int32], steps: Int, batch: Int, states: [Tensor]? = nil,
    context: ForwardContext = .inference(), probe: TensorProbe? = nil
  ) -> (logits: Tensor, states: [Tensor]) {
    probe?("input", "symbols", Tensor(symbols.map(Float.init), shape: [steps, batch]))
    let x = embedding(symbols, shape: [steps, batch], context: context)
    probe?("embedding", "x", x)
    let result = recurrent(x, states: states, context: context)
    guard let output = result.output else { fail("LanguageModel: expected the layers' output, found none") }
    if let probe {
      for layer in 0..<recurrent.layers {
        for (name, states) in zip(recurrent.cell.states, result.finalStates) {
          probe("recurrent.l\(layer)", name, states[layer])
        }
      }
      probe("recurrent", "output", output)
    }
    let logits = head(dropout(output, context))
    probe?("head", "output", logits)
    return (logits, result.finalStates)
  }
}

/// How well a language model predicts a text.
public struct TextScore: Sendable, Equatable {
  /// Characters that were predicted.
  public var characters: Int
  /// Bits of a character that the vocabulary has a symbol for.
  public var bitsPerCharacter: Double
  /// The cross-entropy of a character in nats, unknown ones included.
  public var crossEntropy: Double
  /// The share of characters that are the unknown symbol.
  public var unknownShare: Double
}
