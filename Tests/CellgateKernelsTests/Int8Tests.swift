import CellgateKernels
import Testing

@Suite("Products of signed bytes")
struct Int8Tests {
  // MARK: In plain Swift

  /// A 127th of the largest magnitude, rounded up to 16 significant bits.
  static func scale(_ numbers: [Float]) -> Float {
    if !numbers.allSatisfy(\.isFinite) { return .nan }
    let most = numbers.map(abs).max() ?? 0
    if most < 0x1p-100 { return 0 }
    let scale = most / 127
    let unit = Float(sign: .plus, exponent: scale.exponent - 15, significand: 1)
    return (scale / unit).rounded(.up) * unit
  }

  static func bytes(_ numbers: [Float]) -> [Int8] {
    let scale = scale(numbers)
    guard scale > 0 else { return numbers.map { _ in 0 } }
    return numbers.map { Int8(($0 * (1 / scale)).rounded(.toNearestOrEven)) }
  }

  /// What the header says, in its order and with its roundings.
  static func product(_ problem: ProductTests.Problem) -> [Float] {
    let (m, n, ldc) = (problem.m, problem.n, problem.ldc)
    var result = problem.c
    let terms = problem.terms.map { term in
      (
        rows: (0..<m).map { Array(term.a[$0 * term.lda..<$0 * term.lda + term.k]) },
        columns: (0..<n).map { column in (0..<term.k).map { term.b[$0 * n + column] } }
      )
    }
    let quantised = terms.map { term in
      (
        rows: term.rows.map { (Self.scale($0), Self.bytes($0)) },
        columns: term.columns.map { (Self.scale($0), Self.bytes($0)) }
      )
    }
    for i in 0..<m {
      for j in 0..<n {
        var sum: Float =
          switch problem.start {
          case CG_START_BIAS: problem.bias[j]
          case CG_START_RESULT: problem.c[i * ldc + j]
          default: 0
          }
        for term in quantised {
          let (row, column) = (term.rows[i], term.columns[j])
          let whole = zip(row.1, column.1).reduce(0) { $0 + Int($1.0) * Int($1.1) }
          let product = row.0 * column.0 * Float(whole)
          sum += product
        }
        result[i * ldc + j] = sum
      }
    }
    return result
  }

  // MARK: Tests

  @Test(
    "There is a table for each instruction set, which is none of its own and has no sums of outer products")
  func tables() {
    #expect(Kernels.int8.count == Kernels.all.count)
    for kernels in Kernels.int8 {
      #expect(!Kernels.all.map(\.name).contains(kernels.name))
      #expect(unsafe cg_isa_named(kernels.name) == nil)
    }
  }

  /// A row whose largest magnitude is 127 has scale 1: its bytes are its numbers, rounded.
  @Test("A row is its scale, then bytes rounded to nearest even, four in a word", arguments: Kernels.int8)
  func words(_ kernels: Kernels) {
    let row: [Float] = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 0.499_999_97, -0.0, 3, 1e-20]
    let expected: [Int8] = [127, 0, 2, 2, 0, -2, -2, 126, -126, 0, 0, 3, 0, 0, 0, 0]
    let found = kernels.convert(row, rows: 1, k: row.count, ld: row.count, ldWords: 5)
    #expect(found.count == 5 && found[0] == 1)
    // Where the instruction takes unsigned bytes of rows, 128 is added.
    let offset: UInt8 = kernels.name == "avx512_vnni" ? 128 : 0
    let bytes = found.dropFirst().flatMap { word in
      (0..<4).map { Int8(bitPattern: UInt8(truncatingIfNeeded: word.bitPattern >> ($0 * 8)) ^ offset) }
    }
    #expect(bytes == expected)
  }

  @Test(
    "Scales of rows are known, of any length, and nothing beside the words is written",
    arguments: Kernels.int8)
  func scales(_ kernels: Kernels) {
    for k in [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100] {
      var numbers = Numbers(UInt64(k))
      let ld = k + 2, rows = 7
      var source = numbers.floats(rows * ld)
      if k > 0 {
        source[1 * ld + k - 1] = .nan
        source[2 * ld] = -.infinity
        for i in 0..<k { source[3 * ld + i] *= 0x1p-110 }
        for i in 0..<k { source[4 * ld + i] = 0 }
        source[5 * ld + k / 2] = -.greatestFiniteMagnitude
      }
      let words = kernels.words(k)
      let found = kernels.convert(Array(source.dropLast(2)), rows: rows, k: k, ld: ld, ldWords: words + 1)
      for row in 0..<rows {
        #expect(same(found[row * (words + 1)], Self.scale(Array(source[row * ld..<row * ld + k]))))
        if row + 1 < rows { #expect(found[row * (words + 1) + words] == 7) }
      }
    }
  }

  @Test(
    "Every size, start and number of terms gives the known bits on every instruction set",
    arguments: ProductTests.rows)
  func sizes(_ m: Int) {
    for n in ProductTests.columns {
      for (index, start) in [CG_START_ZERO, CG_START_BIAS, CG_START_RESULT].enumerated() {
        let ks = [[5], [0, 3], [1, 2, 4], [], [16, 33]][(m + n + index) % 5]
        let problem = ProductTests.Problem(m: m, n: n, ks: ks, start: start, seed: UInt64(m * 1000 + n)) {
          $0.floats($1)
        }
        let expected = Self.product(problem)
        for kernels in Kernels.int8 {
          #expect(problem.run(kernels) == expected, "\(kernels.name) [\(m), \(ks), \(n)] from \(start)")
        }
      }
    }
  }

  /// Rows and columns of ±127 alone: scale 1, and every pair of products is as large as it can be.
  @Test("Nothing saturates", arguments: Kernels.int8)
  func saturation(_ kernels: Kernels) {
    let k = 1001
    for (left, right) in [(127, 127), (127, -127), (-127, -127)] as [(Float, Float)] {
      let term = Kernels.Term(
        a: Array(repeating: left, count: 2 * k), lda: k, k: k, b: Array(repeating: right, count: k * 17))
      let found = kernels.product(m: 2, n: 17, [term], c: Array(repeating: 0, count: 34), ldc: 17)
      #expect(found == Array(repeating: left * right * Float(k), count: 34))
    }
  }

  /// Each operand is off by half a scale at most: 1 / 254 of the largest of its row or column.
  @Test("Long sums are within the roundings of their operands", arguments: [1, 2, 127, 784])
  func longSums(_ k: Int) {
    let problem = ProductTests.Problem(m: 3, n: 33, ks: [k], start: CG_START_BIAS, seed: UInt64(k)) {
      $0.floats($1)
    }
    let found = problem.run(Kernels.int8[0])
    for kernels in Kernels.int8 { #expect(problem.run(kernels) == found, "\(kernels.name)") }
    let term = problem.terms[0]
    for i in 0..<problem.m {
      for j in 0..<problem.n {
        let row = (0..<k).map { Double(term.a[i * term.lda + $0]) }
        let column = (0..<k).map { Double(term.b[$0 * problem.n + j]) }
        let half = (row.map(abs).max() ?? 0) * 1.0001 / 254,
          other = (column.map(abs).max() ?? 0) * 1.0001 / 254
        let exact = zip(row, column).reduce(Double(problem.bias[j])) { $0 + $1.0 * $1.1 }
        let bound = zip(row, column).reduce(1e-5) {
          $0 + half * abs($1.1) + other * abs($1.0) + half * other
        }
        #expect(abs(Double(found[i * problem.ldc + j]) - exact) <= bound)
      }
    }
  }

  @Test("Bytes times their scale have the same scale and bytes", arguments: Kernels.int8)
  func again(_ kernels: Kernels) {
    var numbers = Numbers(3)
    for (k, n) in [(1, 1), (5, 17), (64, 33), (129, 40)] {
      let b = numbers.floats(k * n)
      var copy = b
      for j in 0..<n {
        let column = (0..<k).map { b[$0 * n + j] }
        let scale = Self.scale(column)
        for (i, byte) in Self.bytes(column).enumerated() { copy[i * n + j] = Float(byte) * scale }
      }
      #expect(copy != b)
      let (first, second) = (kernels.pack(b, k: k, n: n, width: n), kernels.pack(copy, k: k, n: n, width: n))
      #expect(first.values.map(\.bitPattern) == second.values.map(\.bitPattern))
    }
  }

  @Test("Packing from rows equals packing from columns", arguments: Kernels.int8)
  func packing(_ kernels: Kernels) {
    for k in [0, 1, 5, 16, 17, 33, 66] {
      for (n, width) in [(1, 1), (3, 16), (17, 48), (20, 70), (0, 16), (65, 96)] {
        var numbers = Numbers(UInt64(k * 100 + n))
        let b = numbers.floats(k * n)
        let transposed = (0..<n).flatMap { column in (0..<k).map { b[$0 * n + column] } }
        let packed = kernels.pack(b, k: k, n: n, width: width)
        let other = kernels.pack(transposed, k: k, n: n, width: width, transposed: true)
        #expect(other.values.map(\.bitPattern) == packed.values.map(\.bitPattern))
      }
    }
  }

  @Test(
    "A row does not depend on others; NaN and infinity reach their row or column alone",
    arguments: Kernels.int8)
  func rowByRow(_ kernels: Kernels) {
    for n in [5, 33, 130] {
      var problem = ProductTests.Problem(m: 27, n: n, ks: [9, 16], start: CG_START_BIAS, seed: 5) {
        $0.floats($1)
      }
      let whole = problem.run(kernels)
      for row in 0..<problem.m {
        var one = problem
        one.m = 1
        one.c = Array(repeating: 0, count: n)
        one.terms = problem.terms.map { term in
          var term = term
          term.a = Array(term.a[row * term.lda..<row * term.lda + term.k])
          return term
        }
        #expect(one.run(kernels) == Array(whole[row * problem.ldc..<row * problem.ldc + n]))
      }
      problem.terms[0].a[3 * problem.terms[0].lda + 8] = .nan
      problem.terms[1].a[5 * problem.terms[1].lda] = .infinity
      problem.terms[1].b[4 * n + 2] = -.infinity
      let after = problem.run(kernels)
      for row in 0..<problem.m {
        for column in 0..<n {
          let (found, before) = (after[row * problem.ldc + column], whole[row * problem.ldc + column])
          #expect([3, 5].contains(row) || column == 2 ? found.isNaN : found == before)
        }
      }
    }
  }

  @Test("A team that shares the columns of a sweep computes what one thread does", arguments: Kernels.int8)
  func teams(_ kernels: Kernels) {
    let width = 96, rows = 5
    var numbers = Numbers(8)
    let (x, w) = (numbers.floats(rows * width), numbers.floats(width * width))
    let weights = kernels.pack(w, k: width, n: width, width: width), words = kernels.words(width)
    func run(members: Int) -> [Float] {
      let (source, result) = (Guarded(x), Guarded([Float](repeating: .nan, count: rows * width)))
      let factor = Guarded([Float](repeating: .nan, count: rows * words))
      kernels.sweep(
        stages: [
          cg_stage(kind: CG_CONVERSIONS.rawValue, waits: 0, first: 0, count: 1),
          cg_stage(kind: CG_PRODUCTS.rawValue, waits: 1, first: 0, count: 1),
        ], operations: [],
        products: [
          .init(result: 1, factors: [(slot: 2, k: width, ld: words, weights)], start: CG_START_ZERO)
        ],
        conversions: [
          cg_conversion(source: 0, result: 2, k: width, ld: width, ld_result: words, grid: cg_grid())
        ],
        slots: [.init(source), .init(result), .init(factor)], rows: [rows], width: width, tileRows: 1,
        tileColumns: width, members: members)
      return result.values
    }
    let problem = kernels.product(
      m: rows, n: width, [.init(a: x, lda: width, k: width, b: w)],
      c: Array(repeating: 0, count: rows * width), ldc: width)
    for members in 1...3 { #expect(run(members: members) == problem, "\(members)") }
  }
}
