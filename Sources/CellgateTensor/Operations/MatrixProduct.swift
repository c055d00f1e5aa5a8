import CellgateKernels

/// Products of matrices by the kernels, cut for the thread pool; the cuts depend on the sizes alone.
enum MatrixProduct {
  /// Rows in a task, and columns where there are few rows.
  private static let rowGrain = 48, columnGrain = 128
  /// Multiply-adds below which a product is one task.
  private static let smallest = 1 << 17
  /// Strips of columns that are enough for all threads, and numbers of a first factor that each thread may read whole.
  private static let leastStrips = 8, sharedFactor = 1 << 18

  /// result [rows, columns] = a [rows, depth] · B + bias, B[k, n] = weight[k · strides.0 + n · strides.1].
  static func multiply(
    _ a: UnsafePointer<Float>, rows: Int, depth: Int, columns: Int, weight: UnsafePointer<Float>,
    strides: (Int, Int), bias: Tensor?, into result: UnsafeMutablePointer<Float>
  ) {
    if columns >= leastStrips * Int(CG_SHARE_COLUMNS), rows * depth <= sharedFactor,
      rows * depth * columns >= smallest
    {
      unsafe multiplyStrips(
        a, rows: rows, depth: depth, columns: columns, weight: weight, strides: strides, bias: bias,
        into: result)
      return
    }
    let packed = unsafe pack(weight, depth: depth, columns: columns, strides: strides)
    unsafe multiply(a, rows: rows, depth: depth, columns: columns, packed: packed, bias: bias, into: result)
  }

  /// As `multiply`, strip of columns by strip: a thread packs what it multiplies with, so that no thread reads what
  /// another has just written. Each reads all of a, which its cache holds.
  private static func multiplyStrips(
    _ a: UnsafePointer<Float>, rows: Int, depth: Int, columns: Int, weight: UnsafePointer<Float>,
    strides: (Int, Int), bias: Tensor?, into result: UnsafeMutablePointer<Float>
  ) {
    let start = bias == nil ? CG_START_ZERO : CG_START_BIAS
    let offset = unsafe bias.map { unsafe UnsafePointer($0.pointer) }
    let strips = columns / Int(CG_SHARE_COLUMNS)
    Elementwise.chunks(columns, grain: (strips >= 2 * leastStrips ? 2 : 1) * Int(CG_SHARE_COLUMNS)) { strip in
      let packed = Storage(count: cg_packed_count(depth, strip.count))
      unsafe cg_pack(
        depth, strip.count, weight + strip.lowerBound * strides.1, strides.0, strides.1, packed.pointer)
      var term = unsafe cg_term(a: a, lda: depth, k: depth, packed: packed.pointer)
      unsafe cg_product(
        rows, strip.count, &term, 1, start, offset.map { unsafe $0 + strip.lowerBound },
        result + strip.lowerBound, columns)
    }
    withExtendedLifetime(bias) {}
  }

  /// B[k, n] = weight[k · strides.0 + n · strides.1], packed for `multiply` with the same `products`.
  static func pack(
    _ weight: UnsafePointer<Float>, depth: Int, columns: Int, strides: (Int, Int),
    _ products: InstructionSet = .active
  ) -> Storage {
    let packed = unsafe Storage(count: cg_packed_count_with(products.handle, depth, columns))
    let target = unsafe packed.pointer
    // Whole panels of columns, which lie one after another.
    let panels = CG_SHARE_COLUMNS
    let grain = max(1, Elementwise.grain / max(1, depth * panels)) * panels
    Elementwise.chunks(columns, grain: grain) { range in
      unsafe cg_pack_with(
        products.handle, depth, range.count, range.count, weight + range.lowerBound * strides.1, strides.0,
        strides.1, target + cg_packed_count_with(products.handle, depth, range.lowerBound))
    }
    return packed
  }

  /// result [rows, columns] = a [rows, depth] · B + bias, B packed; rows of a are `stride` apart, depth unless given, and
  /// as `products` reads them.
  static func multiply(
    _ a: UnsafePointer<Float>, rows: Int, stride: Int? = nil, depth: Int, columns: Int, packed: Storage,
    bias: Tensor?, into result: UnsafeMutablePointer<Float>, _ products: InstructionSet = .active
  ) {
    let operand = unsafe UnsafePointer(packed.pointer)
    let start = bias == nil ? CG_START_ZERO : CG_START_BIAS
    let offset = unsafe bias.map { unsafe UnsafePointer($0.pointer) }
    let isSmall = rows * depth * columns < smallest
    let height = isSmall ? max(rows, 1) : rowGrain
    let width = isSmall || rows >= 4 * rowGrain ? max(columns, 1) : columnGrain
    let across = (columns + width - 1) / width
    let stride = stride ?? depth
    Elementwise.chunks((rows + height - 1) / height * across, grain: 1) { tasks in
      for task in tasks {
        let (row, column) = (task / across * height, task % across * width)
        var term = unsafe cg_term(
          a: a + row * stride, lda: stride, k: depth,
          packed: operand + cg_packed_count_with(products.handle, depth, column))
        unsafe cg_product_with(
          products.handle, min(height, rows - row), min(width, columns - column), &term, 1, start,
          offset.map { unsafe $0 + column },
          result + row * columns + column, columns)
      }
    }
    withExtendedLifetime((packed, bias)) {}
  }

  /// Rows of a large result of `addOuter` in a task, of m: some tasks for each thread, and no more, as the kernel copies b for
  /// each. A row's sums don't depend on the cut.
  static func outerGrain(_ m: Int) -> Int {
    let tasks = ThreadPool.current.threads == 1 ? 1 : 4 * ThreadPool.current.threads
    return max(32, (m + 32 * tasks - 1) / (32 * tasks) * 32)
  }

  /// result [m, n] += aᵀ b, a [rows, m] with rows `lda` apart, m unless given, b [rows, n].
  static func addOuter(
    rows: Int, _ a: UnsafePointer<Float>, _ m: Int, lda: Int? = nil, _ b: UnsafePointer<Float>, _ n: Int,
    to result: UnsafeMutablePointer<Float>
  ) {
    let lda = lda ?? m
    if m * n >= 1 << 16 {
      // A large result: ranges of its rows.
      Elementwise.chunks(m, grain: outerGrain(m)) { range in
        unsafe cg_outer(
          rows, range.count, n, a + range.lowerBound, lda, b, n, result + range.lowerBound * n, n)
      }
    } else {
      // A small one: partial sums over ranges of rows, added in order.
      unsafe PartialSums.add(rows: rows, count: m * n, to: result) { range, part in
        unsafe cg_outer(
          range.count, m, n, a + range.lowerBound * lda, lda, b + range.lowerBound * n, n, part, n)
      }
    }
  }
}
