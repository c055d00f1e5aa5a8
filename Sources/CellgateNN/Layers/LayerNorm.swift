import CellgateBasics
import CellgateTensor

/// Layer normalisation over the last dimension (Ba et al. 2016, https://arxiv.org/abs/1607.06450).
public final class LayerNorm: Module {
  /// [N], ones at first.
  public let weight: Parameter
  /// [N], zeros at first.
  public let bias: Parameter
  /// What is added to the variance.
  public let epsilon: Float

  /// A normalisation of vectors of `size` N.
  public init(size: Int, epsilon: Float = 1e-5) {
    require(size > 0, "LayerNorm: expected a size of 1 or more, found \(size)")
    weight = Parameter(.full([size], 1))
    bias = Parameter(.zeros([size]))
    self.epsilon = epsilon
  }

  /// `weight` and `bias`.
  public var members: [Member] { [.parameter("weight", weight), .parameter("bias", bias)] }

  /// [.., N] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, weight: weight.tensor, bias: bias.tensor, epsilon: epsilon)
  }
}
