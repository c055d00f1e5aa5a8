import CellgateBasics
import CellgateTensor

/// y = x Wᵀ + b: [.., K] gives [.., N].
public final class Linear: Module {
  /// [N, K].
  public let weight: Parameter
  /// [N].
  public let bias: Parameter?
  /// Whether the weight is another module's parameter, and none of this one's.
  private let isTied: Bool

  /// A map from `inputSize` K to `outputSize` N. The weight, and the bias unless it is left out, start
  /// uniform in ±1/√K, as in PyTorch.
  public init(
    inputSize: Int, outputSize: Int, hasBias: Bool = true, stream: RandomStream,
    weightInitializer: Initializer? = nil, biasInitializer: Initializer? = nil
  ) {
    require(
      inputSize > 0 && outputSize > 0,
      "Linear: expected sizes of 1 or more, found \(inputSize) and \(outputSize)")
    let usual = Initializer.uniform(bound: 1 / Float(inputSize).squareRoot())
    weight = Parameter(
      (weightInitializer ?? usual)([outputSize, inputSize], stream: stream.child("weight")))
    bias =
      hasBias ? Parameter((biasInitializer ?? usual)([outputSize], stream: stream.child("bias"))) : nil
    isTied = false
  }

  /// A map with a `weight` [N, K] that is a parameter of another module, such as an embedding's, and a bias of its own.
  public init(tiedTo weight: Parameter, stream: RandomStream, biasInitializer: Initializer = .zeros) {
    self.weight = weight
    bias = Parameter(biasInitializer([weight.shape[0]], stream: stream.child("bias")))
    isTied = true
  }

  /// `weight` unless it is another module's, and `bias` when there is one.
  public var members: [Member] {
    (isTied ? [] : [.parameter("weight", weight)]) + (bias.map { [.parameter("bias", $0)] } ?? [])
  }

  /// [.., K] gives [.., N].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    linear(x, weight: weight.tensor, bias: bias?.tensor)
  }
}
