import CellgateKernels
import Testing

@Suite("Sums of outer products")
struct OuterTests {
  struct Problem {
    var rows: Int, m: Int, n: Int
    var lda: Int, ldb: Int, ldc: Int
    var a: [Float], b: [Float], c: [Float]

    init(
      rows: Int, m: Int, n: Int, sameRow: Bool = false, seed: UInt64, _ make: (inout Numbers, Int) -> [Float]
    ) {
      var numbers = Numbers(seed)
      (self.rows, self.m, self.n) = (rows, m, n)
      (lda, ldb, ldc) = (sameRow ? 0 : m + 2, n + 1, n + 3)
      a = make(&numbers, rows == 0 ? 0 : (rows - 1) * lda + m)
      b = make(&numbers, rows == 0 ? 0 : (rows - 1) * ldb + n)
      c = make(&numbers, m == 0 ? 0 : (m - 1) * ldc + n)
    }

    func run(_ kernels: Kernels) -> [Float] {
      kernels.outer(rows: rows, m: m, n: n, a: a, lda: lda, b: b, ldb: ldb, c: c, ldc: ldc)
    }

    /// Whole numbers, so that any order of summation gives the same.
    var expected: [Float] {
      var result = c
      for r in 0..<rows {
        for i in 0..<m {
          for j in 0..<n { result[i * ldc + j] += a[r * lda + i] * b[r * ldb + j] }
        }
      }
      return result
    }
  }

  /// Sums of whole numbers are exact. Rows beyond 256 make several blocks; what lies between a row's end and
  /// the next row must stay.
  @Test("Every size adds exactly to what was there", arguments: [0, 1, 2, 3, 5, 6, 7, 12, 13, 25])
  func sizes(_ m: Int) {
    for n in [0, 1, 4, 7, 8, 15, 16, 17, 31, 32, 33, 70] {
      for (rows, sameRow) in [(0, false), (1, false), (3, true), (10, false), (257, n % 2 == 0)] {
        let problem = Problem(rows: rows, m: m, n: n, sameRow: sameRow, seed: UInt64(m * 100 + n)) {
          $0.integers($1)
        }
        let expected = problem.expected
        for kernels in Kernels.all {
          #expect(problem.run(kernels) == expected, "\(kernels.name) \(rows) of [\(m), \(n)]")
        }
      }
    }
  }

  @Test("All instruction sets give the same bits", arguments: [1, 255, 256, 300, 600])
  func agreement(_ rows: Int) throws {
    for (m, n) in [(1, 1), (4, 33), (19, 50), (40, 16)] {
      let problem = Problem(rows: rows, m: m, n: n, seed: UInt64(rows)) { $0.floats($1) }
      let expected = problem.run(try #require(Kernels.all.last))
      for kernels in Kernels.all { #expect(problem.run(kernels) == expected, "\(kernels.name)") }
    }
  }

  @Test("A column of ones sums the rows", arguments: Kernels.all)
  func sums(_ kernels: Kernels) {
    var numbers = Numbers(3)
    let b = numbers.integers(500 * 21)
    let sum = kernels.outer(
      rows: 500, m: 1, n: 21, a: [1], lda: 0, b: b, ldb: 21, c: [Float](repeating: 0, count: 21), ldc: 21)
    let expected = (0..<21).map { column -> Float in
      stride(from: column, to: b.count, by: 21).reduce(0) { sum, place in sum + b[place] }
    }
    #expect(sum == expected)
  }
}
