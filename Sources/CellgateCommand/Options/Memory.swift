import Cellgate
import Foundation

/// What memory a model of given sizes needs; computed in Double, so that absurd sizes don't overflow.
struct Memory {
  /// The bytes of a training step: values kept for the backward pass, parameters, gradients, optimiser.
  let bytes: Double

  /// An estimate for layers of a cell over a batch of sequences.
  init(
    cell: Cell, steps: Int, batch: Int, input: Int, hidden: Int, layers: Int, directions: Int = 1,
    recomputeEvery: Int? = nil
  ) {
    let (h, d) = (Double(hidden), Double(directions))
    let cells = Double(steps) * Double(batch)
    // With gradient checkpointing the values of one segment are kept, and the states between segments.
    let segment = min(1, Double(recomputeEvery ?? steps) / Double(steps))
    let between = segment < 1 ? Double(cell.states.count) / Double(recomputeEvery ?? 1) : 0
    let kept = (segment * Double(cell.planDescription.saved.count) + between) * h
    let activations = cells * (Double(input) + Double(layers) * d * (kept + 2 * h))
    var parameters = 0.0
    for layer in 0..<min(layers, 2) {
      let columns = layer == 0 ? Double(input) : d * h
      var own = 0.0
      for parameter in cell.parameters {
        let width = parameter.columns.map { $0 == .input ? columns : h } ?? 1
        own += Double(parameter.gates.count) * h * width
      }
      parameters += own * d * (layer == 0 ? 1 : Double(layers - 1))
    }
    bytes = 4 * (activations + 6 * parameters)
  }

  /// A line that says what is needed and what is there, if that is less.
  func problem(_ sizes: String) -> String? {
    let available = MemoryEstimate.available
    guard bytes > available else { return nil }
    return
      "\(sizes): would need about \(Text.bytes(bytes)) of memory; this machine has \(Text.bytes(available))"
  }
}
