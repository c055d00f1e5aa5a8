import CellgateBasics
import CellgateCells
import CellgateTensor

/// Layers of a recurrent cell over whole sequences, in one or both directions.
///
/// ```swift
/// let recurrent = Recurrent(cell: .lstmWM, inputSize: 2, hiddenSize: 128, stream: stream)
/// let result = recurrent(x, context: context)   // x [T, B, 2]
/// result.output                                 // [T, B, 128]
/// result.last                                   // [B, 128]
/// ```
///
/// Past a sequence's length the output is 0 and the states stay as they were at its last valid step; the
/// reverse direction runs over the valid part only. Parameters bear PyTorch's names: `weight_ih_l0`,
/// `weight_ih_l0_reverse`, `weight_ih_l1`, …
public final class Recurrent: Module {
  /// The cell of all layers and directions.
  public let cell: Cell
  /// I and H.
  public let inputSize: Int, hiddenSize: Int
  /// The size of a direction's output: H, or P of a cell whose output is projected.
  public var outputSize: Int { executions[0].outputSize }
  /// The size of each of the cell's states: H or P.
  public var stateSizes: [Int] { executions[0].stateSizes }
  /// L, and D = 1 or 2.
  public let layers: Int, directions: Int
  /// The share of a layer's outputs that is dropped before the next layer reads them, while training.
  public let dropout: Float
  /// What the factors of the layers' matrix products are rounded to.
  public let precision: Precision
  /// Gradient checkpointing: steps between the states that are kept for the backward pass, which computes the rest
  /// again; nil keeps all that it reads.
  public let recomputeEvery: Int?
  /// What names this layer's dropout noise.
  public let name: String

  private let executions: [CellExecution]
  private let parameters: [[Parameter]]
  private let firstStates: [Parameter]

  /// Layers for inputs `[T, B, inputSize]`, with products in a precision that the instructions support. With
  /// `learnsFirstStates` the first states, `h0` `[L·D, H]` and so on, are parameters that start at 0 and are the same
  /// for every sequence.
  ///
  /// A cell with a projection has states, and perhaps an output, of `projectionSize` P (H where it is nil), as PyTorch's
  /// `proj_size`: every `[…, H]` below that is such a state or output is then `[…, P]`.
  ///
  /// With `recomputeEvery` K, gradient checkpointing, the states of every K-th step alone are kept for the backward pass
  /// (K ≈ √T keeps the least): a training step takes less memory and up to a third more time, and gives the same bits.
  public init(
    cell: Cell, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1,
    bidirectional: Bool = false,
    dropout: Float = 0, learnsFirstStates: Bool = false, recomputeEvery: Int? = nil,
    initialization: Initialization = Initialization(), name: String = "recurrent",
    instructions: InstructionSet = .active, precision: Precision = .float32, stream: RandomStream
  ) {
    require(layers > 0, "Recurrent: expected 1 or more layers, found \(layers)")
    require(dropout >= 0 && dropout < 1, "Recurrent: expected dropout in [0, 1), found \(dropout)")
    require(
      recomputeEvery ?? 1 > 0,
      "Recurrent: expected recomputeEvery 1 or more steps, found \(recomputeEvery ?? 0)")
    self.cell = cell
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    self.layers = layers
    let directions = bidirectional ? 2 : 1
    self.directions = directions
    self.dropout = dropout
    self.precision = precision
    self.recomputeEvery = recomputeEvery
    self.name = name
    func execution(inputSize: Int) -> CellExecution {
      CellExecution(
        cell: cell, inputSize: inputSize, hiddenSize: hiddenSize, projectionSize: projectionSize,
        instructions: instructions, precision: precision)
    }
    let first = execution(inputSize: inputSize)
    let executions =
      [first] + (1..<layers).map { _ in execution(inputSize: directions * first.outputSize) }
    self.executions = executions
    var parameters: [[Parameter]] = []
    let roles = cell.parameterRoles
    for layer in 0..<layers {
      for direction in 0..<directions {
        let suffix = Recurrent.suffix(layer: layer, direction: direction)
        parameters.append(
          cell.parameters.indices.map { index in
            let name = cell.parameters[index].name + suffix
            return Parameter(
              initialization.values(
                of: cell, index, roles: roles, modelName: name, inputSize: executions[layer].inputSize,
                hiddenSize: hiddenSize, projectionSize: projectionSize, stream: stream.child(name)))
          })
      }
    }
    self.parameters = parameters
    firstStates =
      learnsFirstStates ? first.stateSizes.map { Parameter(.zeros([layers * directions, $0])) } : []
  }

  static func suffix(layer: Int, direction: Int) -> String {
    "_l\(layer)" + (direction == 1 ? "_reverse" : "")
  }

  /// Per layer and direction the cell's parameters, then learned first states.
  public var members: [Member] {
    var members: [Member] = []
    for layer in 0..<layers {
      for direction in 0..<directions {
        let suffix = Recurrent.suffix(layer: layer, direction: direction)
        for (definition, parameter) in zip(cell.parameters, parameters[layer * directions + direction]) {
          members.append(.parameter(definition.name + suffix, parameter))
        }
      }
    }
    for (state, parameter) in zip(cell.states, firstStates) {
      members.append(.parameter(state + "0", parameter))
    }
    return members
  }

  /// The layers, the first one first, with their weights packed for inference as the steps come. Later changes of the
  /// parameters don't matter. Of one direction only: a stream knows no end to begin the other from.
  public func streams() -> [CellStream] {
    require(directions == 1, "Recurrent: expected layers of one direction to stream, found \(directions)")
    require(
      firstStates.isEmpty,
      "Recurrent: expected layers whose states begin with zeros to stream, found learned first states")
    return zip(executions, parameters).map { CellStream($0, parameters: $1.map(\.value)) }
  }

  /// What a pass over sequences gives.
  public struct Result {
    /// `[T, B, D·H]`; nil if it wasn't wanted.
    public var output: Tensor?
    /// Each of the cell's states after the last valid step, `[L·D, B, H]`.
    public var finalStates: [Tensor]
    let directions: Int

    /// The last layer's output after the last valid step, `[B, D·H]`: forward, then reverse direction.
    public var last: Tensor {
      let count = finalStates[0].shape[0]
      if directions == 1 { return finalStates[0][count - 1] }
      return concatenated([finalStates[0][count - 2], finalStates[0][count - 1]])
    }
  }

  /// Runs sequences `[T, B, I]`. Without steps the final states are the first ones; without sequences all that
  /// comes out is empty.
  ///
  /// - Parameters:
  ///   - states: each of the cell's states, `[L·D, B, H]`; nil for zeros, or for the learned ones.
  ///   - lengths: valid steps of each sequence, in 0...T; nil when all are T long.
  ///   - wantsOutput: false if only the final states matter: the output is then never stored.
  public func callAsFunction(
    _ x: Tensor, states: [Tensor]? = nil, lengths: [Int]? = nil, context: ForwardContext = .inference(),
    wantsOutput: Bool = true
  ) -> Result {
    require(
      x.rank == 3 && x.shape[2] == inputSize,
      "Recurrent: expected an input [T, B, \(inputSize)], found \(x.shape)")
    let steps = x.shape[0], batch = x.shape[1], stack = layers * directions
    // Learned states are the same for every sequence.
    let first =
      states
      ?? zip(firstStates, stateSizes).map { state, size in
        state.tensor.unsqueezed(axis: 1).broadcast(to: [stack, batch, size])
      }
    let given = first.isEmpty ? stateSizes.map { Tensor.zeros([stack, batch, $0]) } : first
    require(
      given.count == cell.states.count,
      "Recurrent: expected \(cell.states.count) states \(cell.states), found \(given.count)")
    for (size, state) in zip(stateSizes, given) {
      require(
        state.shape == [stack, batch, size],
        "Recurrent: expected states [\(stack), \(batch), \(size)], found \(state.shape)")
    }

    let inputs = [x] + given + parameters.flatMap { $0.map(\.tensor) }
    let saving: CellExecution.Saving =
      RecordedOperation.records(inputs) ? recomputeEvery.map { .states(every: $0) } ?? .everything : .nothing
    var pass = RecurrentPass(
      executions: executions, directions: directions, wantsOutput: wantsOutput,
      needsInputGradient: x.needsGradient, stop: context.stop,
      observe: context.observer.map { observe(for: $0, context) })
    let outputs = pass.forward(
      x.detached, states: given.map(\.detached), parameters: parameters.map { $0.map(\.value) },
      steps: steps, batch: batch, lengths: lengths, saving: saving,
      mask: dropout > 0 && context.isTraining ? { self.mask($0, context) } : nil)
    let recorded = RecordedOperation.record(cell.name, inputs: inputs, outputs: outputs) {
      [pass] gradients, _ in
      pass.backward(gradients)
    }
    return Result(
      output: wantsOutput ? recorded[0] : nil, finalStates: Array(recorded.dropFirst(wantsOutput ? 1 : 0)),
      directions: directions)
  }

  /// What shows the layer at a place of the stack to an observer.
  private func observe(
    for observer: @escaping LayerObserver, _ context: ForwardContext
  ) -> (Int, CellObservation) -> Void {
    let (prefix, suffix) = context.observedName(name)
    return { [directions] place, observation in
      let layer = Recurrent.suffix(layer: place / directions, direction: place % directions).dropFirst()
      observer(prefix + layer + suffix, observation)
    }
  }

  /// The mask of one layer's input.
  private func mask(_ shape: [Int], _ context: ForwardContext) -> Tensor {
    var stream = context.stream(name)
    return dropoutMask(shape, probability: dropout, stream: &stream)
  }
}
