import CellgateCells
import CellgateNN
import CellgateTensor

/// A module that is a graph of layers: `Model` makes the same of its description, with parameters of the same names.
public protocol DescribedModule: Module {
  /// The graph.
  var description: ModelDescription { get }
}

extension Model: DescribedModule {}

/// Recurrent layers and a linear head on the last state or on every step: the model of most tasks. Settings may have a
/// Transformer in place of the recurrent layers.
///
/// Its parameters are `recurrent.weight_ih_l0`, ..., or `transformer.layers.0.…`, and `head.weight`, `head.bias`.
public final class RecurrentModel: DescribedModule {
  /// What the layers read passes through it.
  private let inputDropout: Dropout
  /// The layers before the head.
  package let body: SequenceBody
  /// The recurrent layers; nil of a Transformer.
  public var recurrent: Recurrent? { body.recurrent }
  /// What the head reads passes through it.
  private let dropout: Dropout
  /// [.., D·H] to [.., outputs].
  public let head: Linear
  /// Whether the head reads each step, or the last one only.
  public let readsEveryStep: Bool
  /// The model as data.
  public let description: ModelDescription

  /// A model of the sizes in `settings` and `shape`; its first values depend on the seed alone.
  public init(settings: TrainingSettings, shape: SequenceShape, cell: Cell) {
    let stream = RandomStream(seed: settings.seed, name: "initialization")
    inputDropout = Dropout(probability: settings.inputDropout ?? 0, name: "input")
    body = settings.body(cell).built(inputSize: shape.inputSize, stream: stream)
    dropout = Dropout(probability: settings.headDropout, name: "head")
    let width = (settings.bidirectional ? 2 : 1) * settings.hidden
    head = Linear(
      inputSize: width, outputSize: shape.outputSize, stream: stream.child("head"),
      weightInitializer: settings.start.linearWeight("head"),
      biasInitializer: settings.start.linearBias("head", inputSize: width))
    readsEveryStep = shape.readsEveryStep
    description = ModelDescription(
      settings: settings, cell: cell, inputSize: shape.inputSize, outputSize: shape.outputSize,
      readsEveryStep: shape.readsEveryStep)
  }

  /// The parameters of such a model, in their order, without making it.
  public static func parameterShapes(
    settings: TrainingSettings, shape: SequenceShape, cell: Cell
  ) -> AnySequence<ParameterShape> {
    let body =
      settings.isTransformer
      ? TransformerEncoder.parameterShapes(
        settings.transformerOptions(returnSequences: true), inputSize: shape.inputSize)
      : AnySequence(
        Recurrent.parameterShapes(
          cell: cell, inputSize: shape.inputSize, hiddenSize: settings.hidden, layers: settings.layers,
          bidirectional: settings.bidirectional))
    let name = settings.isTransformer ? TransformerOption.transformer : TransformerOption.recurrent
    let head = Linear.parameterShapes(
      inputSize: (settings.bidirectional ? 2 : 1) * settings.hidden, outputSize: shape.outputSize)
    return AnySequence(
      [
        AnySequence(body.lazy.map { $0.inside(name) }),
        AnySequence(head.map { $0.inside("head") }),
      ]
      .lazy.joined())
  }

  /// `recurrent` or `transformer`, and `head`.
  public var members: [Member] { [.module(body.name, body.layer), .module("head", head)] }

  /// x [T, B, I] gives [B, outputs], or [T, B, outputs] when each step is read.
  public func callAsFunction(
    _ x: Tensor, context: ForwardContext = .inference(), probe: TensorProbe? = nil
  ) -> Tensor {
    probe?("input", "x", x)
    let result = body(inputDropout(x, context), context: context, wantsOutput: readsEveryStep)
    if let probe { result.show(body.name, probe) }
    let output = readsEveryStep ? result.output ?? result.last : result.last
    let logits = head(dropout(output, context))
    probe?("head", "output", logits)
    return logits
  }
}
