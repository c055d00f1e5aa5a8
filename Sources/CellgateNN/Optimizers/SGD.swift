import CellgateBasics
import CellgateTensor

/// Stochastic gradient descent, with momentum (Sutskever et al. 2013,
/// https://proceedings.mlr.press/v28/sutskever13.html), as PyTorch defines it:
///
///     g ← g + λ θ
///     v ← μ v + g
///     θ ← θ − η v,  or with Nesterov's momentum  θ ← θ − η (g + μ v)
public final class SGD: Optimizer {
  /// The name in the registry.
  public static let name = "sgd"
  /// The learning rate when the settings give none.
  public static let defaultLearningRate: Float = 0.01

  /// What it was made with.
  public let settings: OptimizerSettings
  /// The rate η of the next update.
  public var learningRate: Float
  /// Updates made so far.
  public var stepCount = 0
  private let velocity: Tensor?

  /// An optimiser of `count` numbers.
  public init(count: Int, settings: OptimizerSettings) {
    require(
      !settings.nesterov || settings.momentum > 0,
      "sgd: expected a momentum above 0 for Nesterov's, found \(settings.momentum)")
    self.settings = settings
    learningRate = settings.learningRate ?? Self.defaultLearningRate
    velocity = settings.momentum == 0 ? nil : .zeros([count])
  }

  /// The velocity v, with momentum.
  public var state: [(name: String, values: Tensor)] { velocity.map { [("velocity", $0)] } ?? [] }

  /// One update of numbers `range`.
  public func update(
    _ range: Range<Int>, values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>
  ) {
    let (rate, decay, momentum) = (learningRate, settings.weightDecay ?? 0, settings.momentum)
    guard let velocity = unsafe velocity?.pointer else {
      for index in range {
        unsafe values[index] -= rate * (gradients[index] + decay * values[index])
      }
      return
    }
    // With Nesterov's momentum one more share of the new velocity, and this gradient.
    let (again, fresh): (Float, Float) = settings.nesterov ? (momentum, 1) : (1, 0)
    for index in range {
      let gradient = unsafe gradients[index] + decay * values[index]
      let next = unsafe momentum * velocity[index] + gradient
      unsafe velocity[index] = next
      unsafe values[index] -= rate * (again * next + fresh * gradient)
    }
  }
}
