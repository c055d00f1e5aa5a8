import CellgateBasics
import CellgateTensor

/// Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980), as PyTorch defines it; update t:
///
///     g ← g + λ θ
///     m ← β₁ m + (1 − β₁) g
///     v ← β₂ v + (1 − β₂) g²
///     θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
public class Adam: Optimizer {
  /// The name in the registry.
  public class var name: String { "adam" }
  /// The learning rate when the settings give none.
  public static let defaultLearningRate: Float = 0.001

  /// What it was made with.
  public final let settings: OptimizerSettings
  /// The rate η of the next update.
  public final var learningRate: Float
  /// Updates made so far.
  public final var stepCount = 0
  private let moments: Moments

  /// λ in g, and λ of the decay beside it.
  var decay: (coupled: Float, decoupled: Float) { (settings.weightDecay ?? 0, 0) }

  /// An optimiser of `count` numbers.
  public required init(count: Int, settings: OptimizerSettings) {
    self.settings = settings
    learningRate = settings.learningRate ?? Self.defaultLearningRate
    moments = Moments(count: count)
  }

  /// The moments m and v.
  public final var state: [(name: String, values: Tensor)] { moments.state }

  /// One update of numbers `range`.
  public final func update(
    _ range: Range<Int>, values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>
  ) {
    let decay = decay
    unsafe moments.update(
      range, values: values, gradients: gradients, settings, rate: learningRate, step: stepCount,
      coupledDecay: decay.coupled, decoupledDecay: decay.decoupled)
  }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101): as Adam
/// without λ in g, after θ ← θ − η λ θ.
public final class AdamW: Adam {
  /// The name in the registry.
  public override class var name: String { "adamw" }

  override var decay: (coupled: Float, decoupled: Float) { (0, settings.weightDecay ?? 0.01) }
}

/// The running means of gradients and of their squares.
private struct Moments {
  let first: Tensor
  let second: Tensor

  init(count: Int) {
    first = .zeros([count])
    second = .zeros([count])
  }

  var state: [(name: String, values: Tensor)] { [("first_moment", first), ("second_moment", second)] }

  func update(
    _ range: Range<Int>, values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
    _ settings: OptimizerSettings, rate: Float, step: Int, coupledDecay: Float, decoupledDecay: Float
  ) {
    let (beta1, beta2, epsilon) = (settings.beta1, settings.beta2, settings.epsilon)
    let correction1 = 1 - pow(Double(beta1), Double(step))
    let correction2 = 1 - pow(Double(beta2), Double(step))
    let (size, spread) = (Float(Double(rate) / correction1), Float(1 / correction2.squareRoot()))
    let shrink = 1 - rate * decoupledDecay
    let (m, v) = unsafe (first.pointer, second.pointer)
    for index in range {
      let gradient = unsafe gradients[index] + coupledDecay * values[index]
      let mean = unsafe beta1 * m[index] + (1 - beta1) * gradient
      let square = unsafe beta2 * v[index] + (1 - beta2) * gradient * gradient
      unsafe m[index] = mean
      unsafe v[index] = square
      unsafe values[index] = shrink * values[index] - size * mean / (square.squareRoot() * spread + epsilon)
    }
  }
}
