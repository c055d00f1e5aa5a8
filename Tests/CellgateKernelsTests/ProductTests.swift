import CellgateKernels
import Testing

@Suite("Matrix products")
struct ProductTests {
  /// Around every tile height (1 ... 12, blocks of 40, 60 and 120 rows) and panel width (8, 16 and 32).
  static let rows = [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25, 41, 61, 121, 130]
  static let columns = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 49, 63, 65, 128, 131, 160, 201]

  struct Problem {
    var m: Int, n: Int
    var terms: [Kernels.Term]
    var start: cg_start
    var bias: [Float]
    var c: [Float]
    var ldc: Int

    /// Random numbers of `make` in operands whose rows lie further apart than they are long.
    init(
      m: Int, n: Int, ks: [Int], start: cg_start = CG_START_ZERO, seed: UInt64,
      _ make: (inout Numbers, Int) -> [Float]
    ) {
      var numbers = Numbers(seed)
      (self.m, self.n, self.start) = (m, n, start)
      ldc = n + 3
      terms = ks.enumerated().map { index, k in
        let lda = k + index
        let a = make(&numbers, m == 0 ? 0 : (m - 1) * lda + k)
        return Kernels.Term(a: a, lda: lda, k: k, b: make(&numbers, k * n))
      }
      bias = make(&numbers, n)
      c = make(&numbers, m == 0 ? 0 : (m - 1) * ldc + n)
    }

    func run(_ kernels: Kernels) -> [Float] {
      kernels.product(m: m, n: n, terms, start: start, bias: bias, c: c, ldc: ldc)
    }

    /// Element by element, rounding as a fused multiply-add does, in the order that the header states.
    var expected: [Float] {
      var result = c
      for i in 0..<m {
        for j in 0..<n {
          var sum: Float =
            switch start {
            case CG_START_BIAS: bias[j]
            case CG_START_RESULT: c[i * ldc + j]
            default: 0
            }
          for term in terms {
            for p in 0..<term.k { sum.addProduct(term.a[i * term.lda + p], term.b[p * n + j]) }
          }
          result[i * ldc + j] = sum
        }
      }
      return result
    }
  }

  /// One rounding for each multiply-add, in the order of k: so the expected bits are known. What lies
  /// between a row's end and the next row must stay.
  @Test(
    "Every size, start and number of terms gives the known bits, and touches nothing else", arguments: rows)
  func sizes(_ m: Int) {
    for n in Self.columns {
      for (index, start) in [CG_START_ZERO, CG_START_BIAS, CG_START_RESULT].enumerated() {
        let ks = [[5], [0, 3], [1, 2, 4], []][(m + n + index) % 4]
        let problem = Problem(m: m, n: n, ks: ks, start: start, seed: UInt64(m * 1000 + n)) { $0.floats($1) }
        let expected = problem.expected
        for kernels in Kernels.all {
          #expect(problem.run(kernels) == expected, "\(kernels.name) [\(m), \(ks), \(n)] from \(start)")
        }
      }
    }
  }

  @Test("Long sums agree bit for bit, and with Double to their roundings", arguments: [1, 127, 128, 784])
  func longSums(_ k: Int) {
    let problem = Problem(m: 14, n: 37, ks: [k, 3], start: CG_START_BIAS, seed: UInt64(k)) { $0.floats($1) }
    let expected = problem.expected
    for kernels in Kernels.all { #expect(problem.run(kernels) == expected, "\(kernels.name)") }
    for i in 0..<problem.m {
      for j in 0..<problem.n {
        var sum = Double(problem.bias[j])
        for term in problem.terms {
          for p in 0..<term.k { sum += Double(term.a[i * term.lda + p]) * Double(term.b[p * problem.n + j]) }
        }
        // k roundings of half an ULP of partial sums, which random signs keep below √k.
        let bound = Double(k + 3) * 0x1p-24 * Double(k + 4).squareRoot()
        #expect(abs(Double(expected[i * problem.ldc + j]) - sum) <= bound)
      }
    }
  }

  @Test("A row's result does not depend on the other rows", arguments: Kernels.all)
  func rowByRow(_ kernels: Kernels) {
    for n in [5, 33, 130, 201] {
      let problem = Problem(m: 27, n: n, ks: [9, 16], start: CG_START_BIAS, seed: 5) { $0.floats($1) }
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
    }
  }

  @Test("An infinity or NaN reaches its row alone", arguments: Kernels.all)
  func notFinite(_ kernels: Kernels) {
    var problem = Problem(m: 9, n: 19, ks: [4], seed: 2) { $0.floats($1) }
    let before = problem.run(kernels)
    problem.terms[0].a[3 * problem.terms[0].lda + 1] = .nan
    let after = problem.run(kernels)
    for row in 0..<9 {
      let place = row * problem.ldc..<row * problem.ldc + 19
      if row == 3 {
        #expect(after[place].allSatisfy { $0.isNaN })
      } else {
        #expect(after[place] == before[place])
      }
    }
  }

  @Test("Packing from rows equals packing from columns, and pads with zeros", arguments: Kernels.all)
  func packing(_ kernels: Kernels) {
    for k in [0, 1, 5, 16, 17, 33] {
      for (n, width) in [
        (1, 1), (3, 16), (16, 16), (17, 17), (17, 48), (20, 70), (0, 16), (64, 64), (65, 96),
      ] {
        var numbers = Numbers(UInt64(k * 100 + n))
        let b = numbers.floats(k * n)
        let transposed = (0..<n).flatMap { column in (0..<k).map { b[$0 * n + column] } }
        let packed = kernels.pack(b, k: k, n: n, width: width)
        #expect(kernels.pack(transposed, k: k, n: n, width: width, transposed: true).values == packed.values)
        #expect(packed.values.count >= k * width)

        // The identity times what was packed is what was packed.
        let identity = Guarded((0..<k * k).map { $0 / max(k, 1) == $0 % max(k, 1) ? 1 : 0 })
        let result = Guarded([Float](repeating: .nan, count: k * width))
        let term = unsafe cg_term(a: identity.start, lda: k, k: k, packed: packed.start)
        unsafe cg_product_with(
          kernels.isa, k, width, [term], 1, CG_START_ZERO, nil, result.start, width)
        let padding = [Float](repeating: 0, count: width - n)
        let expected = (0..<k).flatMap { row -> [Float] in b[row * n..<(row + 1) * n] + padding }
        #expect(result.values == expected)
        withExtendedLifetime((identity, packed)) {}
      }
    }
  }

  @Test("Without a choice the active instruction set works")
  func active() {
    var numbers = Numbers(1)
    let (a, b) = (numbers.floats(6), numbers.floats(15))
    let source = Guarded(b)
    let count = cg_packed_count(3, 5)
    let packed = Guarded([Float](repeating: .nan, count: count), alignment: 64)
    unsafe cg_pack(3, 5, source.start, 5, 1, packed.start)
    #expect(packed.values == Kernels.active.pack(b, k: 3, n: 5, width: 5).values)

    let (left, result) = (Guarded(a), Guarded([Float](repeating: .nan, count: 10)))
    let term = unsafe cg_term(a: left.start, lda: 3, k: 3, packed: packed.start)
    unsafe cg_product(2, 5, [term], 1, CG_START_ZERO, nil, result.start, 5)
    let expected = Kernels.active.product(
      m: 2, n: 5, [.init(a: a, lda: 3, k: 3, b: b)], c: [Float](repeating: 0, count: 10), ldc: 5)
    #expect(result.values == expected)

    let sum = Guarded([Float](repeating: 1, count: 15))
    unsafe cg_outer(2, 3, 5, left.start, 3, source.start, 5, sum.start, 5)
    let known = Kernels.active.outer(
      rows: 2, m: 3, n: 5, a: a, lda: 3, b: b, ldb: 5, c: [Float](repeating: 1, count: 15), ldc: 5)
    #expect(sum.values == known)
    withExtendedLifetime((left, packed)) {}
  }
}
