import CellgateBasics
import CellgateTensor

/// y = x Wᵀ + b: [.., K] gives [.., N].
public final class Linear: Module {
  /// [N, K].
  public let weight: Parameter
  /// [N].
  public let bias: Parameter?
  /// What weight and inputs are rounded to: Float32, or signed bytes of a map that is not trained any more.
  public private(set) var precision = Precision.float32
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

  /// The map itself.
  public var linearMaps: [Linear] { [self] }

  /// `weight` unless it is another module's, and `bias` when there is one.
  public var members: [Member] {
    (isTied ? [] : [.parameter("weight", weight)]) + (bias.map { [.parameter("bias", $0)] } ?? [])
  }

  /// [.., K] gives [.., N]; in signed bytes without a gradient.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    precision.trains ? linear(x, weight: weight.tensor, bias: bias?.tensor) : packed()(x.detached)
  }

  /// The same map with its weight packed once.
  public func packed() -> PackedLinear {
    PackedLinear(weight: weight.value, bias: bias?.value, precision: precision)
  }

  /// Signed bytes where the precision is ``Precision/int8`` and the map has no more inputs than that can sum; else Float32.
  package func compute(in precision: Precision) {
    self.precision =
      precision == .int8 && weight.shape[1] <= precision.mostFactors ? precision : .float32
  }
}
