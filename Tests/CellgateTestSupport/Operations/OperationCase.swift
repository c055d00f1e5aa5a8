import CellgateTensor

/// An operation on tensors, checked in three modes from one list: agreement with a reference in Double, gradient by
/// central differences, and speed, which `Benchmarks` measures.
public struct OperationCase: Sendable, CustomStringConvertible {
  /// What it is called in the tests, and by `Benchmarks/compare operations` beside PyTorch.
  public let name: String
  /// Inputs for the first two modes, and for the third: nil where the same operation is timed under another name.
  public let inputs: [Input]
  public let large: [Input]?
  /// Inputs that are enough for several threads: `large`, unless that takes long without optimisation.
  public let many: [Input]?
  /// The operation.
  public let apply: @Sendable ([Tensor]) -> Tensor
  /// The same in Double, from its definition.
  public let reference: @Sendable ([DoubleArray]) -> DoubleArray
  /// Largest difference from the reference, relative to the largest number (at least 1).
  public let tolerance: Double
  /// Whether it has a gradient.
  public let isDifferentiable: Bool
  /// Multiply-adds of one application to `large`, where products are what takes the time.
  public let multiplyAdds: Int?

  public init(
    _ name: String, _ inputs: [Input], large: [Input]? = nil, many: [Input]? = nil, tolerance: Double = 1e-6,
    isDifferentiable: Bool = true,
    multiplyAdds: Int? = nil, _ apply: @escaping @Sendable ([Tensor]) -> Tensor,
    reference: @escaping @Sendable ([DoubleArray]) -> DoubleArray
  ) {
    self.name = name
    self.inputs = inputs
    self.large = large
    self.many = many ?? large
    self.apply = apply
    self.reference = reference
    self.tolerance = tolerance
    self.isDifferentiable = isDifferentiable
    self.multiplyAdds = multiplyAdds
  }

  public var description: String { "\(name) \(inputs.map(\.shape))" }

  /// One input: its shape, and which numbers it holds.
  public struct Input: Sendable {
    public let shape: [Int]
    public let numbers: Numbers

    public init(_ shape: [Int], _ numbers: Numbers = .uniform(-1..<1)) {
      (self.shape, self.numbers) = (shape, numbers)
    }

    /// The numbers of the input at `place` in a case, always the same.
    public func tensor(_ place: Int) -> Tensor {
      switch numbers {
      case .uniform(let range):
        return random(shape, "input \(place)", in: range)
      case .whole:
        let numbers = random(shape, "input \(place)", in: -2.5..<2.5).scalars
        return Tensor(numbers.map { $0.rounded() }, shape: shape)
      case .apart:
        var stream = RandomStream(seed: 7, name: "input \(place)")
        let count = shape.reduce(1, *)
        return Tensor(stream.permutation(count).map { 0.1 * (Float($0 - count / 2) + 0.5) }, shape: shape)
      }
    }
  }

  /// What numbers an input holds.
  public enum Numbers: Sendable {
    /// Of the uniform distribution over a range.
    case uniform(Range<Float>)
    /// Odd multiples of 0.05, no two the same: central differences of up to 0.04 cross neither 0 nor one another.
    case apart
    /// Whole numbers from −2 to 2, many of them the same.
    case whole
  }

  /// The inputs of a list.
  public static func tensors(_ inputs: [Input]) -> [Tensor] { inputs.enumerated().map { $1.tensor($0) } }

  /// Every case.
  public static let all: [OperationCase] =
    elementwise + masks + reductions + shaping + indexing + products + convolutions + layers + attention
    + losses
    + linearChain + temporalClassification
}
