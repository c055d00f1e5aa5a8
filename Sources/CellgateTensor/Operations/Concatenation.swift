import CellgateBasics

/// The tensors one after another along an axis, the last one unless another is named: [.., N₁], [.., N₂], ... give
/// [.., N₁ + N₂ + ..].
public func concatenated(_ tensors: [Tensor], axis: Int = -1) -> Tensor {
  guard let first = tensors.first else { fail("concatenated: expected one or more tensors, found none") }
  let axis = Axes.index(axis, of: first.shape, "concatenated")
  let shapes = tensors.map(\.shape)
  var shape = first.shape
  shape[axis] = 0
  for other in shapes {
    var fitting = first.shape
    if axis < other.count { fitting[axis] = other[axis] }
    require(
      other == fitting, "concatenated: expected shapes that differ in axis \(axis) alone, found \(shapes)")
    shape[axis] += other[axis]
  }
  let blocks = AxisBlocks(shape, axis: axis)
  let widths = shapes.map { $0[axis] * blocks.inner }
  let starts = widths.indices.map { widths[..<$0].reduce(0, +) }
  let output = Tensor.uninitialized(shape)
  for (index, tensor) in tensors.enumerated() {
    let part = Columns(tensor, rows: blocks.outer, first: 0, count: widths[index])
    part.copy(to: Columns(output, rows: blocks.outer, first: starts[index], count: widths[index]))
  }
  return RecordedOperation.record("concatenate", inputs: tensors, output: output) { gradient, needed in
    needed.indices.map { index in
      guard needed[index] else { return nil }
      let part = Tensor.uninitialized(shapes[index])
      Columns(gradient, rows: blocks.outer, first: starts[index], count: widths[index]).copy(
        to: Columns(part, rows: blocks.outer, first: 0, count: widths[index]))
      return .tensor(part)
    }
  }
}

/// Tensors of one shape along a new axis: N of [T, I] give [N, T, I], along axis 1 [T, N, I].
public func stacked(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
  guard let shape = tensors.first?.shape else { fail("stacked: expected one or more tensors, found none") }
  require(
    tensors.allSatisfy { $0.shape == shape }, "stacked: expected equal shapes, found \(tensors.map(\.shape))")
  let axis = Axes.index(axis, of: shape + [1], "stacked")
  var single = shape
  single.insert(1, at: axis)
  return concatenated(tensors.map { $0.reshaped(single) }, axis: axis)
}

extension Tensor {
  /// Entries `range` of an axis; along the first dimension in the same memory.
  public func sliced(_ range: Range<Int>, axis: Int) -> Tensor {
    let axis = Axes.index(axis, of: shape, "sliced")
    require(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "sliced: expected a range in 0..<\(shape[axis]), axis \(axis) of \(shape), found \(range)")
    if axis == 0 { return self[range] }
    if range == 0..<shape[axis] { return self }
    let blocks = AxisBlocks(shape, axis: axis)
    let (first, width) = (range.lowerBound * blocks.inner, range.count * blocks.inner)
    var part = shape
    part[axis] = range.count
    let output = Tensor.uninitialized(part)
    Columns(self, rows: blocks.outer, first: first, count: width).copy(
      to: Columns(output, rows: blocks.outer, first: 0, count: width))
    return RecordedOperation.record("slice", inputs: [self], output: output) { gradient, _ in
      [
        .adding { sum in
          Columns(gradient, rows: blocks.outer, first: 0, count: width).add(
            to: Columns(sum, rows: blocks.outer, first: first, count: width))
        }
      ]
    }
  }

  /// Parts of these sizes, one after another along an axis, which they fill.
  public func split(sizes: [Int], axis: Int = -1) -> [Tensor] {
    let axis = Axes.index(axis, of: shape, "split")
    require(
      sizes.allSatisfy { $0 >= 0 } && sizes.reduce(0, +) == shape[axis],
      "split: expected sizes that add up to \(shape[axis]), axis \(axis) of \(shape), found \(sizes)")
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return sliced(start..<start + size, axis: axis)
    }
  }

  /// `parts` parts of one size along an axis.
  public func split(parts: Int, axis: Int = -1) -> [Tensor] {
    let size = shape[Axes.index(axis, of: shape, "split")]
    require(
      parts > 0 && size % parts == 0,
      "split: expected a number of parts that divides \(size), an axis of \(shape), found \(parts)")
    return split(sizes: [Int](repeating: size / parts, count: parts), axis: axis)
  }
}

/// Neighbouring columns of a tensor that is seen as a matrix of some rows.
private struct Columns {
  let tensor: Tensor
  let rows: Int, first: Int, count: Int

  init(_ tensor: Tensor, rows: Int, first: Int, count: Int) {
    (self.tensor, self.rows, self.first, self.count) = (tensor, rows, first, count)
  }

  private var width: Int { rows == 0 ? 0 : tensor.count / rows }
  private var grain: Int { max(1, Elementwise.grain / max(count, 1)) }

  func copy(to other: Columns) {
    let (source, target) = unsafe (tensor.pointer + first, other.tensor.pointer + other.first)
    let (width, otherWidth) = (width, other.width)
    Elementwise.chunks(rows, grain: grain) { range in
      for row in range { unsafe (target + row * otherWidth).update(from: source + row * width, count: count) }
    }
  }

  func add(to other: Columns) {
    let (source, target) = unsafe (tensor.pointer + first, other.tensor.pointer + other.first)
    let (width, otherWidth) = (width, other.width)
    Elementwise.chunks(rows, grain: grain) { range in
      for row in range {
        let (from, to) = unsafe (source + row * width, target + row * otherWidth)
        for column in 0..<count { unsafe to[column] += from[column] }
      }
    }
  }
}
