import CellgateBasics

/// A tensor that is learned: its value and the gradient that backward passes add up.
///
/// Its name belongs to the module that holds it. A parameter may be held by several modules (tied
/// weights); their gradients add up.
public final class Parameter {
  /// The present value. An optimiser writes it in place, never between a forward pass and its backward.
  public private(set) var value: Tensor

  private var accumulated: Tensor?

  /// A parameter that starts from a copy of `value`.
  public init(_ value: Tensor) {
    self.value = value.copied()
  }

  /// The shape of the value and of the gradient.
  public var shape: [Int] { value.shape }

  /// The value as a leaf of differentiation: gradients that arrive at it are added to `gradient`.
  public var tensor: Tensor {
    var tensor = value
    tensor.source = .parameter(self)
    return tensor
  }

  /// What backward passes have added up since the last `zeroGradient()`.
  public var gradient: Tensor {
    if let accumulated { return accumulated }
    let zeros = Tensor.zeros(shape)
    accumulated = zeros
    return zeros
  }

  /// Sets the gradient to zero.
  public func zeroGradient() {
    guard let accumulated else { return }
    unsafe accumulated.pointer.update(repeating: 0, count: accumulated.count)
  }

  /// Copies the numbers of `tensor`, of the same shape, into the value.
  public func assign(_ tensor: Tensor) {
    require(
      tensor.shape == shape, "Parameter.assign: expected \(shape), found \(tensor.shape)")
    unsafe value.pointer.update(from: tensor.pointer, count: tensor.count)
  }

  /// Moves the value and the gradient, with what they hold, into windows of other memory.
  public func move(value newValue: Tensor, gradient newGradient: Tensor) {
    require(
      newValue.shape == shape && newGradient.shape == shape,
      "Parameter.move: expected \(shape), found \(newValue.shape) and \(newGradient.shape)")
    unsafe newValue.pointer.update(from: value.pointer, count: value.count)
    if let accumulated {
      unsafe newGradient.pointer.update(from: accumulated.pointer, count: accumulated.count)
    } else {
      unsafe newGradient.pointer.update(repeating: 0, count: newGradient.count)
    }
    value = newValue.detached
    accumulated = newGradient.detached
  }
}
