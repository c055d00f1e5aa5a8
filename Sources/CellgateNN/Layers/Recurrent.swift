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
///
/// With ``RecurrentOptions/kernel`` the layer runs on a grid, where its cell's maps are convolutions (``CellGrid``): the
/// layer reads sequences of `[height, width, channels]` and gives such of `[height, width, D·H]`. B of the calls of this type counts the
/// places of all sequences then, each sequence's one after another. Such a layer isn't shown to observers.
public class Recurrent: Layer {
  /// The kind that descriptions of models name it by.
  public class var kind: String { "recurrent" }

  /// The options of a recurrent layer.
  public typealias Options = RecurrentOptions

  /// What it was made with.
  public let options: RecurrentOptions
  /// How the parameters start.
  public let initialization: Initialization

  /// What a layer has once the size of its input is known.
  struct Built {
    let inputSize: Int
    /// The grid on which its maps are convolutions; nil for none.
    let grid: CellGrid?
    /// What names the noise and what observers see.
    let name: String
    /// Of each layer.
    let executions: [CellExecution]
    /// The same while training: with recurrent dropout and zoneout.
    let trainingExecutions: [CellExecution]
    /// Of each layer and direction.
    let parameters: [[Parameter]]
    let firstStates: [Parameter]
  }
  private var made: Built?
  /// What a stateful layer keeps from batch to batch.
  var keptStates: [Tensor]?

  var built: Built {
    guard let made else { fail("Recurrent: expected a layer that is built, found one without inputs") }
    return made
  }

  /// The cell of all layers and directions.
  public var cell: Cell { options.cell.cell }
  /// I, of a layer that is built.
  public var inputSize: Int { built.inputSize }
  /// H.
  public var hiddenSize: Int { options.units }
  /// The size of a direction's output: H, or P of a cell whose output is projected.
  public var outputSize: Int { stateSizes[0] }
  /// The size of each of the cell's states: H or P.
  public var stateSizes: [Int] {
    cell.stateSizes.map { $0 == .projection ? options.projection ?? options.units : options.units }
  }
  /// L.
  public var layers: Int { options.layers }
  /// D = 1 or 2.
  public var directions: Int { options.isBidirectional ? 2 : 1 }
  /// The share of a layer's outputs that is dropped before the next layer reads them, while training.
  public var dropout: Float { options.dropout }
  /// What the factors of the layers' matrix products are rounded to.
  public var precision: Precision { options.precision }
  /// Steps between the states that are kept for the backward pass, which computes the rest again; nil keeps all that
  /// it reads.
  public var recomputeEvery: Int? { options.recomputeEvery }
  /// What names the noise of a layer that is built.
  public var name: String { built.name }

  /// A layer of these options, whose parameters start as the cell says.
  public required convenience init(_ options: RecurrentOptions) {
    self.init(options, initialization: Initialization())
  }

  /// A layer of these options, whose parameters start as `initialization` says.
  public init(_ options: RecurrentOptions, initialization: Initialization) {
    require(options.problem == nil, "Recurrent: \(options.problem ?? "")")
    self.options = options
    self.initialization = initialization
  }

  /// Layers for inputs `[T, B, inputSize]`, with products in a precision that the instructions support. With
  /// `learnsFirstStates` the first states, `h0` `[L·D, H]` and so on, are parameters that start at 0 and are the same
  /// for every sequence.
  ///
  /// A cell with a projection has states, and perhaps an output, of `projectionSize` P (H where it is nil), as PyTorch's
  /// `proj_size`: every `[…, H]` below that is such a state or output is then `[…, P]`.
  ///
  /// With `recomputeEvery` K steps (K ≈ √T keeps the least) a training step takes less memory and up to a third more
  /// time, and gives the same bits.
  public convenience init(
    cell: Cell, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1,
    bidirectional: Bool = false, dropout: Float = 0, recurrentDropout: Float = 0, zoneout: Zoneout? = nil,
    weightDrop: Float? = nil, learnsFirstStates: Bool = false, recomputeEvery: Int? = nil,
    initialization: Initialization = Initialization(), name: String = "recurrent",
    instructions: InstructionSet = .active, precision: Precision = .float32, stream: RandomStream
  ) {
    var options = RecurrentOptions(cell: cell, units: hiddenSize)
    options.projection = projectionSize
    options.layers = layers
    options.isBidirectional = bidirectional
    options.dropout = dropout
    options.recurrentDropout = recurrentDropout
    options.zoneout = zoneout
    options.weightDrop = weightDrop
    options.learnsFirstStates = learnsFirstStates
    options.recomputeEvery = recomputeEvery
    options.precision = precision
    options.returnSequences = true
    self.init(options, initialization: initialization)
    build(inputSize: inputSize, name: name, instructions: instructions, stream: stream)
  }

  /// Makes the executions and the parameters in the layer of `context`, or a part of it; `name` is that of its noise.
  func build(inputSize: Int, grid: CellGrid? = nil, name: String, _ context: BuildContext) {
    build(
      inputSize: inputSize, grid: grid, name: name, initialization: context.initialization,
      stream: context.stream)
  }

  private func build(
    inputSize: Int, grid: CellGrid? = nil, name: String, instructions: InstructionSet = .active,
    initialization other: Initialization? = nil, stream: RandomStream
  ) {
    let (cell, options, initialization) = (cell, options, other ?? initialization)
    func execution(_ cell: Cell, inputSize: Int) -> CellExecution {
      CellExecution(
        cell: cell, inputSize: inputSize, hiddenSize: options.units, projectionSize: options.projection,
        grid: grid, instructions: instructions, precision: options.precision)
    }
    let sizes = [inputSize] + (1..<layers).map { _ in directions * outputSize }
    let atInference = cellAtInference
    var training = zoningOut(draws: true)
    if options.recurrentDropout > 0 { training = training.droppingRecurrence() }
    let executions = sizes.map { execution(atInference, inputSize: $0) }
    let isPlain = training.name == atInference.name
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
                of: cell, index, roles: roles, modelName: name, inputSize: sizes[layer],
                hiddenSize: options.units, projectionSize: options.projection, grid: grid,
                stream: stream.child(name)))
          })
      }
    }
    made = Built(
      inputSize: inputSize, grid: grid, name: name, executions: executions,
      trainingExecutions: isPlain ? executions : sizes.map { execution(training, inputSize: $0) },
      parameters: parameters,
      firstStates: options.learnsFirstStates
        ? stateSizes.map { Parameter(.zeros([layers * directions, $0])) } : [])
  }

  /// The cell as it runs at inference: with zoneout, if there is any, the expected values of states.
  package var cellAtInference: Cell { zoningOut(draws: false) }

  private func zoningOut(draws: Bool) -> Cell {
    guard let zoneout = options.zoneout, !zoneout.isOff else { return cell }
    return cell.zoningOut(cell.states.map { zoneout.rate(of: $0) }, draws: draws)
  }

  static func suffix(layer: Int, direction: Int) -> String {
    "_l\(layer)" + (direction == 1 ? "_reverse" : "")
  }

  /// Per layer and direction the cell's parameters, fixed ones as buffers, then learned first states.
  public var members: [Member] {
    guard let made else { return [] }
    var members: [Member] = []
    for layer in 0..<layers {
      for direction in 0..<directions {
        let suffix = Recurrent.suffix(layer: layer, direction: direction)
        for (definition, parameter) in zip(cell.parameters, made.parameters[layer * directions + direction]) {
          let name = definition.name + suffix
          members.append(
            definition.isFixed ? .buffer(name, Buffer(keeping: parameter)) : .parameter(name, parameter))
        }
      }
    }
    for (state, parameter) in zip(cell.states, made.firstStates) {
      members.append(.parameter(state + "0", parameter))
    }
    return members
  }

  /// The layers, the first one first, with their weights packed for inference as the steps come. Later changes of the
  /// parameters don't matter. Of one direction only: a stream knows no end to begin the other from.
  public func streams() -> [CellStream] {
    require(directions == 1, "Recurrent: expected layers of one direction to stream, found \(directions)")
    require(
      built.firstStates.isEmpty,
      "Recurrent: expected layers whose states begin with zeros to stream, found learned first states")
    return packedLayers()
  }

  /// The layers of one direction, the first one first, with their weights packed for inference.
  func packedLayers() -> [CellStream] {
    zip(built.executions, built.parameters).map { CellStream($0, parameters: $1.map(\.value)) }
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
    run(
      x, isProducts: false, states: states, executions: executions(context), lengths: lengths,
      context: context,
      wantsOutput: wantsOutput)
  }

  /// As the call, of products that the first layer's ``inputMap`` makes of the input, `[T, B, N]`.
  func run(
    products: Tensor, states: [Tensor]?, lengths: [Int]?, context: ForwardContext
  ) -> Result {
    run(
      products, isProducts: true, states: states, executions: productExecutions(executions(context)),
      lengths: lengths, context: context, wantsOutput: true)
  }

  /// A pass over products on the input of which only the final states are wanted, by other `executions` whose cell has more
  /// states, which begin so, with parameters of this pass.
  func run(
    products: Tensor, states: [Tensor], moreStates: [Tensor], parameters: [[Tensor]],
    executions: [CellExecution], context: ForwardContext
  ) -> Result {
    run(
      products, isProducts: true, states: states, moreStates: moreStates, parameters: parameters,
      executions: executions, lengths: nil, context: context, wantsOutput: false)
  }

  /// The parameters whose products with the first layer's input may be given instead of it; nil where none may.
  var inputMaps: [Int]? {
    directions == 1 && precision == .float32 && options.kernel == nil ? cell.inputMaps : nil
  }

  /// What the first layer reads its input with, `[N, I]`: those parameters one under another.
  var inputMap: Tensor {
    let maps = (inputMaps ?? []).map { recorded(built.parameters[0][$0], $0) }
    return maps.count == 1 ? maps[0] : concatenated(maps, axis: 0)
  }

  /// The executions of layers of which the first one is given the products on its input.
  func productExecutions(_ executions: [CellExecution]) -> [CellExecution] {
    [executions[0].takingInputProducts()] + executions.dropFirst()
  }

  private func run(
    _ x: Tensor, isProducts: Bool, states: [Tensor]?, moreStates: [Tensor] = [],
    parameters: [[Tensor]]? = nil, executions: [CellExecution],
    lengths: [Int]?, context: ForwardContext, wantsOutput: Bool
  ) -> Result {
    require(
      x.rank == 3 && (isProducts || x.shape[2] == inputSize),
      "Recurrent: expected an input [T, B, \(inputSize)], found \(x.shape)")
    checkTrains(context)
    let (steps, batch) = (x.shape[0], x.shape[1])
    let built = built
    // No gradient goes through a layer whose precision has none.
    let x = precision.trains ? x : x.detached
    var given = firstStates(states, batch: batch)
    if !precision.trains { given = given.map(\.detached) }
    if context.isTraining, options.recurrentDropout > 0 {
      var stream = context.stream(built.name + "/recurrent")
      given.append(recurrentMask(batch: batch, stream: &stream))
    }
    given += moreStates
    let parameters = parameters ?? self.parameters(context)
    let inputs = [x] + given + parameters.flatMap { $0 }
    let saving: CellExecution.Saving =
      RecordedOperation.records(inputs) ? recomputeEvery.map { .states(every: $0) } ?? .everything : .nothing
    // Gradients that others compute have no place among the parameters'.
    let totals = isProducts ? executions.map { CellExecution.GradientTotal($0) } : nil
    var pass = RecurrentPass(
      executions: executions, directions: directions,
      wantsOutput: wantsOutput, needsInputGradient: x.needsGradient,
      needsStateGradients: given.contains(where: \.needsGradient), stop: context.stop,
      observe: isProducts || built.grid != nil ? nil : context.observer.map { observe(for: $0, context) },
      noise: noise(context),
      totals: totals)
    let outputs = pass.forward(
      x.detached, states: given.map(\.detached), parameters: parameters.map { $0.map(\.detached) },
      steps: steps, batch: batch, lengths: lengths, saving: saving,
      mask: dropout > 0 && context.isTraining ? { _, shape in self.mask(shape, context) } : nil)
    let recorded = RecordedOperation.record(cell.name, inputs: inputs, outputs: outputs) {
      [pass] gradients, _ in
      pass.backward(gradients) + (totals?.flatMap { $0.joined() } ?? [])
    }
    let finals = recorded.dropFirst(wantsOutput ? 1 : 0).prefix(stateSizes.count)
    return Result(
      output: wantsOutput ? recorded[0] : nil, finalStates: Array(finals), directions: directions)
  }

  /// The states that a pass begins with, each `[L·D, B, H]`: the given ones, else those that are learned, the same for
  /// every sequence, else zeros.
  func firstStates(_ given: [Tensor]?, batch: Int) -> [Tensor] {
    let stack = layers * directions
    let first =
      given
      ?? zip(built.firstStates, stateSizes).map { state, size in
        state.tensor.unsqueezed(axis: 1).broadcast(to: [stack, batch, size])
      }
    let states = first.isEmpty ? stateSizes.map { Tensor.zeros([stack, batch, $0]) } : first
    require(
      states.count == cell.states.count,
      "Recurrent: expected \(cell.states.count) states \(cell.states), found \(states.count)")
    for (size, state) in zip(stateSizes, states) {
      require(
        state.shape == [stack, batch, size],
        "Recurrent: expected states [\(stack), \(batch), \(size)], found \(state.shape)")
    }
    return states
  }

  func checkTrains(_ context: ForwardContext) {
    require(
      precision.trains || !context.isTraining,
      "Recurrent: expected a precision with gradients to train, found \(precision)")
  }

  /// The executions of a pass, of each layer.
  func executions(_ context: ForwardContext) -> [CellExecution] {
    context.isTraining ? built.trainingExecutions : built.executions
  }

  /// The random numbers of a pass, of each layer and direction; nil where none are read.
  func noise(_ context: ForwardContext) -> [CellNoise]? {
    guard context.isTraining, let zoneout = options.zoneout, !zoneout.isOff else { return nil }
    let stream = context.stream(name + "/zoneout")
    return (0..<layers * directions).map { CellNoise(stream.child(suffix(of: $0))) }
  }

  /// The parameters of a pass, of each layer and direction: with weight drop those of recurrent matrices times a mask of
  /// the pass.
  func parameters(_ context: ForwardContext) -> [[Tensor]] {
    guard context.isTraining, let probability = options.weightDrop, probability > 0 else {
      return built.parameters.map { $0.enumerated().map { recorded($1, $0) } }
    }
    let stream = context.stream(name + "/weights"), isRecurrent = cell.recurrentMatrices
    return built.parameters.enumerated().map { place, parameters in
      parameters.enumerated().map { index, parameter in
        let value = recorded(parameter, index)
        guard isRecurrent.contains(index) else { return value }
        var own = stream.child(cell.parameters[index].name + suffix(of: place))
        return value * dropoutMask(parameter.shape, probability: probability, stream: &own)
      }
    }
  }

  /// The values of the cell's parameter of this number, with gradients if it is learned.
  private func recorded(_ parameter: Parameter, _ index: Int) -> Tensor {
    precision.trains && !cell.parameters[index].isFixed ? parameter.tensor : parameter.value.detached
  }

  /// What follows the names of parameters at a place of the stack.
  private func suffix(of place: Int) -> String {
    Recurrent.suffix(layer: place / directions, direction: place % directions)
  }

  /// The mask of recurrent dropout, which is the last state of the derived cell.
  func recurrentMask(batch: Int, stream: inout RandomStream) -> Tensor {
    dropoutMask(
      [layers * directions, batch, outputSize], probability: options.recurrentDropout, stream: &stream)
  }

  /// What shows the layer at a place of the stack to an observer.
  private func observe(
    for observer: @escaping LayerObserver, _ context: ForwardContext
  ) -> (Int, CellObservation) -> Void {
    let (prefix, suffix) = context.observedName(name)
    return { [self] place, observation in
      observer(prefix + self.suffix(of: place).dropFirst() + suffix, observation.restricted(to: cell.states))
    }
  }

  /// The mask of one layer's input.
  private func mask(_ shape: [Int], _ context: ForwardContext) -> Tensor {
    var stream = context.stream(name)
    return dropoutMask(shape, probability: dropout, stream: &stream)
  }
}
