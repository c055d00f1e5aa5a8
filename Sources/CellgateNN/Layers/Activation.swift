import CellgateTensor

/// A function that a layer applies to its output, number by number; softmax over the last dimension.
public enum Activation: String, Codable, Sendable, CaseIterable {
  /// x itself.
  case linear
  /// 1 / (1 + e^−x).
  case sigmoid
  /// The hyperbolic tangent.
  case tanh
  /// max(x, 0).
  case relu
  /// x Φ(x), Φ the normal distribution's.
  case gelu
  /// x σ(x), also called swish.
  case silu
  /// ln(1 + e^x).
  case softplus
  /// e^x over the sum of the last dimension.
  case softmax
  /// x above 0, e^x − 1 below.
  case elu
  /// 1.0507 x above 0, 1.0507 · 1.6733 (e^x − 1) below (Klambauer et al. 2017).
  case selu
  /// x / (1 + |x|).
  case softsign
  /// x / 6 + 1/2, at least 0 and at most 1.
  case hardSigmoid = "hard_sigmoid"
  /// e^x.
  case exponential
  /// x above 0, x / 5 below.
  case leakyReLU = "leaky_relu"
  /// The logarithm of softmax.
  case logSoftmax = "log_softmax"

  /// The activation of x.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .linear: x
    case .sigmoid: x.sigmoid()
    case .tanh: x.tanh()
    case .relu: x.relu()
    case .gelu: x.gelu()
    case .silu: x.silu()
    case .softplus: x.softplus()
    case .softmax: x.softmax()
    case .elu: x.relu() + (x.minimum(Tensor(0)).exp() - 1)
    case .selu: (x.relu() + (x.minimum(Tensor(0)).exp() - 1) * 1.673_263_2) * 1.050_701
    case .softsign: x / (x.abs() + 1)
    case .hardSigmoid: (x / 6 + 0.5).clamp(min: 0, max: 1)
    case .exponential: x.exp()
    case .leakyReLU: x.relu() + x.minimum(Tensor(0)) * 0.2
    case .logSoftmax: x.logSoftmax()
    }
  }

  /// The activation of a layer's output, with what a cross-entropy computes it from.
  func callAsFunction(_ x: LayerValue) -> LayerValue {
    var value = x.with(self(x.tensor))
    if self == .sigmoid || self == .softmax { value.logits = (x.tensor, self) }
    return value
  }
}

/// An activation as a layer of its own.
public final class ActivationLayer: Layer {
  /// The kind that descriptions of models name it by.
  public static let kind = "activation"
  /// The function.
  public struct Options: LayerOptions {
    /// Which one.
    public var activation: Activation
  }
  /// The function.
  public let options: Options

  /// A layer of these options.
  public init(_ options: Options) { self.options = options }
  /// A layer that applies a function.
  public convenience init(_ activation: Activation) { self.init(Options(activation: activation)) }

  /// The same shape.
  public func outputShapes(_ inputs: [LayerShape]) throws(LayerError) -> [LayerShape] { [try single(inputs)] }

  /// The function of the input.
  public func callAsFunction(_ inputs: [LayerValue], _ context: ForwardContext) -> [LayerValue] {
    [options.activation(inputs[0])]
  }
}
