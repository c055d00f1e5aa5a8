import CellgateBasics
import CellgateCells
import CellgateTensor

/// Steps of a recurrent layer one at a time, recorded, for decoders that compute something between steps, such as
/// attention over an encoder's outputs.
///
/// ```swift
/// let step = decoder.stepper(context)           // one for each update
/// var states = encoded.finalStates              // each [L, B, H]
/// let memory = attention.memory(encoded.output) // of an `AttentionLayer`
/// var outputs: [Tensor] = []
/// for word in 0..<words {
///   let seen = attention.attend(states[0][0], memory).context
///   let result = step(concatenated([x[word], seen]), states: states)   // [B, I]
///   states = result.states
///   outputs.append(result.output)               // [B, H]
/// }
/// loss(outputs).backward()
/// ```
///
/// The weights are packed once for all steps and their backward passes, and the gradients of the parameters are added
/// up in one place: values and gradients are those of the whole-sequence pass up to rounding. Dropout draws one mask
/// for each sequence at the first step, of which later steps may take the first ones only: that of the input and the
/// recurrent one are the whole-sequence pass's, that between layers is the same at each step here and differs from step to
/// step there. Zoneout and weight drop are the whole-sequence pass's; the steps count in the order in which they are taken.
///
/// A stepper is for one update: its steps share one backward pass, and the parameters must stay as they are until that
/// is done. After an update, make a new one. Steps are not shown to a context's observer.
public final class RecurrentStepper {
  /// What one step gives.
  public struct Step {
    /// The last layer's output, `[B, H]`.
    public let output: Tensor
    /// Each of the cell's states, `[L, B, H]`, with which the next step goes on.
    public let states: [Tensor]
  }

  /// The layer.
  public let layer: Recurrent

  private let executions: [CellExecution]
  private let weights: [CellExecution.Weights]
  private let totals: [CellExecution.GradientTotal]
  /// Stands for the parameters among the inputs of each step: when the gradients of all steps have arrived, they go on
  /// from here.
  private let token: Tensor
  private let masks: Masks?
  private let parameters: [[Tensor]]
  private let noise: [CellNoise]?
  /// Steps taken so far.
  private var steps = 0

  /// The noise of one sequence, drawn when the first step shows how many sequences there are.
  private final class Masks {
    var streams: (input: RandomStream?, recurrent: RandomStream?, layers: [RandomStream])
    private(set) var drawn: (batch: Int, input: Tensor?, recurrent: Tensor?, layers: [Tensor])?

    init(_ layer: Recurrent, _ context: ForwardContext) {
      let (options, name) = (layer.options, layer.name)
      streams.input = options.inputDropout > 0 ? context.stream(name + "/input") : nil
      streams.recurrent = options.recurrentDropout > 0 ? context.stream(name + "/recurrent") : nil
      streams.layers = options.dropout > 0 ? (1..<layer.layers).map { _ in context.stream(name) } : []
    }

    func drawn(_ layer: Recurrent, batch: Int) -> (input: Tensor?, recurrent: Tensor?, layers: [Tensor]) {
      if let drawn {
        require(
          batch <= drawn.batch,
          "RecurrentStepper: expected at most \(drawn.batch) sequences as at the first step, whose dropout goes on, found \(batch)"
        )
        if batch == drawn.batch { return (drawn.input, drawn.recurrent, drawn.layers) }
        return (
          drawn.input?[0..<batch], drawn.recurrent?.sliced(0..<batch, axis: 1),
          drawn.layers.map { $0.sliced(0..<batch, axis: 1) }
        )
      }
      let options = layer.options
      var input: Tensor?
      if var stream = streams.input {
        input = dropoutMask([batch, layer.inputSize], probability: options.inputDropout, stream: &stream)
      }
      var recurrent: Tensor?
      if var stream = streams.recurrent { recurrent = layer.recurrentMask(batch: batch, stream: &stream) }
      let layers = streams.layers.map { stream in
        var stream = stream
        return dropoutMask(
          [1, batch, layer.outputSize], probability: options.dropout, stream: &stream)
      }
      drawn = (batch, input, recurrent, layers)
      return (input, recurrent, layers)
    }
  }

  /// Whether steps take the products on the first layer's input.
  private let takesProducts: Bool

  /// Steps of inputs, or of products that the layer's ``Recurrent/inputMap`` makes of them.
  init(_ layer: Recurrent, _ context: ForwardContext, takesProducts: Bool = false) {
    self.takesProducts = takesProducts
    require(
      layer.directions == 1,
      "RecurrentStepper: expected layers of one direction, found \(layer.directions)")
    require(layer.options.kernel == nil, "RecurrentStepper: expected layers of vectors, found a grid")
    layer.checkTrains(context)
    self.layer = layer
    let own = layer.executions(context), parameters = layer.parameters(context)
    let executions = takesProducts ? layer.productExecutions(own) : own
    let totals = executions.map { CellExecution.GradientTotal($0) }
    self.executions = executions
    self.totals = totals
    self.parameters = parameters.map { $0.map(\.detached) }
    weights = zip(executions, self.parameters).map { CellExecution.Weights($0, parameters: $1) }
    noise = layer.noise(context)
    let options = layer.options
    let hasNoise = max(options.inputDropout, options.recurrentDropout, options.dropout) > 0
    masks = context.isTraining && hasNoise ? Masks(layer, context) : nil
    token =
      RecordedOperation.record(
        layer.cell.name + " weights", inputs: parameters.flatMap { $0 },
        outputs: [.zeros([])]
      ) { _, _ in totals.flatMap { $0.joined() } }[0]
  }

  /// Takes one step.
  ///
  /// - Parameters:
  ///   - x: the input, `[B, I]`, or the products on it, `[B, N]`.
  ///   - states: each of the cell's states before the step, `[L, B, H]`; nil for zeros, or for the learned ones.
  public func callAsFunction(_ x: Tensor, states: [Tensor]? = nil) -> Step {
    require(
      x.rank == 2 && (takesProducts || x.shape[1] == layer.inputSize),
      "RecurrentStepper: expected an input [B, \(layer.inputSize)], found \(x.shape)")
    let batch = x.shape[0]
    var given = layer.firstStates(states, batch: batch)
    let noise = masks?.drawn(layer, batch: batch)
    if let recurrent = noise?.recurrent { given.append(recurrent) }
    var input = noise?.input.map { x * $0 } ?? x
    if !layer.precision.trains { (input, given) = (input.detached, given.map(\.detached)) }

    let inputs = [input] + given + [token]
    var pass = RecurrentPass(
      executions: executions, directions: 1, wantsOutput: true, needsInputGradient: input.needsGradient,
      needsStateGradients: given.contains(where: \.needsGradient),
      noise: self.noise?.map { CellNoise($0.stream, firstStep: steps) }, weights: weights, totals: totals)
    steps += 1
    let layerMasks = noise?.layers ?? []
    var outputs = pass.forward(
      input.detached.reshaped([1, batch, input.shape[1]]), states: given.map(\.detached),
      parameters: parameters, steps: 1, batch: batch, lengths: nil,
      saving: RecordedOperation.records(inputs) ? .everything : .nothing,
      mask: layerMasks.isEmpty ? nil : { layer, _ in layerMasks[layer - 1] })
    let size = layer.outputSize
    outputs[0] = outputs[0].reshaped([batch, size])
    let recorded = RecordedOperation.record(layer.cell.name + " step", inputs: inputs, outputs: outputs) {
      [pass] gradients, _ in
      var arriving = gradients
      arriving[0] = gradients[0]?.reshaped([1, batch, size])
      var result = pass.backward(arriving)
      result[0] = result[0]?.reshaped(input.shape)
      return result + [.zeros([])]
    }
    return Step(output: recorded[0], states: Array(recorded[1...layer.cell.states.count]))
  }
}

extension Recurrent {
  /// Steps of the layer one at a time, on weights that are packed once: of layers of one direction, for one update.
  public func stepper(_ context: ForwardContext = .inference()) -> RecurrentStepper {
    RecurrentStepper(self, context)
  }
}
