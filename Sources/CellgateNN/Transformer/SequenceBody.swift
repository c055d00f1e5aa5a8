import CellgateBasics
import CellgateCells
import CellgateTensor

/// What stands between a model's input, or its embedding, and its head: recurrent layers, or a Transformer.
package enum SequenceBody {
  case recurrent(Recurrent)
  case transformer(TransformerEncoder)

  /// What it makes of a piece of a sequence.
  package struct Result {
    /// [T, B, N]; nil where it wasn't wanted.
    package let output: Tensor?
    /// What the next piece goes on from, each [layers, B, numbers].
    package let states: [Tensor]
    private let recurrent: (layer: Recurrent, result: Recurrent.Result)?

    fileprivate init(_ output: Tensor?, _ states: [Tensor], _ recurrent: (Recurrent, Recurrent.Result)? = nil)
    {
      (self.output, self.states, self.recurrent) = (output, states, recurrent)
    }

    /// [B, N]: the output at the last step.
    package var last: Tensor {
      if let recurrent { return recurrent.result.last }
      guard let output else { fail("SequenceBody: expected an output, found none") }
      return output.shape[0] > 0 ? output[output.shape[0] - 1] : .zeros(Array(output.shape.dropFirst()))
    }

    /// Shows each layer's final states, in which what is not finite stays, and the output.
    package func show(_ name: String, _ probe: (_ layer: String, _ name: String, _ tensor: Tensor) -> Void) {
      if let (layer, result) = recurrent {
        for row in 0..<layer.layers * layer.directions {
          let (number, direction) = (row / layer.directions, row % layer.directions)
          for (state, values) in zip(layer.cell.states, result.finalStates) {
            probe("\(name).l\(number)\(direction == 1 ? "_reverse" : "")", state, values[row])
          }
        }
      }
      if let output { probe(name, "output", output) }
    }
  }

  /// The layer, and its name in the model.
  package var layer: any Layer {
    switch self {
    case .recurrent(let layer): layer
    case .transformer(let layer): layer
    }
  }

  /// The recurrent layers; nil of a Transformer.
  package var recurrent: Recurrent? {
    if case .recurrent(let layer) = self { layer } else { nil }
  }

  package var name: String {
    switch self {
    case .recurrent: "recurrent"
    case .transformer: "transformer"
    }
  }

  /// The layer as data.
  package var description: LayerDescription {
    switch self {
    case .recurrent(let layer): LayerDescription(layer, name: name)
    case .transformer(let layer): LayerDescription(layer, name: name)
    }
  }

  /// The layer, made for inputs of such a size by values drawn from `stream`.
  package func built(inputSize: Int, stream: RandomStream) -> SequenceBody {
    layer.build([.sequence(inputSize)], BuildContext(name: name, stream: stream.child(name)))
    return self
  }

  /// A text that differs for bodies that compute something else.
  var signature: String {
    switch self {
    case .recurrent(let layer): layer.cellAtInference.text
    case .transformer(let layer): "\(layer.options)"
    }
  }

  /// The shapes of the states of `batch` sequences, for inputs of such a size.
  package func stateShapes(batch: Int, inputSize: Int) -> [[Int]] {
    switch self {
    case .recurrent(let layer):
      layer.cell.states.map { _ in [layer.layers, batch, layer.hiddenSize] }
    case .transformer(let layer):
      layer.stateShapes(batch: batch, units: layer.options.units ?? inputSize)
    }
  }

  /// A piece `[T, B, I]` of sequences after the `states`; nil at their beginning.
  package func callAsFunction(
    _ x: Tensor, states: [Tensor]? = nil, context: ForwardContext, wantsOutput: Bool = true,
    wantsStates: Bool = false
  ) -> Result {
    switch self {
    case .recurrent(let layer):
      let result = layer(x, states: states, context: context, wantsOutput: wantsOutput)
      return Result(result.output, result.finalStates, (layer, result))
    case .transformer(let layer):
      let result = layer.run(x, states: states, wantsStates: wantsStates, context)
      return Result(result.output, result.states)
    }
  }
}
