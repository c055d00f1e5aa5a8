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
