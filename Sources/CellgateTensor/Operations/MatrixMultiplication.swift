import CellgateBasics
import CellgateKernels

/// A · B of matrices [.., M, K] and [.., K, N], whose leading dimensions broadcast to one: [.., M, N].
///
/// With `transposeA` the first is given as [.., K, M], with `transposeB` the second as [.., N, K].
public func matmul(
  _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
) -> Tensor {
  require(
    a.rank >= 2 && b.rank >= 2,
    "matmul: expected two or more dimensions each, found \(a.shape) and \(b.shape)")
  if !transposeA, b.rank == 2, a.rank > 2 {
    // One matrix for all: the rows of all matrices are those of one.
    let rows = a.shape.dropLast().reduce(1, *)
    let product = matmul(a.reshaped([rows, a.shape[a.rank - 1]]), b, transposeB: transposeB)
    return product.reshaped(a.shape.dropLast() + [product.shape[1]])
  }
  let output = MatrixBatch.product(a, b, transposeA, transposeB)
  let (left, right) = (a.detached, b.detached)
  return RecordedOperation.record("matmul", inputs: [a, b], output: output) { gradient, needed in
    var contributions: [RecordedOperation.Contribution?] = [nil, nil]
    if needed[0] {
      let own =
        transposeA
        ? MatrixBatch.product(right, gradient, transposeB, true)
        : MatrixBatch.product(gradient, right, false, !transposeB)
      contributions[0] = .tensor(own.summed(to: left.shape))
    }
    if needed[1] {
      let own =
        transposeB
        ? MatrixBatch.product(gradient, left, true, transposeA)
        : MatrixBatch.product(left, gradient, !transposeA, false)
      contributions[1] = .tensor(own.summed(to: right.shape))
    }
    return contributions
  }
}

/// Products of many matrices, of one layout: [M, K] · [K, N] where neither is transposed.
private struct MatrixBatch {
  let m: Int, k: Int, n: Int
  let transposeA: Bool, transposeB: Bool

  /// Multiply-adds from which on a product is cut for the threads itself.
  private static let large = 1 << 23

  static func product(_ a: Tensor, _ b: Tensor, _ transposeA: Bool, _ transposeB: Bool) -> Tensor {
    let (sizeA, sizeB) = (a.shape.suffix(2).map { $0 }, b.shape.suffix(2).map { $0 })
    let batch = MatrixBatch(
      m: sizeA[transposeA ? 1 : 0], k: sizeA[transposeA ? 0 : 1], n: sizeB[transposeB ? 0 : 1],
      transposeA: transposeA, transposeB: transposeB)
    let (leadingA, leadingB) = (Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2)))
    let leading = Broadcasting.shape(leadingA, leadingB)
    guard let leading, sizeB[transposeB ? 1 : 0] == batch.k else {
      fail(
        "matmul: expected [.., \(transposeA ? "K, M" : "M, K")] and [.., \(transposeB ? "N, K" : "K, N")], found \(a.shape) "
          + "and \(b.shape)")
    }
    let output = Tensor.uninitialized(leading + [batch.m, batch.n])
    batch.run(a, b, output, MatrixPlaces(leading, leadingA), MatrixPlaces(leading, leadingB))
    return output
  }

  private func run(
    _ a: Tensor, _ b: Tensor, _ output: Tensor, _ placesA: MatrixPlaces, _ placesB: MatrixPlaces
  ) {
    guard output.count > 0 else { return }
    let (left, right, result) = unsafe (UnsafePointer(a.pointer), UnsafePointer(b.pointer), output.pointer)
    let (sizeA, sizeB, size) = (m * k, k * n, m * n)
    let count = output.count / size
    let isLarge = count == 1 || m * k * n >= Self.large
    func multiply(_ index: Int, _ scratch: Scratch?) {
      let (x, y) = unsafe (left + placesA[index] * sizeA, right + placesB[index] * sizeB)
      let to = unsafe result + index * size
      if let scratch {
        unsafe one(x, y, to, scratch)
      } else {
        unsafe threaded(x, y, to)
      }
    }
    if isLarge {
      for index in 0..<count { multiply(index, nil) }
      return
    }
    Elementwise.chunks(count, grain: max(1, (1 << 17) / max(1, m * k * n))) { range in
      let scratch = Scratch(self)
      for index in range { multiply(index, scratch) }
    }
  }

  /// Memory of a task: the second operand packed, and the first one as [m, k] where both are transposed.
  private struct Scratch {
    let packed: Storage, turned: Storage

    init(_ batch: MatrixBatch) {
      packed = Storage(count: batch.usesOuter ? 0 : cg_packed_count(batch.k, batch.n))
      turned = Storage(count: batch.transposeA && batch.transposeB ? batch.m * batch.k : 0)
    }
  }

  /// Aᵀ · B is a sum of outer products of rows, for which nothing has to be packed.
  private var usesOuter: Bool { transposeA && !transposeB }
  private var strides: (Int, Int) { transposeB ? (1, k) : (n, 1) }

  /// One product on this thread.
  private func one(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>,
    _ scratch: Scratch
  ) {
    if usesOuter {
      unsafe result.update(repeating: 0, count: m * n)
      unsafe cg_outer(k, m, n, a, m, b, n, result, n)
      return
    }
    unsafe cg_pack(k, n, b, strides.0, strides.1, scratch.packed.pointer)
    if transposeA { unsafe cg_transpose(k, m, a, m, scratch.turned.pointer, k) }
    let rows = unsafe transposeA ? UnsafePointer(scratch.turned.pointer) : a
    var term = unsafe cg_term(a: rows, lda: k, k: k, packed: scratch.packed.pointer)
    unsafe cg_product(m, n, &term, 1, CG_START_ZERO, nil, result, n)
  }

  /// One product on all threads.
  private func threaded(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>
  ) {
    if usesOuter {
      unsafe result.update(repeating: 0, count: m * n)
      unsafe MatrixProduct.addOuter(rows: k, a, m, b, n, to: result)
      return
    }
    let turned = Storage(count: transposeA ? m * k : 0)
    if transposeA { unsafe cg_transpose(k, m, a, m, turned.pointer, k) }
    unsafe MatrixProduct.multiply(
      transposeA ? UnsafePointer(turned.pointer) : a, rows: m, depth: k, columns: n, weight: b,
      strides: strides, bias: nil, into: result)
    withExtendedLifetime(turned) {}
  }
}

/// Which matrix of an operand belongs to each matrix of the result.
private struct MatrixPlaces {
  private let sizes: [Int], strides: [Int]

  init(_ leading: [Int], _ own: [Int]) {
    var strides = [Int](repeating: 0, count: leading.count)
    var stride = 1
    for (place, size) in own.reversed().enumerated() {
      strides[leading.count - 1 - place] = size == 1 ? 0 : stride
      stride *= size
    }
    (sizes, self.strides) = (leading, strides)
  }

  subscript(index: Int) -> Int {
    var (rest, place) = (index, 0)
    for axis in sizes.indices.reversed() {
      let (quotient, position) = rest.quotientAndRemainder(dividingBy: sizes[axis])
      place += position * strides[axis]
      rest = quotient
    }
    return place
  }
}
