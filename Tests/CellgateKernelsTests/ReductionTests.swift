import CellgateKernels
import CellgateTensor
import Testing

/// Means and variances of rows, alone and in sweeps.
@Suite("Reductions of rows")
struct ReductionTests {
  static let sizes = Array(1...35) + [63, 64, 65, 530]

  private func reduce(
    _ kernels: Kernels, _ kind: cg_reduction_kind, _ source: [Float], rows: Int, k: Int, ld: Int, n: Int,
    ldResult: Int
  ) -> [Float] {
    let from = Guarded(source)
    let to = Guarded([Float](repeating: 7, count: (rows - 1) * ldResult + n))
    unsafe cg_reduce_with(kernels.isa, kind, rows, k, from.start, ld, to.start, n, ldResult)
    withExtendedLifetime(from) {}
    return to.values
  }

  @Test("Rows of every size, all columns of the result and nothing else", arguments: Kernels.all)
  func values(_ kernels: Kernels) {
    for k in Self.sizes {
      let rows = 3, ld = k + 2
      var numbers = Numbers(UInt64(k))
      let source = numbers.floats((rows - 1) * ld + k).map { $0 + 3 }
      for kind in [CG_MEAN, CG_VARIANCE] {
        let found = reduce(kernels, kind, source, rows: rows, k: k, ld: ld, n: 4, ldResult: 6)
        for row in 0..<rows {
          let x = source[row * ld..<row * ld + k].map { Double($0) }
          let mean = x.reduce(0, +) / Double(k)
          let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(k)
          let expected = kind == CG_MEAN ? mean : variance
          let columns = found[row * 6..<row * 6 + 4]
          #expect(columns.allSatisfy { abs(Double($0) - expected) <= 2e-6 * max(expected, 0.1) }, "\(k)")
          #expect(Set(columns).count == 1)
          if row + 1 < rows { #expect(found[row * 6 + 4..<row * 6 + 6].allSatisfy { $0 == 7 }) }
        }
      }
    }
  }

  @Test("All instruction sets give the same bits, and equal numbers no variance")
  func agreement() throws {
    let first = try #require(Kernels.all.first)
    for k in Self.sizes {
      var numbers = Numbers(UInt64(k))
      let source = numbers.floats(2 * k)
      for kind in [CG_MEAN, CG_VARIANCE] {
        let expected = reduce(first, kind, source, rows: 2, k: k, ld: k, n: 1, ldResult: 1)
        for kernels in Kernels.all.dropFirst() {
          let found = reduce(kernels, kind, source, rows: 2, k: k, ld: k, n: 1, ldResult: 1)
          #expect(found == expected, "\(kernels.name) \(k)")
        }
      }
      let equal = [Float](repeating: 0.75, count: k)
      #expect(reduce(first, CG_VARIANCE, equal, rows: 1, k: k, ld: k, n: 1, ldResult: 1) == [0])
    }
  }

  @Test("A NaN reaches its own row alone", arguments: Kernels.all)
  func notANumber(_ kernels: Kernels) {
    var source = [Float](repeating: 1, count: 3 * 20)
    source[20 + 17] = .nan
    for kind in [CG_MEAN, CG_VARIANCE] {
      let found = reduce(kernels, kind, source, rows: 3, k: 20, ld: 20, n: 1, ldResult: 1)
      #expect(!found[0].isNaN && found[1].isNaN && !found[2].isNaN)
    }
  }

  /// Slots: 0 x [rows, width], 1 a vector in every row, 2 and 3 the reductions' results.
  @Test("Threads that share the columns reduce whole rows", arguments: Kernels.all)
  func teams(_ kernels: Kernels) {
    let (rows, width, k) = (5, 80, 75)
    var numbers = Numbers(8)
    let (x, v) = (numbers.floats(rows * width), numbers.floats(width))
    let expected = reduce(kernels, CG_MEAN, x, rows: rows, k: k, ld: width, n: width, ldResult: width)
    let spread = reduce(kernels, CG_VARIANCE, v, rows: 1, k: k, ld: 0, n: width, ldResult: width)
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    for members in 1...3 {
      ThreadPool.shared.threads = members
      let results = (0..<2).map { _ in Guarded([Float](repeating: .nan, count: rows * width)) }
      kernels.sweep(
        stages: [cg_stage(kind: CG_REDUCTIONS.rawValue, waits: 1, first: 0, count: 2)], operations: [],
        reductions: [
          cg_reduction(source: 0, result: 2, kind: CG_MEAN.rawValue, k: k),
          cg_reduction(source: 1, result: 3, kind: CG_VARIANCE.rawValue, k: k),
        ],
        slots: [
          .init(Guarded(x)), .init(Guarded(v), layout: CG_COLUMNS), .init(results[0]), .init(results[1]),
        ],
        rows: [rows], width: width, tileRows: 1, tileColumns: width, members: members)
      #expect(results[0].values == expected)
      #expect(results[1].values == (0..<rows).flatMap { _ in spread })
    }
  }
}
