import CellgateBasics
import CellgateKernels

/// x Wᵀ + b: x [.., K], weight [N, K] and bias [N] give [.., N].
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
  require(weight.rank == 2, "linear: expected a weight [N, K], found \(weight.shape)")
  let (n, k) = (weight.shape[0], weight.shape[1])
  require(x.shape.last == k, "linear: expected an input [.., \(k)], found \(x.shape)")
  if let bias { require(bias.shape == [n], "linear: expected a bias [\(n)], found \(bias.shape)") }
  let rows = x.shape.dropLast().reduce(1, *)
  let output = Tensor.uninitialized(x.shape.dropLast() + [n])
  // As [K, N], entry (k, n) of Wᵀ lies at n · K + k.
  unsafe MatrixProduct.multiply(
    x.pointer, rows: rows, depth: k, columns: n, weight: weight.pointer, strides: (1, k), bias: bias,
    into: output.pointer)
  let (input, matrix) = (x.detached, weight.detached)
  let inputs = [x, weight] + (bias.map { [$0] } ?? [])
  return Operation.record("linear", inputs: inputs, output: output) { gradient, needed in
    var contributions: [Operation.Contribution?] = [nil, nil]
    if needed[0] {
      let result = Tensor.uninitialized(input.shape)
      unsafe MatrixProduct.multiply(
        gradient.pointer, rows: rows, depth: n, columns: k, weight: matrix.pointer, strides: (k, 1),
        bias: nil, into: result.pointer)
      contributions[0] = .tensor(result)
    }
    if needed[1] {
      contributions[1] = .adding { sum in
        unsafe MatrixProduct.addOuter(
          rows: rows, gradient.pointer, n, input.pointer, k, to: sum.pointer)
      }
    }
    if needed.count > 2 {
      contributions.append(
        .adding { sum in unsafe ColumnSums.add(rows: rows, gradient.pointer, n, to: sum.pointer) })
    }
    return contributions
  }
}

/// Products of matrices by the kernels, cut for the thread pool; the cuts depend on the sizes alone.
enum MatrixProduct {
  private static let rowGrain = 48

  /// result [rows, columns] = a [rows, depth] · B + bias, B[k, n] = weight[k · strides.0 + n · strides.1].
  static func multiply(
    _ a: UnsafePointer<Float>, rows: Int, depth: Int, columns: Int, weight: UnsafePointer<Float>,
    strides: (Int, Int), bias: Tensor?, into result: UnsafeMutablePointer<Float>
  ) {
    let packed = unsafe pack(weight, depth: depth, columns: columns, strides: strides)
    unsafe multiply(a, rows: rows, depth: depth, columns: columns, packed: packed, bias: bias, into: result)
  }

  /// B[k, n] = weight[k · strides.0 + n · strides.1], packed for `multiply`.
  static func pack(
    _ weight: UnsafePointer<Float>, depth: Int, columns: Int, strides: (Int, Int)
  ) -> Storage {
    let packed = Storage(count: cg_packed_count(depth, columns))
    unsafe cg_pack(depth, columns, weight, strides.0, strides.1, packed.pointer)
    return packed
  }

  /// result [rows, columns] = a [rows, depth] · B + bias, B packed.
  static func multiply(
    _ a: UnsafePointer<Float>, rows: Int, depth: Int, columns: Int, packed: Storage, bias: Tensor?,
    into result: UnsafeMutablePointer<Float>
  ) {
    let operand = unsafe UnsafePointer(packed.pointer)
    let start = bias == nil ? CG_START_ZERO : CG_START_BIAS
    let offset = unsafe bias.map { unsafe UnsafePointer($0.pointer) }
    Elementwise.chunks(rows, grain: rowGrain) { range in
      var term = unsafe cg_term(
        a: a + range.lowerBound * depth, lda: depth, k: depth, packed: operand)
      unsafe cg_product(
        range.count, columns, &term, 1, start, offset, result + range.lowerBound * columns, columns)
    }
    withExtendedLifetime((packed, bias)) {}
  }

  /// result [m, n] += aᵀ b, a [rows, m], b [rows, n].
  static func addOuter(
    rows: Int, _ a: UnsafePointer<Float>, _ m: Int, _ b: UnsafePointer<Float>, _ n: Int,
    to result: UnsafeMutablePointer<Float>
  ) {
    if m * n >= 1 << 16 {
      // A large result: bands of its rows.
      Elementwise.chunks(m, grain: 32) { band in
        unsafe cg_outer(
          rows, band.count, n, a + band.lowerBound, m, b, n, result + band.lowerBound * n, n)
      }
    } else {
      // A small one: partial sums over bands of rows, added in order.
      unsafe PartialSums.add(rows: rows, count: m * n, to: result) { band, part in
        unsafe cg_outer(
          band.count, m, n, a + band.lowerBound * m, m, b + band.lowerBound * n, n, part, n)
      }
    }
  }
}

/// Sums over the rows of a matrix.
enum ColumnSums {
  /// result [n] += Σ over rows of a [rows, n].
  static func add(
    rows: Int, _ a: UnsafePointer<Float>, _ n: Int, to result: UnsafeMutablePointer<Float>
  ) {
    let one = Tensor(1)
    unsafe PartialSums.add(rows: rows, count: n, to: result) { band, part in
      unsafe cg_outer(band.count, 1, n, one.pointer, 0, a + band.lowerBound * n, n, part, n)
    }
    withExtendedLifetime(one) {}
  }
}

/// Sums over many rows of something small, in at most 16 parts that depend on the number of rows alone.
enum PartialSums {
  /// Lets `add` add bands of 0 ..< rows to zeroed parts of `count` floats; `result` gets the parts in order.
  static func add(
    rows: Int, count: Int, to result: UnsafeMutablePointer<Float>,
    _ add: (_ band: Range<Int>, _ part: UnsafeMutablePointer<Float>) -> Void
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
