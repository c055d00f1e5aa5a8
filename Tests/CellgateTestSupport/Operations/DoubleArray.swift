import CellgateTensor

/// Numbers in Double under a shape, for references that follow an operation's definition index by index.
public struct DoubleArray: Sendable {
  public let shape: [Int]
  public var values: [Double]

  public init(_ tensor: Tensor) { self.init(tensor.shape, tensor.scalars.map(Double.init)) }

  public init(_ shape: [Int], _ values: [Double]) { (self.shape, self.values) = (shape, values) }

  /// The number that `value` gives for each index.
  public init(_ shape: [Int], _ value: ([Int]) -> Double) {
    self.init(shape, Self.indices(shape).map(value))
  }

  /// All indices of a shape, row by row.
  public static func indices(_ shape: [Int]) -> [[Int]] {
    shape.reduce([[]]) { indices, size in indices.flatMap { index in (0..<size).map { index + [$0] } } }
  }

  /// The number at an index.
  public subscript(index: [Int]) -> Double {
    get { values[offset(index)] }
    set { values[offset(index)] = newValue }
  }

  /// The number at an index, 0 beside the array.
  public func padded(_ index: [Int]) -> Double {
    zip(index, shape).allSatisfy { $0 >= 0 && $0 < $1 } ? self[index] : 0
  }

  private func offset(_ index: [Int]) -> Int { zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 } }

  /// f of every number.
  public func map(_ f: (Double) -> Double) -> DoubleArray { DoubleArray(shape, values.map(f)) }

  /// f of every pair of numbers, under the shape that both broadcast to.
  public func with(_ other: DoubleArray, _ f: (Double, Double) -> Double) -> DoubleArray {
    let rank = max(shape.count, other.shape.count)
    func size(_ array: DoubleArray, _ axis: Int) -> Int {
      let place = axis - (rank - array.shape.count)
      return place < 0 ? 1 : array.shape[place]
    }
    func number(_ array: DoubleArray, _ index: [Int]) -> Double {
      array[zip(index.suffix(array.shape.count), array.shape).map { $1 == 1 ? 0 : $0 }]
    }
    let common = (0..<rank).map { axis in size(self, axis) == 1 ? size(other, axis) : size(self, axis) }
    return DoubleArray(common) { f(number(self, $0), number(other, $0)) }
  }

  /// What `f` makes of the numbers along `axes`, which leave the shape, or stay with size 1.
  public func reduced(_ axes: [Int], keepDims: Bool = false, _ f: ([Double]) -> Double) -> DoubleArray {
    let kept = shape.indices.filter { !axes.contains($0) }
    let along = Self.indices(axes.map { shape[$0] })
    let result = DoubleArray(kept.map { shape[$0] }) { index in
      f(
        along.map { inner in
          var full = [Int](repeating: 0, count: shape.count)
          for (axis, position) in zip(kept, index) { full[axis] = position }
          for (axis, position) in zip(axes, inner) { full[axis] = position }
          return self[full]
        })
    }
    return keepDims
      ? DoubleArray(shape.indices.map { axes.contains($0) ? 1 : shape[$0] }, result.values) : result
  }
}
