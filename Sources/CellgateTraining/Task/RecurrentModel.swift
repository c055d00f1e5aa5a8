import CellgateCells
import CellgateNN
import CellgateTensor

/// A module that is a graph of layers: `Model` makes the same of its description, with parameters of the same names.
public protocol DescribedModule: Module {
  /// The graph.
  var description: ModelDescription { get }
}

extension Model: DescribedModule {}

/// Recurrent layers and a linear head on the last state or on every step: the model of most tasks.
///
/// Its parameters are `recurrent.weight_ih_l0`, ..., `head.weight`, `head.bias`.
public final class RecurrentModel: DescribedModule {
  /// What the layers read passes through it.
  private let inputDropout: Dropout
  /// The layers.
  public let recurrent: Recurrent
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
    recurrent = Recurrent(settings.recurrentOptions(cell), initialization: settings.start)
    recurrent.build(
      [.sequence(shape.inputSize)], BuildContext(name: "recurrent", stream: stream.child("recurrent")))
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
    let recurrent = Recurrent.parameterShapes(
      cell: cell, inputSize: shape.inputSize, hiddenSize: settings.hidden, layers: settings.layers,
      bidirectional: settings.bidirectional)
    let head = Linear.parameterShapes(
      inputSize: (settings.bidirectional ? 2 : 1) * settings.hidden, outputSize: shape.outputSize)
    return AnySequence(
      [
        AnySequence(recurrent.lazy.map { $0.inside("recurrent") }),
        AnySequence(head.map { $0.inside("head") }),
      ]
      .lazy.joined())
  }

  /// `recurrent` and `head`.
  public var members: [Member] { [.module("recurrent", recurrent), .module("head", head)] }

  /// x [T, B, I] gives [B, outputs], or [T, B, outputs] when each step is read.
  public func callAsFunction(
    _ x: Tensor, context: ForwardContext = .inference(), probe: TensorProbe? = nil
  ) -> Tensor {
    probe?("input", "x", x)
    let result = recurrent(inputDropout(x, context), context: context, wantsOutput: readsEveryStep)
    if let probe { show(result, to: probe) }
    let output = readsEveryStep ? result.output ?? result.last : result.last
    let logits = head(dropout(output, context))
    probe?("head", "output", logits)
    return logits
  }

  /// Each layer's final states, in which what is not finite stays, and the output.
  private func show(_ result: Recurrent.Result, to probe: TensorProbe) {
    for row in 0..<recurrent.layers * recurrent.directions {
      let (layer, direction) = (row / recurrent.directions, row % recurrent.directions)
      for (name, states) in zip(recurrent.cell.states, result.finalStates) {
        probe("recurrent.l\(layer)\(direction == 1 ? "_reverse" : "")", name, states[row])
      }
    }
    if let output = result.output { probe("recurrent", "output", output) }
  }
}
