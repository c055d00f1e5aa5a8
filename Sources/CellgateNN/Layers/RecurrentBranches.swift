import CellgateBasics
import CellgateCells
import CellgateTensor

/// One step of several inputs for each sequence, all of them from the same states.
///
/// The products with the states are computed once for each sequence, whatever the number of inputs, and those with the inputs
/// are given, made by ``map``. What the cell multiplies otherwise it computes for each input.
struct RecurrentBranches {
  private let layer: Recurrent
  private let inference: Branch, training: Branch

  /// The executions of each layer, and what makes the products with states.
  private struct Branch {
    let executions: [CellExecution]
    let maps: [StateMap]

    init(_ layer: Recurrent, _ own: [CellExecution]) {
      let taking = own[0].cell.takingStateProducts()
      maps = taking.maps
      executions = layer.productExecutions(own.map { $0.running(taking.cell) })
    }
  }

  /// Those of a layer that is built; nil where its cell's input can't be given as products.
  init?(_ layer: Recurrent) {
    guard layer.inputMaps != nil else { return nil }
    self.layer = layer
    inference = Branch(layer, layer.executions(.inference()))
    training = Branch(layer, layer.executions(.training(seed: 0, step: 0)))
  }

  /// What the inputs are read with, `[N, I]`.
  var map: Tensor { layer.inputMap }

  /// The last layer's output `[M · B, H]` after a step of products `[M, B, N]` from states `[L, B, H]`.
  func callAsFunction(_ products: Tensor, from states: [Tensor], _ context: ForwardContext) -> Tensor {
    let (count, batch, width) = (products.shape[0], products.shape[1], products.shape[2])
    let branch = context.isTraining ? training : inference
    let parameters = layer.parameters(context)
    /// [L, B, H] once for each input: [L, M · B, H].
    func repeated(_ x: Tensor) -> Tensor {
      let (layers, units) = (x.shape[0], x.shape[2])
      return x.unsqueezed(axis: 1).broadcast(to: [layers, count, batch, units])
        .reshaped([layers, count * batch, units])
    }
    var given: [Tensor] = []
    for map in branch.maps {
      let made = (0..<layer.layers).map { place in
        linear(states[map.state][place], weight: parameters[place][map.parameter]).unsqueezed(axis: 0)
      }
      let all = made.count == 1 ? made[0] : concatenated(made, axis: 0)
      given += all.split(parts: layer.cell.parameters[map.parameter].gates.count).map(repeated)
    }
    return layer.run(
      products: products.reshaped([1, count * batch, width]), states: states.map(repeated), moreStates: given,
      parameters: parameters, executions: branch.executions, context: context
    ).last
  }
}
