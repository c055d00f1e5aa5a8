import CellgateBasics
import CellgateKernels

extension Tensor {
  /// The numbers repeated along new dimensions in front and along those of size 1, as NumPy's rule has it:
  /// [3, 1] as [2, 3, 4].
  public func broadcast(to newShape: [Int]) -> Tensor {
    let old = shape
    require(
      Broadcasting.shape(old, newShape) == newShape,
      "broadcast: expected a shape that \(old) broadcasts to, found \(newShape)")
    guard old != newShape else { return self }
    let output = Broadcasting.copy(self, to: newShape)
    return RecordedOperation.record("broadcast", inputs: [self], output: output) { gradient, _ in
      [.tensor(gradient.summed(to: old))]
    }
  }

  /// The sum over what `broadcast` repeated: of `smaller`, which broadcasts to this shape. Not differentiated.
  func summed(to smaller: [Int]) -> Tensor {
    guard smaller != shape else { return self }
    let added = rank - smaller.count
    let axes = shape.indices.filter { $0 < added || (smaller[$0 - added] == 1 && shape[$0] != 1) }
    let sums = axes.isEmpty ? self : AxisSums.of(self, axes: axes)
    return Tensor(storage: sums.storage, offset: sums.offset, shape: smaller)
  }
}

/// Operations on pairs of numbers of two tensors whose shapes NumPy's rule makes one: sizes are compared from the last
/// dimension on; missing ones and those of 1 are repeated.
enum Broadcasting {
  /// The shape that both become; nil if they don't fit.
  static func shape(_ left: [Int], _ right: [Int]) -> [Int]? {
    let rank = max(left.count, right.count)
    var result = [Int](repeating: 1, count: rank)
    for place in 1...max(rank, 1) where place <= rank {
      let a = place <= left.count ? left[left.count - place] : 1
      let b = place <= right.count ? right[right.count - place] : 1
      guard a == b || a == 1 || b == 1 else { return nil }
      result[rank - place] = a == 1 ? b : a
    }
    return result
  }

  /// The shape that both become.
  static func shape(_ operation: String, _ left: [Int], _ right: [Int]) -> [Int] {
    guard let shape = shape(left, right) else {
      fail("\(operation): expected shapes that broadcast to one, found \(left) and \(right)")
    }
    return shape
  }

  /// The kernels' `code` of every pair of numbers.
  static func apply(_ operation: String, _ code: cg_code, _ x: Tensor, _ y: Tensor) -> Tensor {
    if x.shape == y.shape { return Elementwise.apply(code, x, y) }
    let shape = shape(operation, x.shape, y.shape)
    let count = Tensor.count(of: shape)
    if (x.count == count || x.count == 1) && (y.count == count || y.count == 1) {
      return Elementwise.apply(code, [x, y], shape: shape)
    }
    let rows = BroadcastRows(shape, x.shape, y.shape)
    // Short rows are copied: a kernel's call for each would take longer.
    if rows.length < shortest {
      return Elementwise.apply(code, copy(x.detached, to: shape), copy(y.detached, to: shape))
    }
    let result = Tensor.uninitialized(shape)
    let (left, right, output) = unsafe (x.pointer, y.pointer, result.pointer)
    rows.forEach { start, first, second, count in
      let (a, b, to) = unsafe (left + first, right + second, output + start)
      if rows.leftStride == rows.rightStride {
        unsafe cg_apply(code, count, a, b, nil, 0, to)
        return
      }
      // One of them is repeated along the row.
      let repeated = unsafe rows.leftStride == 0 ? a.pointee : b.pointee
      let numbers = unsafe rows.leftStride == 0 ? b : a
      if let constant = constant(code, repeated, isLeft: rows.leftStride == 0) {
        unsafe cg_apply(constant.code, count, numbers, nil, nil, constant.value, to)
        return
      }
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: min(count, block)) { buffer in
        unsafe buffer.initialize(repeating: repeated)
        guard let same = buffer.baseAddress else { return }
        for start in stride(from: 0, to: count, by: block) {
          unsafe cg_apply(
            code, min(block, count - start), rows.leftStride == 0 ? same : a + start,
            rows.rightStride == 0 ? same : b + start, nil, 0, to + start)
        }
      }
    }
    return result
  }

  /// The code that has a number in the place of the left or of the right operand; nil if there is none.
  private static func constant(_ code: cg_code, _ number: Float, isLeft: Bool) -> (
    code: cg_code, value: Float
  )? {
    switch code {
    case CG_ADD: (CG_ADD_CONSTANT, number)
    case CG_MULTIPLY: (CG_MULTIPLY_CONSTANT, number)
    case CG_SUBTRACT: isLeft ? (CG_SUBTRACT_FROM_CONSTANT, number) : (CG_ADD_CONSTANT, -number)
    case CG_DIVIDE where isLeft: (CG_DIVIDE_CONSTANT, number)
    default: nil
    }
  }

  private static let shortest = 32
  private static let block = 1 << 10

  /// x repeated to `shape`, which it broadcasts to.
  static func copy(_ x: Tensor, to shape: [Int]) -> Tensor {
    if x.shape == shape { return x.detached }
    let result = Tensor.uninitialized(shape)
    let rows = BroadcastRows(shape, x.shape, x.shape)
    let (input, output) = unsafe (x.pointer, result.pointer)
    rows.forEach { start, from, _, count in
      if rows.leftStride == 0 {
        unsafe (output + start).update(repeating: input[from], count: count)
      } else {
        unsafe (output + start).update(from: input + from, count: count)
      }
    }
    return result
  }
}

/// How two tensors are walked through under the shape they broadcast to: in rows along which each has a stride of 1 or 0.
struct BroadcastRows {
  /// Numbers in a row.
  let length: Int
  /// Strides along a row.
  let leftStride: Int, rightStride: Int
  private let count: Int
  private let outer: [(size: Int, left: Int, right: Int)]

  /// Dimensions that both walk through alike are joined into one.
  init(_ shape: [Int], _ left: [Int], _ right: [Int]) {
    let (a, b) = (Self.strides(left, in: shape), Self.strides(right, in: shape))
    var dimensions: [(size: Int, left: Int, right: Int)] = []
    for axis in shape.indices where shape[axis] != 1 {
      let next = (size: shape[axis], left: a[axis], right: b[axis])
      if let last = dimensions.last, last.left == next.left * next.size, last.right == next.right * next.size
      {
        dimensions[dimensions.count - 1] = (last.size * next.size, next.left, next.right)
      } else {
        dimensions.append(next)
      }
    }
    let last = dimensions.popLast() ?? (1, 1, 1)
    (length, leftStride, rightStride) = last
    outer = dimensions
    count = dimensions.reduce(1) { $0 * $1.size }
  }

  private static func strides(_ shape: [Int], in target: [Int]) -> [Int] {
    var strides = [Int](repeating: 0, count: target.count)
    var stride = 1
    for (place, size) in shape.reversed().enumerated() {
      strides[target.count - 1 - place] = size == 1 ? 0 : stride
      stride *= size
    }
    return strides
  }

  /// Calls `body` with the start of each part of a row in the result and in both tensors, and its length, on all threads.
  @inline(__always)
  func forEach(_ body: (_ start: Int, _ left: Int, _ right: Int, _ count: Int) -> Void) {
    guard length > 0 else { return }
    let parts = length / Elementwise.grain + (length % Elementwise.grain == 0 ? 0 : 1)
    Elementwise.chunks(count * parts, grain: max(1, Elementwise.grain / length)) { range in
      for index in range {
        let (row, part) = index.quotientAndRemainder(dividingBy: parts)
        let (left, right) = offsets(row)
        let first = part * Elementwise.grain
        body(
          row * length + first, left + first * leftStride, right + first * rightStride,
          min(Elementwise.grain, length - first))
      }
    }
  }

  private func offsets(_ row: Int) -> (Int, Int) {
    var (rest, left, right) = (row, 0, 0)
    for dimension in outer.reversed() {
      let (quotient, index) = rest.quotientAndRemainder(dividingBy: dimension.size)
      left += index * dimension.left
      right += index * dimension.right
      rest = quotient
    }
    return (left, right)
  }
}
