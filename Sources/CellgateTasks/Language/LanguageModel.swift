import CellgateBasics
import CellgateCells
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
