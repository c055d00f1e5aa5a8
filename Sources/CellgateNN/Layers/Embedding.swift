import CellgateBasics
import CellgateTensor

/// A learned vector for each of V indices.
public final class Embedding: Module {
  /// [V, E].
  public let weight: Parameter

  /// A table of `count` V vectors of `size` E; it starts normal with deviation 1, as in PyTorch.
  public init(
    count: Int, size: Int, stream: RandomStream, initializer: Initializer = .normal(standardDeviation: 1)
  ) {
    require(
      count > 0 && size > 0,
      "Embedding: expected 1 or more vectors of size 1 or more, found \(count) of size \(size)")
    weight = Parameter(initializer([count, size], stream: stream.child("weight")))
  }

  /// `weight`.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// Indices of `shape`, row by row, each in 0 ..< V, give [shape.., E].
  public func callAsFunction(_ indices: [Int32], shape: [Int]) -> Tensor {
    embedding(indices, shape: shape, table: weight.tensor)
  }
}
