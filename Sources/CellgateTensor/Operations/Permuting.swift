import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The dimensions in another order: `axes[i]` becomes dimension i, so that [2, 3, 4] under [2, 0, 1] gives [4, 2, 3].
  public func permuted(_ axes: [Int]) -> Tensor {
    let order = axes.map { Axes.index($0, of: shape, "permuted") }
    require(
      order.sorted() == Array(0..<rank),
      "permuted: expected each axis of \(shape) once, found \(axes)")
    guard order != Array(0..<rank) else { return self }
    var back = order
    for (place, axis) in order.enumerated() { back[axis] = place }
    return RecordedOperation.record("permute", inputs: [self], output: Permutation.copy(self, order)) {
      gradient, _ in
      [.tensor(Permutation.copy(gradient, back))]
    }
  }

  /// Two dimensions, the last two unless others are named, in each other's place: [B, M, N] gives [B, N, M].
  public func transposed(_ first: Int = -2, _ second: Int = -1) -> Tensor {
    var axes = Array(0..<rank)
    axes.swapAt(
      Axes.index(first, of: shape, "transposed"), Axes.index(second, of: shape, "transposed"))
    return permuted(axes)
  }
}

/// Copies of a tensor with its dimensions in another order.
enum Permutation {
  /// One dimension of the copy: its size, and the distance of neighbours before and after.
  private struct Dimension {
    var size: Int, from: Int, to: Int
  }

  /// x with dimension `order[i]` as dimension i; the same memory where no number moves.
  static func copy(_ x: Tensor, _ order: [Int]) -> Tensor {
    let shape = order.map { x.shape[$0] }
    let strides = Self.strides(x.shape), newStrides = Self.strides(shape)
    // In the copy's order; those that stay neighbours are one, those of size 1 none.
    var dimensions: [Dimension] = []
    for (place, axis) in order.enumerated() where x.shape[axis] != 1 {
      let next = Dimension(size: shape[place], from: strides[axis], to: newStrides[place])
      if let last = dimensions.last, last.from == next.from * next.size {
        dimensions[dimensions.count - 1] = Dimension(
          size: last.size * next.size, from: next.from, to: next.to)
      } else {
        dimensions.append(next)
      }
    }
    guard dimensions.count > 1, x.count > 0, let last = dimensions.popLast() else {
      return Tensor(storage: x.storage, offset: x.offset, shape: shape)
    }
    let result = Tensor.uninitialized(shape)
    let (source, target) = unsafe (UnsafePointer(x.pointer), result.pointer)
    if last.from == 1 {
      unsafe copyRows(source, target, dimensions, last.size)
    } else {
      unsafe transpose(source, target, dimensions, last)
    }
    return result
  }

  /// Rows of `length` neighbours, in runs along the last of the other dimensions.
  private static func copyRows(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ outer: [Dimension], _ length: Int
  ) {
    var others = outer
    guard let run = others.popLast() else { return }
    let count = others.reduce(1) { $0 * $1.size }
    let part = max(1, Elementwise.grain / length)
    let parts = (run.size + part - 1) / part
    Elementwise.chunks(count * parts, grain: max(1, part / min(part, run.size))) { range in
      for index in range {
        let (other, place) = index.quotientAndRemainder(dividingBy: parts)
        let (from, to) = offsets(other, others)
        for row in place * part..<min(run.size, (place + 1) * part) {
          unsafe (target + to + row * run.to).update(from: source + from + row * run.from, count: length)
        }
      }
    }
  }

  /// Squares of the dimension that was last and the one that becomes so.
  private static func transpose(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ outer: [Dimension],
    _ last: Dimension
  ) {
    var others = outer
    guard let place = others.firstIndex(where: { $0.from == 1 }) else {
      fail("permuted: expected a dimension whose entries are neighbours, found none")
    }
    let columns = others.remove(at: place)
    let count = others.reduce(1) { $0 * $1.size }
    // Blocks of whole vectors.
    let block = max(64, Elementwise.grain / columns.size / 64 * 64)
    let blocks = (last.size + block - 1) / block
    let work = min(block, last.size) * columns.size
    Elementwise.chunks(count * blocks, grain: max(1, Elementwise.grain / work)) { range in
      for index in range {
        let (other, part) = index.quotientAndRemainder(dividingBy: blocks)
        let (from, to) = offsets(other, others)
        let first = part * block
        unsafe cg_transpose(
          min(block, last.size - first), columns.size, source + from + first * last.from, last.from,
          target + to + first, columns.to)
      }
    }
  }

  private static func offsets(_ index: Int, _ dimensions: [Dimension]) -> (from: Int, to: Int) {
    var (rest, from, to) = (index, 0, 0)
    for dimension in dimensions.reversed() {
      let (quotient, place) = rest.quotientAndRemainder(dividingBy: dimension.size)
      from += place * dimension.from
      to += place * dimension.to
      rest = quotient
    }
    return (from, to)
  }

  /// How far apart neighbours of each dimension lie.
  private static func strides(_ shape: [Int]) -> [Int] {
    var strides = shape
    var stride = 1
    for axis in shape.indices.reversed() {
      strides[axis] = stride
      stride *= shape[axis]
    }
    return strides
  }
}
