import CellgateNN
import CellgateTensor

/// Finds the first tensor of a training step that is not finite.
struct DivergenceSearch {
  /// The dotted layer and the tensor, and what was found in it.
  typealias Place = (layer: String, tensor: String, found: String)

  let task: BoundTask
  let parameters: ParameterSet

  /// The first place of update `step` (counted from 0), in order: parameters, input, each layer, logits, loss, and
  /// then gradients from the last parameter back. Runs the step's forward and backward pass again, from the states
  /// `carried` into it.
  func first(step: Int, carried: [Tensor], context: ForwardContext) throws(TrainingError) -> Place? {
    if let place = parameter() { return place }
    var place: Place?
    var carried = carried
    let loss = try task.loss(step, .whole, &carried, context) { layer, name, tensor in
      if place == nil, let found = Self.notFinite(tensor) { place = (layer, name, found) }
    }?.mean
    if let place { return place }
    guard let loss else { return nil }
    if let found = Self.notFinite(loss) { return ("loss", "loss", found) }
    parameters.zeroGradients()
    loss.backward()
    return gradient()
  }

  /// The first parameter whose value is not finite.
  func parameter() -> Place? {
    for entry in parameters.entries {
      if let found = Self.notFinite(entry.parameter.value) { return Self.place(entry.name, "", found) }
    }
    return nil
  }

  private func gradient() -> Place? {
    for entry in parameters.entries.reversed() {
      if let found = Self.notFinite(entry.parameter.gradient) {
        return Self.place(entry.name, "gradient of ", found)
      }
    }
    return nil
  }

  private static func place(_ name: String, _ prefix: String, _ found: String) -> Place {
    let parts = name.split(separator: ".")
    return (parts.dropLast().joined(separator: "."), prefix + String(parts.last ?? ""), found)
  }

  private static func notFinite(_ tensor: Tensor) -> String? {
    unsafe tensor.withScalars { values in
      guard let value = unsafe values.first(where: { !$0.isFinite }) else { return nil }
      return value.isNaN ? "NaN" : "infinity"
    }
  }
}
