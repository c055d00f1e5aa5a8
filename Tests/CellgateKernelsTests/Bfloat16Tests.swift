import CellgateKernels
import Testing

@Suite("Products of bfloat16 numbers", .enabled(if: !Kernels.bfloat16.isEmpty))
struct Bfloat16Tests {
  /// The nearest bfloat16, the even one of two; subnormal numbers are zeros of their sign.
  static func rounded(_ x: Float) -> Float {
    if x.isNaN { return .nan }
    if x.isSubnormal { return x.sign == .minus ? -0.0 : 0 }
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
  }

  /// The numbers in a unit, the first one first.
  static func numbers(_ unit: Float) -> [Float] {
    [Float(bitPattern: unit.bitPattern << 16), Float(bitPattern: unit.bitPattern & 0xffff_0000)]
  }

  static let special: [Float] = [
    0, -0.0, 1, -1, 1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-7, -1 - 0x1p-8, 1 + 0x1p-8 + 0x1p-23,
    1 + 0x1p-8 - 0x1p-23, .pi,
    -.pi, 1e30, -1e-30, .greatestFiniteMagnitude, .infinity, -.infinity, .nan, .leastNormalMagnitude,
    .leastNonzeroMagnitude, -0x1p-130,
  ]

  @Test("Numbers are rounded to the nearest, ties to even; NaN stays NaN", arguments: Kernels.bfloat16)
  func rounding(_ kernels: Kernels) {
    var numbers = Numbers(1)
    let random = (0..<999).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: numbers.next())) }
    let values = Self.special + random
    let expected = values.map(Self.rounded) + (values.count % 2 == 1 ? [0] : [])
    let converted = kernels.convert(
      values, rows: 1, k: values.count, ld: values.count, ldWords: values.count)
    #expect(same(converted.flatMap(Self.numbers), expected))

    let interleaved = kernels.interleave(
      values, rows: values.count, n: 1, ld: 1, ldWords: 1)
    #expect(same(interleaved.flatMap(Self.numbers), expected))
  }

  @Test("Pairs lie along k or along the rows, odd ones beside a 0, and nothing else is written")
  func pairs() throws {
    let kernels = try #require(Kernels.bfloat16.first)
    for n in [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 50, 64, 65] {
      for rows in [0, 1, 2, 3, 5] {
        var numbers = Numbers(UInt64(n * 10 + rows))
        let ld = n + 2
        let source = numbers.integers(rows == 0 ? 0 : (rows - 1) * ld + n)
        func number(_ row: Int, _ column: Int) -> Float {
          row < rows && column < n ? source[row * ld + column] : 0
        }

        let count = kernels.words(n)
        let converted = kernels.convert(source, rows: rows, k: n, ld: ld, ldWords: count + 1)
        for row in 0..<rows {
          for unit in 0..<count {
            let pair = Self.numbers(converted[row * (count + 1) + unit])
            #expect(pair == [number(row, 2 * unit), number(row, 2 * unit + 1)])
          }
          if row + 1 < rows { #expect(converted[row * (count + 1) + count] == 7) }
        }

        let interleaved = kernels.interleave(source, rows: rows, n: n, ld: ld, ldWords: n + 1)
        for row in 0..<kernels.words(rows) {
          for column in 0..<n {
            let pair = Self.numbers(interleaved[row * (n + 1) + column])
            #expect(pair == [number(2 * row, column), number(2 * row + 1, column)])
          }
          if row + 1 < kernels.words(rows) { #expect(interleaved[row * (n + 1) + n] == 7) }
        }
      }
    }
  }

  /// Whole numbers up to 8 are bfloat16 numbers, and sums of their products are exact in any order.
  @Test(
    "Products of every size, start and number of terms are exact for whole numbers",
    arguments: ProductTests.rows)
  func products(_ m: Int) throws {
    let kernels = try #require(Kernels.bfloat16.first)
    for n in ProductTests.columns {
      for (index, start) in [CG_START_ZERO, CG_START_BIAS, CG_START_RESULT].enumerated() {
        let ks = [[5], [0, 3], [1, 2, 4], [], [64, 33]][(m + n + index) % 5]
        let problem = ProductTests.Problem(m: m, n: n, ks: ks, start: start, seed: UInt64(m * 1000 + n)) {
          $0.integers($1)
        }
        #expect(problem.run(kernels) == problem.expected, "[\(m), \(ks), \(n)] from \(start)")
      }
    }
  }

  @Test("Sums of outer products of every size are exact for whole numbers", arguments: [0, 1, 5, 12, 13, 25])
  func outer(_ m: Int) throws {
    let kernels = try #require(Kernels.bfloat16.first)
    for n in [0, 1, 4, 15, 16, 17, 31, 32, 33, 70] {
      for (rows, sameRow) in [(0, false), (1, false), (4, true), (11, false), (257, false), (601, false)] {
        let problem = OuterTests.Problem(
          rows: rows, m: m, n: n, sameRow: sameRow, seed: UInt64(m * 100 + n)
        ) { $0.integers($1) }
        #expect(problem.run(kernels) == problem.expected, "\(rows) of [\(m), \(n)]")
      }
    }
  }

  /// What is left once the operands are rounded are the roundings of a sum in Float: half an ULP of partial
  /// sums for each of its terms, which random signs keep below √k.
  @Test("Sums of rounded operands are as exact as Float", arguments: [1, 2, 127, 128, 783])
  func precision(_ k: Int) throws {
    let kernels = try #require(Kernels.bfloat16.first)
    let problem = ProductTests.Problem(m: 14, n: 37, ks: [k, 3], start: CG_START_BIAS, seed: UInt64(k)) {
      $0.floats($1)
    }
    let found = problem.run(kernels)
    let bound = Double(k + 3) * 0x1p-24 * Double(k + 4).squareRoot()
    for i in 0..<problem.m {
      for j in 0..<problem.n {
        var sum = Double(problem.bias[j])
        for term in problem.terms {
          for p in 0..<term.k {
            let (a, b) = (term.a[i * term.lda + p], term.b[p * problem.n + j])
            sum += Double(Self.rounded(a)) * Double(Self.rounded(b))
          }
        }
        #expect(abs(Double(found[i * problem.ldc + j]) - sum) <= bound)
      }
    }

    let gradient = OuterTests.Problem(rows: k, m: 14, n: 37, seed: UInt64(k)) { $0.floats($1) }
    let sums = gradient.run(kernels)
    for i in 0..<gradient.m {
      for j in 0..<gradient.n {
        var sum = Double(gradient.c[i * gradient.ldc + j])
        for r in 0..<k {
          let (a, b) = (gradient.a[r * gradient.lda + i], gradient.b[r * gradient.ldb + j])
          sum += Double(Self.rounded(a)) * Double(Self.rounded(b))
        }
        #expect(abs(Double(sums[i * gradient.ldc + j]) - sum) <= bound)
      }
    }
  }

  @Test("A row's result does not depend on the other rows, and a NaN reaches its row alone")
  func rowByRow() throws {
    let kernels = try #require(Kernels.bfloat16.first)
    for n in [5, 33, 130, 201] {
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
      let after = problem.run(kernels)
      for row in 0..<problem.m {
        let place = row * problem.ldc..<row * problem.ldc + n
        #expect(row == 3 ? after[place].allSatisfy { $0.isNaN } : after[place] == whole[place])
      }
    }
  }

  @Test("Packing from rows equals packing from columns, and pads with zeros")
  func packing() throws {
    let kernels = try #require(Kernels.bfloat16.first)
    for k in [0, 1, 5, 16, 17, 32, 33, 66] {
      for (n, width) in [(1, 1), (3, 16), (17, 48), (20, 70), (0, 16), (64, 64), (65, 96)] {
        var numbers = Numbers(UInt64(k * 100 + n))
        let b = numbers.floats(k * n)
        let transposed = (0..<n).flatMap { column in (0..<k).map { b[$0 * n + column] } }
        let packed = kernels.pack(b, k: k, n: n, width: width)
        let other = kernels.pack(transposed, k: k, n: n, width: width, transposed: true)
        #expect(other.values.map(\.bitPattern) == packed.values.map(\.bitPattern))
        #expect(packed.values.count >= kernels.words(k) * width)

        // The identity times what was packed is what was packed, rounded.
        let identity = Guarded(
          kernels.convert(
            (0..<k * k).map { $0 / max(k, 1) == $0 % max(k, 1) ? 1 : 0 }, rows: k, k: k, ld: k,
            ldWords: kernels.words(k)))
        let result = Guarded([Float](repeating: .nan, count: k * width))
        let term = unsafe cg_term(a: identity.start, lda: kernels.words(k), k: k, packed: packed.start)
        unsafe cg_product_with(
          kernels.isa, k, width, [term], 1, CG_START_ZERO, nil, result.start, width)
        let padding = [Float](repeating: 0, count: width - n)
        let expected = (0..<k).flatMap { row -> [Float] in
          b[row * n..<(row + 1) * n].map(Self.rounded) + padding
        }
        #expect(result.values == expected)
        withExtendedLifetime((identity, packed)) {}
      }
    }
  }
}
