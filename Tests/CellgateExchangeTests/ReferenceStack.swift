import CellgateCells
import CellgateExchange
import CellgateNN
import CellgateTensor

/// The one recurrent layer of an imported model in Double: its cell's reference, stacked as the layer stacks it.
struct ReferenceStack {
  let options: RecurrentOptions
  let inputSize: Int
  /// Of each layer and direction, in the cell's order.
  let parameters: [[[Double]]]

  /// Nil of a model that is more than one recurrent layer. A bias that is the sum of two in the file, `tensors`, is taken in
  /// Double: the model has it rounded, which alone can change outputs by more than 1e-7.
  init?(_ imported: ImportedModel, tensors: StateDictionary) {
    guard let description = imported.description, description.layers.count == 1,
      let options = description.layers[0].options as? RecurrentOptions,
      let size = description.inputs[0].shape.features.first
    else { return nil }
    self.options = options
    inputSize = size
    let name = description.layers[0].name
    var parameters: [[[Double]]] = []
    for layer in 0..<options.layers {
      for end in options.isBidirectional ? ["", "_reverse"] : [""] {
        parameters.append(
          options.cell.cell.parameters.compactMap { parameter -> [Double]? in
            let suffix = "_l\(layer)\(end)"
            guard let own = imported.state["\(name).\(parameter.name)\(suffix)"]?.scalars else { return nil }
            guard parameter.name == "bias", let first = tensors["bias_ih" + suffix] ?? tensors["bias_ih"],
              let second = tensors["bias_hh" + suffix] ?? tensors["bias_hh"]
            else { return own.map(Double.init) }
            let sums = zip(first.scalars, second.scalars).map { Double($0) + Double($1) }
            return sums.map { Float($0) } == own ? sums : nil
          })
      }
    }
    self.parameters = parameters
  }

  /// Outputs `[T, B, D·H]` and last states `[L·D, B, H]`, of an input `[T, B, I]` and first states, zeros where there are
  /// none.
  func run(
    _ input: [Double], steps: Int, batch: Int, states: [[Double]]?, lengths: [Int]?
  ) -> (output: [Double], finals: [[Double]]) {
    let cell = options.cell.cell
    let directions = options.isBidirectional ? 2 : 1
    let sizes = cell.stateSizes.map {
      $0 == .projection ? options.projection ?? options.units : options.units
    }
    var (values, finals) = (input, sizes.map { _ in [Double]() })
    for layer in 0..<options.layers {
      let size = layer == 0 ? inputSize : directions * sizes[0]
      let execution = ReferenceExecution(
        cell: cell, inputSize: size, hiddenSize: options.units, projectionSize: options.projection)
      var output = [Double](repeating: 0, count: steps * batch * directions * sizes[0])
      for direction in 0..<directions {
        let place = layer * directions + direction
        let first = sizes.indices.map { state in
          let count = batch * sizes[state]
          return states.map { Array($0[state][place * count..<(place + 1) * count]) }
            ?? [Double](repeating: 0, count: count)
        }
        let pass = execution.forward(
          input: values, steps: steps, batch: batch, states: first, parameters: parameters[place],
          lengths: lengths, reversed: direction == 1)
        for row in 0..<steps * batch {
          let target = (row * directions + direction) * sizes[0]
          output.replaceSubrange(
            target..<target + sizes[0], with: pass.output[row * sizes[0]..<(row + 1) * sizes[0]])
        }
        for state in sizes.indices { finals[state] += pass.finalStates[state] }
      }
      values = output
    }
    return (values, finals)
  }
}
