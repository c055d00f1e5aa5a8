import CellgateKernels
import CellgateTensor
import Testing

/// A small recurrence through `cg_sweep`, against plain loops.
@Suite("Sweeps")
struct SweepTests {
  /// How the elementwise part is cut, over how many rows at each step.
  struct Shape: Sendable, CustomTestStringConvertible {
    var width: Int, tileRows: Int, tileColumns: Int
    var rows: [Int]
    var testDescription: String { "\(width) wide, tiles of \(tileRows) × \(tileColumns), rows \(rows)" }
  }

  static let shapes = [
    Shape(width: 16, tileRows: 1, tileColumns: 16, rows: [1]),
    Shape(width: 16, tileRows: 4, tileColumns: 16, rows: [5, 5, 3, 0]),
    Shape(width: 32, tileRows: 2, tileColumns: 32, rows: [7, 6, 6, 1, 1]),
    Shape(width: 48, tileRows: 1, tileColumns: 16, rows: [3, 2, 2]),
    Shape(width: 80, tileRows: 1, tileColumns: 32, rows: [4, 4]),  // the last tile is narrower
  ]

  /// Slots: 0 h [T + 1 frames], 1 u [T frames], 2 scratch tile, 3 v (a value per column), 4 k (constant tile).
  ///
  ///     u_t = b + W h_(t−1);   h_t = u_t v + k − relu(h_(t−1))
  struct Recurrence {
    let shape: Shape
    var h: [Float], u: [Float], v: [Float], weights: [Float], bias: [Float]
    let constant: Float = 0.25
    let backward: Bool
    var frame: Int { (shape.rows.max() ?? 0) * shape.width }

    init(_ shape: Shape, backward: Bool) {
      var numbers = Numbers(UInt64(shape.width))
      self.shape = shape
      self.backward = backward
      let frame = (shape.rows.max() ?? 0) * shape.width
      h = numbers.floats((shape.rows.count + 1) * frame)
      u = numbers.floats(shape.rows.count * frame)
      v = numbers.floats(shape.width)
      weights = numbers.floats(shape.width * shape.width)
      bias = numbers.floats(shape.width)
    }

    private func source(_ step: Int) -> Int { (backward ? step + 1 : step) * frame }
    private func target(_ step: Int) -> Int { (backward ? step : step + 1) * frame }

    /// h and u after the sweep, by plain loops; at a step one of the slots 0 and 1 may be left out of the product.
    func expected(skipping: (slot: Int, step: Int)? = nil) -> (h: [Float], u: [Float]) {
      var (h, u) = (h, u)
      let steps = Array(shape.rows.indices)
      let width = shape.width
      for step in backward ? steps.reversed() : steps {
        for row in 0..<shape.rows[step] {
          for column in 0..<width {
            var sum = bias[column]
            if let skipping, skipping == (1, step) { continue }
            for k in 0..<width where skipping.map({ $0 != (0, step) }) ?? true {
              sum.addProduct(h[source(step) + row * width + k], weights[k * width + column])
            }
            u[step * frame + row * width + column] = sum
          }
          for column in 0..<width {
            let old = h[source(step) + row * width + column]
            let value = u[step * frame + row * width + column] * v[column] + constant
            h[target(step) + row * width + column] = value - (old < 0 ? 0 : old)
          }
        }
      }
      return (h, u)
    }

    func run(
      _ kernels: Kernels, members: Int = 1, skipping: (slot: Int, step: Int)? = nil
    ) -> (h: [Float], u: [Float]) {
      let (h, u) = (Guarded(h), Guarded(u))
      let (width, steps) = (shape.width, shape.rows.count)
      let tile = shape.tileRows * shape.tileColumns
      let columns = Guarded((0..<shape.tileRows).flatMap { _ in v })
      // Slots 0 and 5 are windows of one memory: the states before and after the step.
      var slots: [Kernels.Slot] = [
        .init(h, offsets: (0..<steps).map(source)),
        .init(u, offsets: (0..<steps).map { $0 * frame }),
        .init(Guarded([Float](repeating: .nan, count: members * tile)), layout: CG_TILE),
        .init(columns, layout: CG_COLUMNS),
        .init(Guarded([Float](repeating: constant, count: tile)), layout: CG_TILE),
        .init(h, offsets: (0..<steps).map(target)),
      ]
      if let skipping { slots[skipping.slot].skipped = UInt32(1 + skipping.step) }
      let operations = [
        operation(CG_ADD, result: 0, a: 0, b: 0),  // before the first stage's range: never run
        operation(CG_MULTIPLY, result: 2, a: 1, b: 3),
        operation(CG_ADD, result: 2, a: 2, b: 4),
        operation(CG_RELU, result: 5, a: 0),
        operation(CG_SUBTRACT, result: 5, a: 2, b: 5),
      ]
      let product = Kernels.Product(
        result: 1,
        factors: [(slot: 0, k: width, ld: width, kernels.pack(weights, k: width, n: width, width: width))],
        start: CG_START_BIAS, bias: Guarded(bias))
      kernels.sweep(
        stages: [
          cg_stage(kind: CG_PRODUCTS.rawValue, waits: 1, first: 0, count: 1),
          cg_stage(kind: CG_ELEMENTWISE.rawValue, waits: 0, first: 1, count: 4),
        ], operations: operations, products: [product], slots: slots, rows: shape.rows, width: width,
        tileRows: shape.tileRows, tileColumns: shape.tileColumns, backward: backward,
        members: members)
      return (h.values, u.values)
    }
  }

  @Test(
    "Rows, columns and tiles lie where they should, forward and backward, and other rows stay",
    arguments: shapes, [false, true])
  func recurrence(_ shape: Shape, _ backward: Bool) {
    let recurrence = Recurrence(shape, backward: backward)
    let expected = recurrence.expected()
    for kernels in Kernels.all {
      let found = recurrence.run(kernels)
      #expect(found.u == expected.u, "\(kernels.name)")
      #expect(found.h == expected.h, "\(kernels.name)")
    }
  }

  @Test(
    "At a step products leave out a factor, as rows of 0, or a result, which stays",
    arguments: shapes, [0, 1])
  func skipped(_ shape: Shape, _ slot: Int) {
    for backward in [false, true] {
      let recurrence = Recurrence(shape, backward: backward)
      for step in shape.rows.indices {
        let expected = recurrence.expected(skipping: (slot, step))
        for kernels in Kernels.all {
          let found = recurrence.run(kernels, skipping: (slot, step))
          #expect(found.u == expected.u && found.h == expected.h, "\(kernels.name), step \(step)")
        }
      }
    }
  }

  @Test("Threads that share the columns compute the same bits", arguments: shapes, [false, true])
  func teams(_ shape: Shape, _ backward: Bool) {
    let recurrence = Recurrence(shape, backward: backward)
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    for kernels in Kernels.all {
      let alone = recurrence.run(kernels)
      for members in 2...3 where shape.width > (members - 1) * Int(CG_SHARE_COLUMNS) {
        ThreadPool.shared.threads = members
        let found = recurrence.run(kernels, members: members)
        #expect(found.u == alone.u && found.h == alone.h, "\(kernels.name), \(members) threads")
      }
    }
  }

  @Test(
    "A product of fewer columns leaves the others as they are, for any number of threads",
    arguments: Kernels.all)
  func fewerColumns(_ kernels: Kernels) {
    let (rows, width, columns) = (3, 96, 48)
    var numbers = Numbers(6)
    let (x, w) = (numbers.integers(rows * width), numbers.integers(width * columns))
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    for members in 1...3 {
      ThreadPool.shared.threads = members
      let result = Guarded([Float](repeating: 7, count: rows * width))
      kernels.sweep(
        stages: [cg_stage(kind: CG_PRODUCTS.rawValue, waits: 1, first: 0, count: 1)], operations: [],
        products: [
          .init(
            result: 1,
            factors: [(slot: 0, k: width, ld: width, kernels.pack(w, k: width, n: columns, width: columns))],
            start: CG_START_ZERO, columns: columns)
        ],
        slots: [.init(Guarded(x)), .init(result)], rows: [rows], width: width, tileRows: 1,
        tileColumns: width,
        members: members)
      let expected = (0..<rows * width).map { index -> Float in
        let (row, column) = (index / width, index % width)
        return column < columns
          ? (0..<width).reduce(0) { $0 + x[row * width + $1] * w[$1 * columns + column] } : 7
      }
      #expect(result.values == expected, "\(members) threads")
    }
  }

  @Test(
    "Several products and converted factors of one step, whose sums start differently",
    arguments: Kernels.all + Kernels.bfloat16)
  func products(_ kernels: Kernels) {
    var numbers = Numbers(4)
    let (x, w, q) = (numbers.integers(3 * 16), numbers.integers(16 * 16), numbers.integers(16 * 16))
    let old = numbers.integers(3 * 16)
    let (input, first, second) = (Guarded(x), Guarded([Float](repeating: .nan, count: 3 * 16)), Guarded(old))
    let words = kernels.words(16)
    let factor = Guarded([Float](repeating: .nan, count: 3 * words))
    func packed(_ values: [Float]) -> Guarded { kernels.pack(values, k: 16, n: 16, width: 16) }
    kernels.sweep(
      stages: [
        cg_stage(kind: CG_CONVERSIONS.rawValue, waits: 0, first: 0, count: 1),
        cg_stage(kind: CG_PRODUCTS.rawValue, waits: 0, first: 0, count: 2),
      ], operations: [],
      products: [
        .init(result: 1, factors: [(slot: 3, k: 16, ld: words, packed(w))], start: CG_START_ZERO),
        .init(
          result: 2,
          factors: [(slot: 3, k: 16, ld: words, packed(q)), (slot: 3, k: 16, ld: words, packed(w))],
          start: CG_START_RESULT),
      ], conversions: [cg_conversion(source: 0, result: 3, k: 16, ld: 16, ld_result: words, grid: cg_grid())],
      slots: [.init(input), .init(first), .init(second), .init(factor)], rows: [3], width: 16, tileRows: 1,
      tileColumns: 16)
    func expected(_ start: [Float], _ weights: [Float]) -> [Float] {
      (0..<3 * 16).map { index in
        let (row, column) = (index / 16, index % 16)
        return (0..<16).reduce(start[index]) { $0 + x[row * 16 + $1] * weights[$1 * 16 + column] }
      }
    }
    #expect(first.values == expected([Float](repeating: 0, count: 3 * 16), w))
    #expect(second.values == expected(old, zip(w, q).map(+)))
    withExtendedLifetime(input) {}
  }
}
