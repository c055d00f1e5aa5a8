import CellgateCells
import CellgateNN
import Foundation

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
      let limit = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)), limit > 0
    else { return physical }
    return min(physical, limit)
  }

  package init(_ settings: TrainingSettings, cell: Cell, shape: SequenceShape) {
    let directions = settings.bidirectional ? 2.0 : 1.0
    let (hidden, layers) = (Double(settings.hidden), Double(settings.layers))
    var (first, later, rows) = (0.0, 0.0, 0.0)
    for parameter in cell.parameters {
      let height = Double(parameter.gates.count) * hidden
      switch parameter.columns {
      case .input:
        first += height * Double(shape.inputSize)
        later += height * directions * hidden
        rows += Double(parameter.gates.count)
      case .some:
        first += height * hidden
        later += height * hidden
      case nil:
        first += height
        later += height
      }
    }
    let stack = directions * (first + (layers - 1) * later)
    let ends = Double(shape.inputSize) + (shape.readsEveryStep ? 4 * Double(shape.outputSize) : 0)
    let table = Double(shape.symbols ?? 0) * Double(shape.inputSize)
    let head = directions * hidden * Double(shape.outputSize)
    // Value, gradient, two buffers of the optimiser, the best value.
    parameters = 5 * 4 * (stack + head + table)
    // Per step and sequence each gate and state is saved, and has a gradient in the weight products after the
    // sweep; between layers and at the head there are outputs and their gradients.
    // With gradient checkpointing the saved values are those of one segment, beside the states between segments.
    let places = Double(shape.steps) * Double(settings.batch)
    let segment = min(1, Double(settings.recomputeEvery ?? shape.steps) / Double(shape.steps))
    let states = 2 * Double(cell.states.count)
    let kept = segment * (rows + states) + (segment < 1 ? states / Double(settings.recomputeEvery ?? 1) : 0)
    // A mask, and what passed it.
    let dropped = settings.dropout > 0 ? 2.0 : 0
    let units = directions * hidden * layers * (kept + 2 + dropped)
    batch = 4 * places * (units + ends)
  }
}
