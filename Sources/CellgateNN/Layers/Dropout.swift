import CellgateBasics
import CellgateTensor

/// Sets a share of the numbers to zero while training, and divides the others by 1 − probability (Srivastava
/// et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html).
public final class Dropout: Module {
  /// The share, in 0 ..< 1.
  public let probability: Float
  /// What names this layer's noise; layers of one model differ in it.
  public let name: String

  /// A dropout layer.
  public init(probability: Float, name: String) {
    require(
      probability >= 0 && probability < 1, "Dropout: expected a probability in [0, 1), found \(probability)")
    self.probability = probability
    self.name = name
  }

  /// A layer without parameters.
  public var members: [Member] { [] }

  /// The same shape; outside training the same numbers.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    guard context.isTraining, probability > 0 else { return x }
    var stream = context.stream(name)
    return dropout(x, probability: probability, stream: &stream)
  }
}
