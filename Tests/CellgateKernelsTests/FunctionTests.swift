import CellgateKernels
import CellgateTensor
import Foundation
import Testing

/// exp, tanh, sigmoid, log, sqrt, softplus, SiLU and GELU against Double.
@Suite("Elementwise functions")
struct FunctionTests {
  struct Function: Sendable, CustomTestStringConvertible {
    var name: String
    var code: cg_code
    /// Units in the last place of the exact result, rounded up from what was measured.
    var budget: Double
    var exact: @Sendable (Double) -> Double
    var testDescription: String { name }
  }

  static let functions = [
    Function(name: "exp", code: CG_EXP, budget: 1.1) { exp($0) },
    Function(name: "tanh", code: CG_TANH, budget: 2.5) { tanh($0) },
    Function(name: "sigmoid", code: CG_SIGMOID, budget: 2.5) { 1 / (1 + exp(-$0)) },
    Function(name: "log", code: CG_LOGARITHM, budget: 0.9) { log($0) },
    Function(name: "sqrt", code: CG_SQUARE_ROOT, budget: 0.5) { sqrt($0) },
    Function(name: "softplus", code: CG_SOFTPLUS, budget: 2) { max($0, 0) + log1p(exp(-abs($0))) },
    // The products with x of subnormal numbers keep few digits.
    Function(name: "silu", code: CG_SILU, budget: 52) { $0 / (1 + exp(-$0)) },
    Function(name: "gelu", code: CG_GELU, budget: 6.1) { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) },
  ]

  /// Floats over the whole range: of all bit patterns one in 20,011, of those of size 2⁻¹² to 128 one in 3001.
  static let samples: [Float] = {
    let all = stride(from: UInt64(0), through: 0xFFFF_FFFF, by: 20_011).map { UInt32($0) }
    let near = stride(from: Float(0x1p-12).bitPattern, to: Float(128).bitPattern, by: 3001)
    return (all + near + near.map { $0 | 0x8000_0000 }).map { Float(bitPattern: $0) }
  }()

  static let special: [Float] = [
    0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0x1p-127, -0x1p-127,
    .leastNormalMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
    88.7228,
    88.7229, 88.73, 89, 89.1, -87.33, -87.34, -103.9, -103.98, -104, -104.1, 9.01, 9.02, -9.02, 15, -15, 16.6,
    16.7, 17.4, -17.4, 1, -1, 0x1p-13, 0x1p-24, -0x1p-24,
  ]

  /// |found − exact| in the last place of a Float of the exact result's size.
  static func error(_ found: Float, _ exact: Double) -> Double {
    if found.isNaN || exact.isNaN { return found.isNaN && exact.isNaN ? 0 : .infinity }
    let limit = 0x1p128
    let (f, e) = (min(Double(found), limit), min(exact, limit))
    return abs(f - e) / Double(Float(min(abs(e), Double(Float.greatestFiniteMagnitude))).ulp)
  }

  @Test("The error stays within its budget over the whole range", arguments: functions)
  func accuracy(_ function: Function) throws {
    let samples = Self.samples + Self.special
    let found = Kernels.active.map(function.code, samples)
    var worst = (error: 0.0, x: Float(0))
    for (x, y) in zip(samples, found) {
      let error = Self.error(y, function.exact(Double(x)))
      if error > worst.error { worst = (error, x) }
    }
    #expect(worst.error <= function.budget, "\(function.name)(\(worst.x))")
    #expect(worst.error > 0.4, "\(function.name): the samples don't reach rounding errors")
  }

  @Test("All instruction sets give the same bits", arguments: functions)
  func agreement(_ function: Function) throws {
    let samples = Self.samples + Self.special
    let expected = try #require(Kernels.all.first).map(function.code, samples)
    for kernels in Kernels.all.dropFirst() {
      #expect(same(kernels.map(function.code, samples), expected), "\(kernels.name)")
    }
  }

  @Test("Every NaN gives NaN", arguments: Kernels.all)
  func nan(_ kernels: Kernels) {
    let payloads: [UInt32] = [0x7FC0_0000, 0xFFC0_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7F80_0001, 0xFFA5_5A5A]
    for function in Self.functions {
      let found = kernels.map(function.code, payloads.map { Float(bitPattern: $0) })
      #expect(found.allSatisfy { $0.isNaN }, "\(function.name)")
    }
  }

  @Test("Zeros, infinities and the ends of the range come out exactly", arguments: Kernels.all)
  func exact(_ kernels: Kernels) {
    func check(_ code: cg_code, _ pairs: [(Float, Float)]) {
      let found = kernels.map(code, pairs.map(\.0))
      for (pair, y) in zip(pairs, found) {
        #expect(same(y, pair.1), "\(code) of \(pair.0) is \(y), not \(pair.1)")
      }
    }
    let tiny = Float.leastNonzeroMagnitude
    let huge = Float.greatestFiniteMagnitude
    check(
      CG_EXP,
      [
        (0, 1), (-0.0, 1), (.infinity, .infinity), (-.infinity, 0), (huge, .infinity), (-huge, 0),
        (89, .infinity), (-104, 0), (tiny, 1), (-103, tiny),
      ])
    check(
      CG_TANH,
      [
        (0, 0), (-0.0, -0.0), (.infinity, 1), (-.infinity, -1), (huge, 1), (-huge, -1), (tiny, tiny),
        (-tiny, -tiny), (0x1p-126, 0x1p-126), (-0x1p-20, -0x1p-20), (10, 1), (-10, -1),
      ])
    check(
      CG_SIGMOID,
      [
        (0, 0.5), (-0.0, 0.5), (.infinity, 1), (-.infinity, 0), (huge, 1), (-huge, 0), (18, 1), (-104, 0),
        (tiny, 0.5), (-103, tiny),
      ])
    check(
      CG_LOGARITHM,
      [
        (1, 0), (0, -.infinity), (-0.0, -.infinity), (.infinity, .infinity), (-tiny, .nan),
        (-.infinity, .nan),
        (tiny, -103.27893), (huge, 88.72284), (0x1p-126, -87.33655),
      ])
    check(
      CG_SQUARE_ROOT,
      [
        (0, 0), (-0.0, -0.0), (4, 2), (.infinity, .infinity), (-1, .nan), (-.infinity, .nan),
        (0x1p-148, 0x1p-74),
        (huge, 0x1.fffffep+63),
      ])
    check(
      CG_SOFTPLUS,
      [
        (0, 0.6931472), (.infinity, .infinity), (-.infinity, 0), (huge, huge), (-huge, 0), (40, 40),
        (-104, 0),
        (-103, tiny),
      ])
  }

  /// Where a function flattens out, errors of an ULP must not make it turn back or leave its range.
  @Test("The tails are monotone and stay in range", arguments: Kernels.all)
  func tails(_ kernels: Kernels) {
    func check(_ code: cg_code, _ range: ClosedRange<Float>, _ bounds: ClosedRange<Float>) {
      let step = (range.upperBound - range.lowerBound) / 20_000
      let values = kernels.map(code, (0...20_000).map { range.lowerBound + Float($0) * step })
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }, "\(code) over \(range)")
      #expect(values.allSatisfy { bounds.contains($0) }, "\(code) over \(range)")
    }
    check(CG_EXP, -104 ... -86, 0...1e-37)
    check(CG_EXP, 87...90, 1e37 ... .infinity)
    check(CG_TANH, 7...20, 0.999...1)
    check(CG_TANH, -20 ... -7, -1 ... -0.999)
    check(CG_SIGMOID, 14...40, 0.999...1)
    check(CG_SIGMOID, -104 ... -80, 0...1e-30)
    check(CG_SOFTPLUS, -104 ... -80, 0...1e-30)
    check(CG_SOFTPLUS, 14...40, 14...40)
  }

  @Test("tanh is odd to the last bit", arguments: Kernels.all)
  func odd(_ kernels: Kernels) {
    let x = Self.samples.filter { !$0.isNaN }
    let positive = kernels.map(CG_TANH, x)
    let negative = kernels.map(CG_TANH, x.map { -$0 })
    #expect(same(positive, negative.map { -$0 }))
  }

  @Test("Any number of floats, in place too, and nothing past them", arguments: 0...50)
  func lengths(_ count: Int) {
    var numbers = Numbers(UInt64(count))
    let x = numbers.floats(count).map { 9 + 8 * $0 }
    for function in Self.functions {
      let expected = Kernels.active.map(function.code, x + [0]).dropLast()
      let (input, output) = (Guarded(x), Guarded([Float](repeating: .nan, count: count)))
      unsafe Self.call(function.code, count, input.start, output.start)
      #expect(output.values == Array(expected))
      #expect(input.values == x)
      unsafe Self.call(function.code, count, input.start, input.start)
      #expect(input.values == Array(expected))
    }
  }

  static func call(
    _ code: cg_code, _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    switch code {
    case CG_EXP: unsafe cg_exp(count, x, y)
    case CG_TANH: unsafe cg_tanh(count, x, y)
    case CG_SIGMOID: unsafe cg_sigmoid(count, x, y)
    default: unsafe cg_apply(code, count, x, nil, nil, 0, y)
    }
  }
}
