import CellgateCells

/// Layers and directions of a cell in Double: the cell's reference, stacked as `Recurrent` stacks it.
struct RecurrentReference {
  var cell: Cell
  var inputSize: Int
  var hiddenSize: Int
  var projectionSize: Int?
  var layers = 1
  var directions = 1

  /// Cells: one per layer and direction.
  var stack: Int { layers * directions }

  /// I of the cell at `place`.
  func inputSize(_ place: Int) -> Int { place < directions ? inputSize : directions * stateSizes[0] }

  /// H or P; the first is the output's.
  var stateSizes: [Int] {
    cell.stateSizes.map { $0 == .projection ? projectionSize ?? hiddenSize : hiddenSize }
  }

  /// What goes in, in the shapes of `Recurrent`: states `[L·D, B, H]`, parameters per place.
  struct Inputs {
    var steps: Int
    var batch: Int
    /// `[T, B, I]`.
    var input: [Double]
    var states: [[Double]]
    var parameters: [[[Double]]]
    var lengths: [Int]?
    /// What multiplies each layer's input, of its shape; nil where nothing does.
    var masks: [[Double]?]?
    /// The loss's derivatives: of the output `[T, B, D·H]` and of each final state.
    var outputGradient: [Double]
    var finalGradients: [[Double]]
  }

  /// What comes out, in the same shapes.
  struct Outcome {
    var output: [Double]
    var finalStates: [[Double]]
    var input: [Double]
    var states: [[Double]]
    var parameters: [[[Double]]]
  }

  func run(_ inputs: Inputs) -> Outcome {
    let (T, B, H, D) = (inputs.steps, inputs.batch, stateSizes[0], directions)
    /// Each state's part for one place.
    func parts(_ values: [[Double]], _ place: Int) -> [[Double]] {
      zip(values, stateSizes).map { Array($0[place * B * $1..<(place + 1) * B * $1]) }
    }
    func masked(_ values: [Double], _ layer: Int) -> [Double] {
      guard let mask = inputs.masks?[layer] else { return values }
      return zip(values, mask).map { $0 * $1 }
    }
    var passes: [ReferenceExecution.Forward] = []
    var executions: [ReferenceExecution] = []
    var finals = cell.states.map { _ in [Double]() }
    var values = inputs.input
    for layer in 0..<layers {
      let input = masked(values, layer)
      values = [Double](repeating: 0, count: T * B * D * H)
      for direction in 0..<D {
        let place = layer * D + direction
        let execution = ReferenceExecution(
          cell: cell, inputSize: inputSize(place), hiddenSize: hiddenSize, projectionSize: projectionSize)
        let pass = execution.forward(
          input: input, steps: T, batch: B, states: parts(inputs.states, place),
          parameters: inputs.parameters[place], lengths: inputs.lengths, reversed: direction == 1)
        for row in 0..<T * B {
          let target = row * D * H + direction * H
          values.replaceSubrange(target..<target + H, with: pass.output[row * H..<(row + 1) * H])
        }
        for state in cell.states.indices { finals[state] += pass.finalStates[state] }
        passes.append(pass)
        executions.append(execution)
      }
    }

    var outcome = Outcome(
      output: values, finalStates: finals, input: [],
      states: stateSizes.map { [Double](repeating: 0, count: stack * B * $0) },
      parameters: Array(repeating: [], count: stack))
    var arriving = inputs.outputGradient
    for layer in (0..<layers).reversed() {
      var below = [Double](repeating: 0, count: T * B * inputSize(layer * D))
      for direction in 0..<D {
        let place = layer * D + direction
        var own: [Double] = []
        for row in 0..<T * B {
          let start = (row * D + direction) * H
          own += arriving[start..<start + H]
        }
        let gradients = executions[place].backward(
          passes[place], steps: T, batch: B, parameters: inputs.parameters[place], outputGradient: own,
          finalStateGradients: parts(inputs.finalGradients, place))
        for index in below.indices { below[index] += gradients.input[index] }
        for (state, size) in stateSizes.enumerated() {
          outcome.states[state].replaceSubrange(
            place * B * size..<(place + 1) * B * size, with: gradients.states[state])
        }
        outcome.parameters[place] = gradients.parameters
      }
      arriving = masked(below, layer)
    }
    outcome.input = arriving
    return outcome
  }
}
