import CellgateTensor

/// RMSprop (Tieleman and Hinton 2012), as PyTorch defines it:
///
///     g ← g + λ θ
///     s ← α s + (1 − α) g²
///     θ ← θ − η g / (√s + ε),  or with momentum  v ← μ v + g / (√s + ε),  θ ← θ − η v
public final class RMSprop: Optimizer {
  /// The name in the registry.
  public static let name = "rmsprop"
  /// The learning rate when the settings give none.
  public static let defaultLearningRate: Float = 0.01

  /// What it was made with.
  public let settings: OptimizerSettings
  /// The rate η of the next update.
  public var learningRate: Float
  /// Updates made so far.
  public var stepCount = 0
  private let meanSquare: Tensor
  private let velocity: Tensor?

  /// An optimiser of `count` numbers.
  public init(count: Int, settings: OptimizerSettings) {
    self.settings = settings
    learningRate = settings.learningRate ?? Self.defaultLearningRate
    meanSquare = .zeros([count])
    velocity = settings.momentum == 0 ? nil : .zeros([count])
  }

  /// The mean square s, and the velocity v with momentum.
  public var state: [(name: String, values: Tensor)] {
    [("mean_square", meanSquare)] + (velocity.map { [("velocity", $0)] } ?? [])
  }

  /// One update of numbers `range`.
  public func update(
    _ range: Range<Int>, values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>
  ) {
    let (rate, decay, momentum) = (learningRate, settings.weightDecay ?? 0, settings.momentum)
    let (keep, epsilon) = (settings.smoothing, settings.epsilon)
    let square = unsafe meanSquare.pointer
    guard let velocity = unsafe velocity?.pointer else {
      for index in range {
        let gradient = unsafe gradients[index] + decay * values[index]
        let next = unsafe keep * square[index] + (1 - keep) * gradient * gradient
        unsafe square[index] = next
        unsafe values[index] -= rate * gradient / (next.squareRoot() + epsilon)
      }
      return
    }
    for index in range {
      let gradient = unsafe gradients[index] + decay * values[index]
      let next = unsafe keep * square[index] + (1 - keep) * gradient * gradient
      unsafe square[index] = next
      let step = unsafe momentum * velocity[index] + gradient / (next.squareRoot() + epsilon)
      unsafe velocity[index] = step
      unsafe values[index] -= rate * step
    }
  }
}
