import CellgateBasics

extension Tensor {
  /// The same numbers, in the same memory, under another shape of the same count.
  public func reshaped(_ newShape: [Int]) -> Tensor {
    require(
      Self.count(of: newShape) == count,
      "reshaped: expected a shape of \(count) numbers as \(shape) has, found \(newShape)")
    let (shape, view) = (shape, Tensor(storage: storage, offset: offset, shape: newShape))
    return RecordedOperation.record("reshape", inputs: [self], output: view) { gradient, _ in
      [.tensor(gradient.reshaped(shape))]
    }
  }

  /// The same numbers with a dimension of size 1 at `axis`: [T, I] gives [T, 1, I] at axis 1.
  public func unsqueezed(axis: Int) -> Tensor {
    var newShape = shape
    newShape.insert(1, at: Axes.index(axis, of: shape + [1], "unsqueezed"))
    return reshaped(newShape)
  }

  /// The same numbers without a dimension of size 1.
  public func squeezed(axis: Int) -> Tensor {
    let axis = Axes.index(axis, of: shape, "squeezed")
    require(shape[axis] == 1, "squeezed: expected a size of 1 in axis \(axis), found \(shape)")
    return squeezed([axis])
  }

  /// The same numbers without these dimensions, each of size 1.
  func squeezed(_ axes: [Int]) -> Tensor {
    reshaped(shape.indices.filter { !axes.contains($0) }.map { shape[$0] })
  }

  /// Entry `index` of the first dimension: [T, B, I] gives [B, I], in the same memory.
  public subscript(index: Int) -> Tensor {
    let slice = self[index..<index + 1]
    return slice.reshaped(Array(shape.dropFirst()))
  }

  /// Entries `range` of the first dimension, in the same memory.
  public subscript(range: Range<Int>) -> Tensor {
    guard let first = shape.first else {
      fail("slice: expected a tensor with a first dimension, found one of shape []")
    }
    require(
      range.lowerBound >= 0 && range.upperBound <= first,
      "slice: expected a range in 0..<\(first), found \(range)")
    let stride = shape.dropFirst().reduce(1, *)
    let start = range.lowerBound * stride
    let view = Tensor(
      storage: storage, offset: offset + start, shape: [range.count] + shape.dropFirst())
    return RecordedOperation.record("slice", inputs: [self], output: view) { gradient, _ in
      [
        .adding { sum in
          Tensor(storage: sum.storage, offset: sum.offset + start, shape: gradient.shape)
            .add(inPlace: gradient)
        }
      ]
    }
  }
}
