import CellgateKernels
import CellgateTensor
import Testing

/// Every code of an elementwise program, against Swift's own arithmetic.
@Suite("Elementwise programs")
struct OperationTests {
  struct Code: Sendable, CustomTestStringConvertible {
    var name: String
    var code: cg_code
    /// From operands a, b, c, the constant and what the result held.
    var value: @Sendable (_ a: Float, _ b: Float, _ c: Float, _ k: Float, _ y: Float) -> Float
    var testDescription: String { name }

    init(
      _ name: String, _ code: cg_code,
      _ value: @escaping @Sendable (_ a: Float, _ b: Float, _ c: Float, _ k: Float, _ y: Float) -> Float
    ) { (self.name, self.code, self.value) = (name, code, value) }
  }

  /// Those of exact arithmetic; exp, tanh and their like are in `FunctionTests`.
  static let codes = [
    Code("copy", CG_COPY) { a, _, _, _, _ in a },
    Code("fill", CG_FILL) { _, _, _, k, _ in k },
    Code("add", CG_ADD) { a, b, _, _, _ in a + b },
    Code("subtract", CG_SUBTRACT) { a, b, _, _, _ in a - b },
    Code("multiply", CG_MULTIPLY) { a, b, _, _, _ in a * b },
    Code("divide", CG_DIVIDE) { a, b, _, _, _ in a / b },
    Code("negate", CG_NEGATE) { a, _, _, _, _ in -a },
    Code("add constant", CG_ADD_CONSTANT) { a, _, _, k, _ in a + k },
    Code("subtract from constant", CG_SUBTRACT_FROM_CONSTANT) { a, _, _, k, _ in k - a },
    Code("multiply constant", CG_MULTIPLY_CONSTANT) { a, _, _, k, _ in a * k },
    Code("divide constant", CG_DIVIDE_CONSTANT) { a, _, _, k, _ in k / a },
    Code("multiply add", CG_MULTIPLY_ADD) { a, b, c, _, _ in c.addingProduct(a, b) },
    Code("subtract multiply", CG_SUBTRACT_MULTIPLY) { a, b, c, _, _ in c.addingProduct(-a, b) },
    Code("relu", CG_RELU) { a, _, _, _, _ in a < 0 ? 0 : a },
    Code("sigmoid gradient", CG_SIGMOID_GRADIENT) { a, b, _, _, _ in a * (b * (1 - b)) },
    Code("tanh gradient", CG_TANH_GRADIENT) { a, b, _, _, _ in a * Float(1).addingProduct(-b, b) },
    Code("absolute", CG_ABSOLUTE) { a, _, _, _, _ in abs(a) },
    Code("minimum", CG_MINIMUM) { a, b, _, _, _ in a < b ? a : b <= a ? b : .nan },
    Code("maximum", CG_MAXIMUM) { a, b, _, _, _ in a > b ? a : b >= a ? b : .nan },
    Code("relu gradient", CG_RELU_GRADIENT) { a, b, _, _, _ in b > 0 ? a : 0 },
    Code("absolute gradient", CG_ABSOLUTE_GRADIENT) { a, b, _, _, _ in b > 0 ? a : b < 0 ? -a : a * b },
    Code("greater gradient", CG_GREATER_GRADIENT) { a, b, c, _, _ in b < c ? 0 : b == c ? a / 2 : a },
    Code("less", CG_LESS) { a, b, _, _, _ in a < b ? 1 : 0 },
    Code("less or equal", CG_LESS_EQUAL) { a, b, _, _, _ in a <= b ? 1 : 0 },
    Code("equal", CG_EQUAL) { a, b, _, _, _ in a == b ? 1 : 0 },
    Code("not equal", CG_NOT_EQUAL) { a, b, _, _, _ in a != b ? 1 : 0 },
    Code("select", CG_SELECT) { a, b, c, _, _ in a != 0 ? b : c },
    Code("accumulate", CG_ACCUMULATE) { a, _, _, _, y in y + a },
    Code("clamp", CG_CLAMP) { a, _, _, k, _ in a < 0 ? 0 : a > k ? k : a },
  ]

  static let special: [Float] = [
    0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -0x1p-127, .greatestFiniteMagnitude,
    0.3,
  ]

  /// Random numbers, then every pair of special ones.
  static let operands: (a: [Float], b: [Float], c: [Float], y: [Float]) = {
    var numbers = Numbers(9)
    var lists = (0..<4).map { _ in numbers.floats(203).map { $0 * 4 } }
    for a in special {
      for b in special {
        lists[0].append(a)
        lists[1].append(b)
        lists[2].append(special[(lists[2].count * 7) % special.count])
        lists[3].append(b)
      }
    }
    return (lists[0], lists[1], lists[2], lists[3])
  }()

  @Test("Every code does its arithmetic to the last bit", arguments: codes)
  func arithmetic(_ code: Code) {
    let (a, b, c, y) = Self.operands
    for constant: Float in [0.7, -3, 0] {
      let expected = a.indices.map { code.value(a[$0], b[$0], c[$0], constant, y[$0]) }
      for kernels in Kernels.all {
        let operation = operation(code.code, result: 3, a: 0, b: 1, c: 2, constant: constant)
        let slots = kernels.operate([operation], slots: [a, b, c, y])
        #expect(same(slots[3], expected), "\(kernels.name)")
        #expect(same(slots[0], a) && same(slots[1], b) && same(slots[2], c), "\(kernels.name)")
      }
    }
  }

  @Test("The result may be any operand's slot", arguments: codes)
  func inPlace(_ code: Code) {
    let (a, b, c, _) = Self.operands
    let operands = [a, b, c]
    for target in 0..<3 {
      let expected = a.indices.map { code.value(a[$0], b[$0], c[$0], 0.7, operands[target][$0]) }
      let operation = operation(code.code, result: target, a: 0, b: 1, c: 2, constant: 0.7)
      for kernels in Kernels.all {
        #expect(same(kernels.operate([operation], slots: operands)[target], expected), "\(kernels.name)")
      }
    }
  }

  @Test("Operations run in order, each on what those before it left", arguments: Kernels.all)
  func order(_ kernels: Kernels) {
    let x: [Float] = [1, -2, 3.5]
    let slots = kernels.operate(
      [
        operation(CG_ADD, result: 1, a: 0, b: 0),
        operation(CG_MULTIPLY, result: 1, a: 1, b: 0),
        operation(CG_ACCUMULATE, result: 0, a: 1),
      ], slots: [x, [9, 9, 9]])
    #expect(slots[1] == x.map { 2 * $0 * $0 })
    #expect(slots[0] == x.map { $0 + 2 * $0 * $0 })
  }

  @Test("One code runs over any number of floats, and over nothing past them", arguments: codes)
  func anyNumber(_ code: Code) {
    let (a, b, c, y) = Self.operands
    for count in [0, 1, 15, 16, 33] {
      let expected = (0..<count).map { code.value(a[$0], b[$0], c[$0], 0.7, y[$0]) }
      for kernels in Kernels.all {
        let slots = [a, b, c, y].map { Guarded(Array($0.prefix(count))) }
        unsafe cg_apply_with(
          kernels.isa, code.code, count, slots[0].start, slots[1].start, slots[2].start, 0.7, slots[3].start)
        #expect(same(slots[3].values, expected), "\(kernels.name)")
      }
    }
  }

  @Test("No code is left out here, in FunctionTests or in ActivationTests")
  func complete() {
    let tested =
      Self.codes.map(\.code.rawValue) + FunctionTests.functions.map(\.code.rawValue)
      + ActivationTests.codes.map(\.rawValue)
    #expect(tested.sorted() == Array(0...CG_CLAMP.rawValue))
  }
}
