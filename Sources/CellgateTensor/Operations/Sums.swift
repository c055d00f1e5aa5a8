import CellgateKernels

/// Sums whose order of additions depends on the count alone.
public enum Reduction {
  /// The sum over disjoint ranges that cover 0 ..< count, each summed by `partial` on some thread; the
  /// parts are added in order.
  public static func sum(_ count: Int, _ partial: (Range<Int>) -> Double) -> Double {
    let grain = Elementwise.grain
    let chunks = (count + grain - 1) / grain
    if chunks <= 1 { return partial(0..<count) }
    var parts = [Double](repeating: 0, count: chunks)
    unsafe parts.withUnsafeMutableBufferPointer { parts in
      guard let parts = parts.baseAddress else { return }
      ThreadPool.current.run(chunks) { chunk in
        unsafe parts[chunk] = partial(chunk * grain..<min(count, (chunk + 1) * grain))
      }
    }
    return parts.reduce(0, +)
  }
}

/// Sums along axes of a tensor.
enum AxisSums {
  /// The sums of x over `axes`, which are in increasing order and stay with size 1.
  static func of(_ x: Tensor, axes: [Int]) -> Tensor {
    var result = x.detached
    for group in neighbours(axes).reversed() {
      let blocks = AxisBlocks(result.shape, axes: group)
      var shape = result.shape
      for axis in group { shape[axis] = 1 }
      let sums = Tensor.zeros(shape)
      if blocks.inner == 1 {
        unsafe addRows(blocks, result.pointer, to: sums.pointer)
      } else {
        unsafe addColumns(blocks, result.pointer, to: sums.pointer)
      }
      result = sums
    }
    return result
  }

  /// Increasing axes as ranges of neighbours.
  static func neighbours(_ axes: [Int]) -> [ClosedRange<Int>] {
    var groups: [ClosedRange<Int>] = []
    for axis in axes {
      if let last = groups.last, last.upperBound == axis - 1 {
        groups[groups.count - 1] = last.lowerBound...axis
      } else {
        groups.append(axis...axis)
      }
    }
    return groups
  }

  /// x [outer, size]: each row in Double.
  private static func addRows(
    _ blocks: AxisBlocks, _ x: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    let size = blocks.size
    if blocks.outer == 1 {
      unsafe sums[0] = Float(Reduction.sum(size) { unsafe cg_sum($0.count, x + $0.lowerBound) })
      return
    }
    Elementwise.chunks(blocks.outer, grain: max(1, Elementwise.grain / max(size, 1))) { rows in
      for row in rows { unsafe sums[row] = Float(cg_sum(size, x + row * size)) }
    }
  }

  /// x [outer, size, inner]: columns, in blocks, or in ranges of many rows.
  private static func addColumns(
    _ blocks: AxisBlocks, _ x: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>
  ) {
    let (size, inner) = (blocks.size, blocks.inner)
    guard size > 0, inner > 0 else { return }
    let most = 4 * Elementwise.grain
    if size * 32 > most {
      for block in 0..<blocks.outer {
        unsafe ColumnSums.add(rows: size, x + block * size * inner, inner, to: sums + block * inner)
      }
      return
    }
    let width = size * inner <= most ? inner : most / size / 32 * 32
    let parts = (inner + width - 1) / width
    let one = Tensor(1)
    let factor = unsafe one.pointer
    Elementwise.chunks(blocks.outer * parts, grain: max(1, Elementwise.grain / (size * width))) { range in
      for index in range {
        let (block, part) = index.quotientAndRemainder(dividingBy: parts)
        let first = part * width
        unsafe cg_outer(
          size, 1, min(width, inner - first), factor, 0, x + block * size * inner + first, inner,
          sums + block * inner + first, inner)
      }
    }
    withExtendedLifetime(one) {}
  }
}

/// Sums over the rows of a matrix.
enum ColumnSums {
  /// result [n] += Σ over rows of a [rows, n].
  static func add(
    rows: Int, _ a: UnsafePointer<Float>, _ n: Int, to result: UnsafeMutablePointer<Float>
  ) {
    let one = Tensor(1)
    unsafe PartialSums.add(rows: rows, count: n, to: result) { range, part in
      unsafe cg_outer(range.count, 1, n, one.pointer, 0, a + range.lowerBound * n, n, part, n)
    }
    withExtendedLifetime(one) {}
  }
}

/// Sums over many rows of something small, in at most 16 parts that depend on the number of rows alone.
enum PartialSums {
  /// Lets `add` add ranges of 0 ..< rows to zeroed parts of `count` floats; `result` gets the parts in order.
  static func add(
    rows: Int, count: Int, to result: UnsafeMutablePointer<Float>,
    _ add: (_ range: Range<Int>, _ part: UnsafeMutablePointer<Float>) -> Void
  ) {
    let grain = max(512, (rows + 15) / 16)
    let parts = (rows + grain - 1) / grain
    if parts <= 1 { return unsafe add(0..<rows, result) }
    let partial = Storage(zeros: parts * count)
    let first = unsafe partial.pointer
    ThreadPool.current.run(parts) { part in
      unsafe add(part * grain..<min(rows, (part + 1) * grain), first + part * count)
    }
    for part in 0..<parts {
      for index in 0..<count { unsafe result[index] += first[part * count + index] }
    }
    withExtendedLifetime(partial) {}
  }
}
