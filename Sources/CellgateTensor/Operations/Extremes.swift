import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The largest numbers over `axes`, of all if none are named; NaN where there is one. The first of equal numbers gets
  /// the gradient.
  public func max(axes: [Int]? = nil, keepDims: Bool = false) -> Tensor {
    extremes("max", axes, keepDims) { Extremes.largest($0, $1) }
  }

  /// The largest numbers along one axis.
  public func max(axis: Int, keepDims: Bool = false) -> Tensor { max(axes: [axis], keepDims: keepDims) }

  /// The smallest numbers over `axes`, of all if none are named; NaN where there is one. The first of equal numbers gets
  /// the gradient.
  public func min(axes: [Int]? = nil, keepDims: Bool = false) -> Tensor {
    extremes("min", axes, keepDims) { x, axes in
      let negated = Extremes.largest(Elementwise.apply(CG_NEGATE, x), axes)
      return Elementwise.apply(CG_NEGATE, negated)
    }
  }

  /// The smallest numbers along one axis.
  public func min(axis: Int, keepDims: Bool = false) -> Tensor { min(axes: [axis], keepDims: keepDims) }

  /// Where the largest number along an axis lies, the first of equal ones and the first NaN if there is one: row by row
  /// of the shape without the axis.
  public func argMax(axis: Int = -1) -> [Int] {
    let axis = Axes.index(axis, of: shape, "argMax")
    let blocks = AxisBlocks(shape, axis: axis)
    require(
      blocks.size > 0 || blocks.outer * blocks.inner == 0,
      "argMax: expected one or more numbers along axis \(axis), found \(shape)")
    return Extremes.places(of: Extremes.largest(detached, axis...axis), in: detached, axis...axis)
  }

  private func extremes(
    _ name: String, _ axes: [Int]?, _ keepDims: Bool, _ reduce: (Tensor, ClosedRange<Int>) -> Tensor
  ) -> Tensor {
    let axes = Axes.indices(axes ?? Array(0..<rank), of: shape, name)
    var result = self
    for group in AxisSums.neighbours(axes).reversed() {
      let blocks = AxisBlocks(result.shape, axes: group)
      require(
        blocks.size > 0 || blocks.outer * blocks.inner == 0,
        "\(name): expected one or more numbers along axes \(axes), found \(shape)"
      )
      let (x, output) = (result.detached, reduce(result.detached, group))
      result = RecordedOperation.record(name, inputs: [result], output: output) { gradient, _ in
        [.tensor(Extremes.gradient(gradient, of: output, in: x, group))]
      }
    }
    return keepDims ? result : result.squeezed(axes)
  }
}

/// The largest numbers along neighbouring axes.
private enum Extremes {
  /// The largest numbers of x; the axes stay with size 1.
  static func largest(_ x: Tensor, _ axes: ClosedRange<Int>) -> Tensor {
    let blocks = AxisBlocks(x.shape, axes: axes)
    var shape = x.shape
    for axis in axes { shape[axis] = 1 }
    let result = Tensor.uninitialized(shape)
    let (size, inner) = (blocks.size, blocks.inner)
    let (input, output) = unsafe (UnsafePointer(x.pointer), result.pointer)
    if inner == 1, blocks.outer == 1 {
      // One long row: the largest of its chunks.
      let grain = Elementwise.grain
      let parts = Tensor.uninitialized([(size + grain - 1) / grain])
      let part = unsafe parts.pointer
      Elementwise.chunks(parts.count, grain: 1) { range in
        for index in range {
          unsafe part[index] = cg_largest(Swift.min(grain, size - index * grain), input + index * grain)
        }
      }
      unsafe output[0] = cg_largest(parts.count, part)
    } else if inner == 1 {
      Elementwise.chunks(blocks.outer, grain: Swift.max(1, Elementwise.grain / Swift.max(size, 1))) { rows in
        for row in rows { unsafe output[row] = cg_largest(size, input + row * size) }
      }
    } else if result.count > 0 {
      // Columns, in blocks.
      let width = Swift.min(inner, 512)
      let parts = (inner + width - 1) / width
      let work = Swift.max(1, size * width)
      Elementwise.chunks(blocks.outer * parts, grain: Swift.max(1, Elementwise.grain / work)) { range in
        for index in range {
          let (block, part) = index.quotientAndRemainder(dividingBy: parts)
          let first = part * width
          let columns = Swift.min(width, inner - first)
          let best = unsafe output + block * inner + first
          let from = unsafe input + block * size * inner + first
          unsafe best.update(from: from, count: columns)
          for row in 1..<Swift.max(size, 1) {
            // Of equal numbers the one that came first stays.
            unsafe cg_apply(CG_MAXIMUM, columns, from + row * inner, best, nil, 0, best)
          }
        }
      }
    }
    return result
  }

  /// The gradient of x: what arrives at an extreme goes to the first number that is equal to it.
  static func gradient(
    _ gradient: Tensor, of extremes: Tensor, in x: Tensor, _ axes: ClosedRange<Int>
  ) -> Tensor {
    let blocks = AxisBlocks(x.shape, axes: axes)
    let result = Tensor.zeros(x.shape)
    let (arrived, output) = unsafe (gradient.pointer, result.pointer)
    forEachFirst(of: extremes, in: x, blocks) { place, row in
      let (block, column) = place.quotientAndRemainder(dividingBy: blocks.inner)
      unsafe output[(block * blocks.size + row) * blocks.inner + column] = arrived[place]
    }
    return result
  }

  /// The rows of the first numbers that are equal to the extremes.
  static func places(of extremes: Tensor, in x: Tensor, _ axes: ClosedRange<Int>) -> [Int] {
    var places = [Int](repeating: 0, count: extremes.count)
    unsafe places.withUnsafeMutableBufferPointer { places in
      guard let first = places.baseAddress else { return }
      forEachFirst(of: extremes, in: x, AxisBlocks(x.shape, axes: axes)) { unsafe first[$0] = $1 }
    }
    return places
  }

  /// Calls `body` with the place of each extreme and the row of the first number that is equal to it, on some thread.
  private static func forEachFirst(
    of extremes: Tensor, in x: Tensor, _ blocks: AxisBlocks, _ body: (_ place: Int, _ row: Int) -> Void
  ) {
    let (size, inner) = (blocks.size, blocks.inner)
    let (values, input) = unsafe (extremes.pointer, x.pointer)
    let grain = Swift.max(1, Elementwise.grain / Swift.max(size, 1))
    Elementwise.chunks(extremes.count, grain: grain) { range in
      for place in range {
        let (block, column) = place.quotientAndRemainder(dividingBy: inner)
        let (first, value) = unsafe (input + block * size * inner + column, values[place])
        for row in 0..<size {
          let number = unsafe first[row * inner]
          if number == value || number != number {
            body(place, row)
            break
          }
        }
      }
    }
  }
}
