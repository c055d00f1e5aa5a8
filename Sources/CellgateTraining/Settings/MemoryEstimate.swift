import CellgateBasics
import CellgateCells
import CellgateNN

/// How much memory training with given settings takes, roughly, before anything is allocated.
///
/// Computed in Double, which no size overflows: settings may be absurd.
public struct MemoryEstimate {
  /// Bytes of parameters, gradients, the optimiser's state and the best model.
  let parameters: Double
  /// Bytes that one batch needs: what is saved for the backward pass and its gradients.
  let batch: Double

  /// All of it.
  package var bytes: Double { parameters + batch }

  /// Bytes that no machine has. Settings that need less have sizes and numbers of parameters that fit an Int.
  static let most = 1e18

  /// What this process may use at most, in bytes: the machine's memory, or less in a container.
  public static var available: Double {
    let physical = Double(ProcessInfo.processInfo.physicalMemory)
    guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8),
      let limit = Double(text.trimmed), limit > 0
    else { return physical }
    return min(physical, limit)
  }

  /// What a training step of layers of a cell takes, heads and optimiser not counted. `dropout` is whether each layer
  /// has a mask.
  package init(
    _ stack: StackSize, cell: Cell, hidden: Int, steps: Int, batch: Int, recomputeEvery: Int? = nil,
    dropout: Bool = false
  ) {
    // Of each parameter the value, its gradient, both packed for the products, and sums of the gradient.
    parameters = 4 * 6 * stack.parameters(cell, hidden: hidden)
    // With gradient checkpointing the values of one segment are kept, and the states between segments.
    let steps = Double(steps), interval = Double(recomputeEvery ?? .max)
    let segment = min(1, interval / steps)
    let kept = segment * Double(cell.keptCount) + (segment < 1 ? Double(cell.states.count) / interval : 0)
    // And a layer's output, its gradient, and as much as that for the rows of the steps that are under way.
    let units = stack.directions * Double(hidden) * Double(stack.layers) * (kept + 3 + (dropout ? 2 : 0))
    self.batch = 4 * steps * Double(batch) * (units + Double(stack.inputSize))
  }

  package init(_ settings: TrainingSettings, cell: Cell, shape: SequenceShape) {
    if settings.isTransformer {
      (parameters, batch) = Self.transformer(settings, cell, shape)
      return
    }
    let stack = shape.stack(settings)
    let layers = MemoryEstimate(
      stack, cell: cell, hidden: settings.hidden, steps: shape.steps, batch: settings.batch,
      recomputeEvery: settings.recomputeEvery, dropout: settings.dropout > 0)
    // Two buffers of the optimiser, the best value, and the mean of the weights.
    let trained =
      (settings.averageWeights == nil ? 3 : 4) * 4 * stack.parameters(cell, hidden: settings.hidden)
    // Of the embedding and the head the value and the gradient too.
    parameters = layers.parameters + trained + 5 * 4 * shape.parametersAround(settings)
    let outputs = shape.readsEveryStep ? 4 * Double(shape.outputSize) : 0
    batch = layers.batch + 4 * Double(shape.steps) * Double(settings.batch) * outputs
  }

  /// Of a Transformer: of each parameter the value, its gradient, both packed, the optimiser's two buffers and the best value; of each
  /// step and layer what its parts keep, and as much for its gradients. The attention keeps no more than that of each step.
  private static func transformer(
    _ settings: TrainingSettings, _ cell: Cell, _ shape: SequenceShape
  ) -> (parameters: Double, batch: Double) {
    let units = Double(settings.hidden)
    let inner = settings.optionalWhole(TransformerOption.feedForward).map(Double.init) ?? 4 * units
    let body = settings.bodyParameters(cell, inputSize: shape.inputSize, hidden: settings.hidden)
    let kept =
      Double(settings.transformerOptions(returnSequences: true).layers) * (14 * units + 3 * inner)
      + Double(shape.inputSize) + units
    let outputs = shape.readsEveryStep ? 4 * Double(shape.outputSize) : 0
    return (
      4 * (settings.averageWeights == nil ? 7 : 8) * (body + shape.parametersAround(settings)),
      4 * Double(shape.steps) * Double(settings.batch) * (2 * kept + outputs)
    )
  }
}
