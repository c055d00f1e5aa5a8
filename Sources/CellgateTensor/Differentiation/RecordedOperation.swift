/// How a new differentiable operation is defined: compute the outputs, then record how gradients go back.
///
///     func doubled(_ x: Tensor) -> Tensor {
///       let y = Tensor(x.scalars.map { 2 * $0 }, shape: x.shape)
///       return RecordedOperation.record("doubled", inputs: [x], outputs: [y]) { gradients, _ in
///         [gradients[0].map { $0 * 2 }]
///       }[0]
///     }
///
/// A rule that needs inputs or outputs captures them before they are recorded, inputs `detached`.
public enum RecordedOperation {
  /// From the gradient of each output (nil: none arrived) and which inputs need one, the gradient of each
  /// input (nil: none), in the inputs' shapes. Called at most once, with recording off.
  public typealias Backward = (_ gradients: [Tensor?], _ needed: [Bool]) -> [Tensor?]

  /// As `Backward`, for gradients that can be added where they are collected.
  public typealias Contributions = (_ gradients: [Tensor?], _ needed: [Bool]) -> [Contribution?]

  /// What a rule adds to the gradient of one input.
  public enum Contribution {
    /// A tensor of the input's shape.
    case tensor(Tensor)
    /// A function that adds to a tensor of the input's shape, in place, through its pointer.
    case adding((_ gradient: Tensor) -> Void)
  }

  /// Whether an operation on `inputs` would be recorded now, and so has to save what its rule needs.
  public static func records(_ inputs: [Tensor]) -> Bool {
    Recording.isOn && inputs.contains(where: \.needsGradient)
  }

  /// The `outputs`, through which gradients flow back to the `inputs` by `backward`; they are returned as
  /// they are when nothing is to be recorded.
  public static func record(
    _ name: String, inputs: [Tensor], outputs: [Tensor], backward: @escaping Backward
  ) -> [Tensor] {
    record(name, inputs: inputs, outputs: outputs) { gradients, needed in
      backward(gradients, needed).map { gradient in gradient.map { .tensor($0) } }
    }
  }

  /// As `record(_:inputs:outputs:backward:)`, with gradients that may be added in place.
  public static func record(
    _ name: String, inputs: [Tensor], outputs: [Tensor], contributions: @escaping Contributions
  ) -> [Tensor] {
    guard records(inputs) else { return outputs.map(\.detached) }
    let node = Node(name, inputs: inputs, outputs: outputs, rule: contributions)
    return outputs.enumerated().map { index, output in
      var output = output
      output.source = .output(node, index)
      return output
    }
  }

  /// As `record(_:inputs:outputs:contributions:)` for a single output.
  static func record(
    _ name: String, inputs: [Tensor], output: Tensor,
    contributions: @escaping (_ gradient: Tensor, _ needed: [Bool]) -> [Contribution?]
  ) -> Tensor {
    record(name, inputs: inputs, outputs: [output]) { gradients, needed in
      guard let gradient = gradients[0] else { return needed.map { _ in nil } }
      return contributions(gradient, needed)
    }[0]
  }
}
