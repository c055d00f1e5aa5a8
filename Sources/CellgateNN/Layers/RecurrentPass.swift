import CellgateCells
import CellgateTensor

/// One pass of sequences through all layers and directions, and its way back.
struct RecurrentPass {
  let executions: [CellExecution]
  let directions: Int
  let wantsOutput: Bool
  let needsInputGradient: Bool
  let needsStateGradients: Bool
  /// Who may want a pass that saves nothing to end before it is done.
  let stop: StopRequest?
  /// Who sees each layer and direction; nil for nobody.
  let observe: ((Int, CellObservation) -> Void)?
  /// The cell's random numbers, per layer and direction; nil where it reads none.
  private let noise: [CellNoise]?
  /// Per layer and direction.
  private var saved: [CellExecution.Saved] = []
  /// Per layer and direction, where the weights are packed for several passes; nil where each pass packs its own.
  private let weights: [CellExecution.Weights]?
  /// Per layer and direction, where several passes add up the parameters' gradients, which are then no outputs of
  /// `backward`.
  private let totals: [CellExecution.GradientTotal]?
  /// Dropout of each layer's input; nil where there is none.
  private var masks: [Tensor?] = []
  private var batch = 0
  private var steps = 0

  init(
    executions: [CellExecution], directions: Int, wantsOutput: Bool, needsInputGradient: Bool,
    needsStateGradients: Bool,
    stop: StopRequest? = nil, observe: ((Int, CellObservation) -> Void)? = nil, noise: [CellNoise]? = nil,
    weights: [CellExecution.Weights]? = nil, totals: [CellExecution.GradientTotal]? = nil
  ) {
    self.weights = weights
    self.totals = totals
    self.executions = executions
    self.directions = directions
    self.wantsOutput = wantsOutput
    self.needsInputGradient = needsInputGradient
    self.needsStateGradients = needsStateGradients
    self.stop = stop
    self.observe = observe
    self.noise = noise
  }

  private var outputSize: Int { executions[0].outputSize }
  private var stateSizes: [Int] { executions[0].stateSizes }

  /// The output `[T, B, D·H]` if wanted, then each final state `[L·D, B, H]`; P instead of H where the cell says so.
  mutating func forward(
    _ x: Tensor, states: [Tensor], parameters: [[Tensor]], steps: Int, batch: Int, lengths: [Int]?,
    saving: CellExecution.Saving, mask: ((_ layer: Int, _ shape: [Int]) -> Tensor)?
  ) -> [Tensor] {
    self.steps = steps
    self.batch = batch
    let stack = executions.count * directions
    var finals = stack == 1 ? [] : stateSizes.map { Tensor.uninitialized([stack, batch, $0]) }
    var input = x
    for (layer, execution) in executions.enumerated() {
      let isLast = layer == executions.count - 1
      if layer > 0, let mask {
        let own = mask(layer, input.shape)
        input = input * own
        masks.append(own)
      } else {
        masks.append(nil)
      }
      let output =
        isLast && !wantsOutput ? nil : Tensor.uninitialized([steps, batch, directions * outputSize])
      for direction in 0..<directions {
        let place = layer * directions + direction
        let result = run(
          execution, input, states: states.map { Self.row($0, place) }, noise: noise?[place],
          parameters: parameters[place], weights: weights?[place],
          .init(steps: steps, batch: batch, lengths: lengths, reversed: direction == 1),
          output: output, first: direction * outputSize, saving: saving)
        if stack == 1 {
          finals = result.finalStates.map { $0.unsqueezed(axis: 0) }
        } else {
          for (final, state) in zip(finals, result.finalStates) {
            unsafe Self.row(final, place).pointer.update(from: state.pointer, count: state.count)
          }
        }
        if let one = result.saved { saved.append(one) }
      }
      if let output { input = output }
    }
    return (wantsOutput ? [input] : []) + finals
  }

  /// One layer in one direction. A pass that may be stopped goes through the sequence in pieces, with the same bits;
  /// once it is stopped nothing is computed any more.
  private func run(
    _ execution: CellExecution, _ input: Tensor, states: [Tensor], noise: CellNoise?, parameters: [Tensor],
    weights: CellExecution.Weights?, _ sequences: CellExecution.Sequences, output: Tensor?, first: Int,
    saving: CellExecution.Saving
  ) -> CellExecution.Forward {
    func forward(
      _ input: Tensor, _ states: [Tensor], _ weights: CellExecution.Weights,
      _ sequences: CellExecution.Sequences, _ output: Tensor?
    ) -> CellExecution.Forward {
      execution.forward(
        input: input, states: states, noise: noise, weights: weights, sequences: sequences,
        output: output.map { .init($0, first: first) }, saving: saving, observed: observe != nil)
    }
    if let weights { return forward(input, states, weights, sequences, output) }
    guard let stop, case .nothing = saving, sequences.lengths == nil, noise == nil else {
      return execution.forward(
        input: input, states: states, noise: noise, parameters: parameters, sequences: sequences,
        output: output.map { .init($0, first: first) }, saving: saving, observed: observe != nil)
    }
    let packed = CellExecution.Weights(execution, parameters: parameters)
    let numbers = parameters.reduce(1) { $0 + $1.count }
    let most = max(1, max(stop.least.rows, stop.least.work / numbers) / max(1, batch))
    var result = CellExecution.Forward(finalStates: states)
    for start in stride(from: 0, to: steps, by: most) where !stop.check() {
      let count = min(most, steps - start)
      let begin = sequences.reversed ? steps - start - count : start
      var piece = sequences
      piece.steps = count
      result = forward(
        input[begin..<begin + count], result.finalStates, packed, piece, output?[begin..<begin + count])
    }
    return result
  }

  /// Gradients in the order of the operation's inputs: x, states, parameters unless they go to totals.
  func backward(_ gradients: [Tensor?]) -> [Tensor?] {
    let finals = Array(gradients.dropFirst(wantsOutput ? 1 : 0))
    var outputGradient = wantsOutput ? gradients[0] : nil
    let stack = executions.count * directions
    var states =
      stack == 1 || !needsStateGradients ? [] : stateSizes.map { Tensor.uninitialized([stack, batch, $0]) }
    var parameters: [[Tensor]] = Array(repeating: [], count: stack)
    var observations: [CellObservation?] = Array(repeating: nil, count: stack)
    var inputGradient: Tensor?
    for layer in executions.indices.reversed() {
      inputGradient = nil
      for direction in 0..<directions {
        let place = layer * directions + direction
        let result = executions[layer].backward(
          saved[place], outputGradient: outputGradient.map { .init($0, first: direction * outputSize) },
          finalStateGradients: finals.map { $0.map { Self.row($0, place) } },
          needsInputGradient: layer > 0 || needsInputGradient, needsStateGradients: needsStateGradients,
          addingTo: totals?[place])
        if stack == 1 {
          states = result.states.map { $0.unsqueezed(axis: 0) }
        } else {
          for (target, state) in zip(states, result.states) {
            unsafe Self.row(target, place).pointer.update(from: state.pointer, count: state.count)
          }
        }
        parameters[place] = result.parameters
        observations[place] = result.observation
        if let gradient = result.input { inputGradient = inputGradient.map { $0 + gradient } ?? gradient }
      }
      if let mask = masks[layer], let gradient = inputGradient { inputGradient = gradient * mask }
      outputGradient = inputGradient
    }
    for (place, observation) in observations.enumerated() {
      if let observation { observe?(place, observation) }
    }
    let stateGradients: [Tensor?] = needsStateGradients ? states : stateSizes.map { _ in nil }
    return [inputGradient] + stateGradients + parameters.flatMap { $0 }
  }

  /// One row of `[L·D, B, H]`, as a window.
  private static func row(_ tensor: Tensor, _ index: Int) -> Tensor {
    let shape = Array(tensor.shape.dropFirst())
    let count = shape.reduce(1, *)
    return Tensor(storage: tensor.storage, offset: tensor.offset + index * count, shape: shape)
  }
}
