import CellgateTensor
import Foundation

extension OperationCase {
  /// Arithmetic, functions and activations of every number.
  static var elementwise: [OperationCase] { binary + unary }

  private static var binary: [OperationCase] {
    func both(
      _ name: String, first: Numbers = .uniform(-1..<1), second: Numbers = .uniform(-1..<1),
      _ apply: @escaping @Sendable (Tensor, Tensor) -> Tensor,
      _ reference: @escaping @Sendable (Double, Double) -> Double
    ) -> [OperationCase] {
      let shapes: [(name: String, left: [Int], right: [Int], large: ([Int], [Int])?)] = [
        (name, [3, 4], [3, 4], ([256, 1024], [256, 1024])),
        ("\(name)_row", [2, 3, 4], [4], ([256, 1024], [1024])),
        ("\(name)_column", [5, 7], [5, 1], ([256, 1024], [256, 1])),
        ("\(name)_outer", [2, 1, 4], [3, 1], nil),
        ("\(name)_scalar", [], [2, 3], nil), ("\(name)_empty", [0, 3], [3], nil),
      ]
      return shapes.map { shape in
        OperationCase(
          shape.name, [Input(shape.left, first), Input(shape.right, second)],
          large: shape.large.map { [Input($0.0, first), Input($0.1, second)] },
          { apply($0[0], $0[1]) }, reference: { $0[0].with($0[1], reference) })
      }
    }
    let arithmetic = [
      both("add", { $0 + $1 }, { $0 + $1 }), both("subtract", { $0 - $1 }, { $0 - $1 }),
      both("multiply", { $0 * $1 }, { $0 * $1 }),
      both("divide", second: .uniform(0.5..<2), { $0 / $1 }, { $0 / $1 }),
    ]
    // Odd multiples of 0.05 and even ones are never equal.
    let bounds = [
      both(
        "maximum", first: .apart, second: .apart, { ($0 + 0.05).maximum($1) },
        { Swift.max($0 + Double(Float(0.05)), $1) }),
      both(
        "minimum", first: .apart, second: .apart, { ($0 + 0.05).minimum($1) },
        { Swift.min($0 + Double(Float(0.05)), $1) }),
    ]
    return (arithmetic + bounds).flatMap { $0 }
  }

  private static var unary: [OperationCase] {
    func one(
      _ name: String, of numbers: Numbers = .uniform(-3..<3), isTimed: Bool = true, tolerance: Double = 1e-6,
      _ apply: @escaping @Sendable (Tensor) -> Tensor, _ reference: @escaping @Sendable (Double) -> Double
    ) -> OperationCase {
      OperationCase(
        name, [Input([3, 11], numbers)], large: isTimed ? [Input([256, 1024], numbers)] : nil,
        tolerance: tolerance,
        { apply($0[0]) }, reference: { $0[0].map(reference) })
    }
    let positive = Numbers.uniform(0.5..<3)
    @Sendable func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
    let functions = [
      one("negate", { -$0 }, { -$0 }), one("abs", of: .apart, { $0.abs() }, { Swift.abs($0) }),
      one("exp", { $0.exp() }, { Foundation.exp($0) }),
      one("log", of: positive, { $0.log() }, { Foundation.log($0) }),
      one("sqrt", of: positive, { $0.sqrt() }, { $0.squareRoot() }),
      one("square", { $0.square() }, { $0 * $0 }),
      one("power", of: positive, { $0.power(2.5) }, { Foundation.pow($0, 2.5) }),
      one("power_2", isTimed: false, { $0.power(2) }, { $0 * $0 }),
      one("power_3", isTimed: false, { $0.power(3) }, { $0 * $0 * $0 }),
      one("power_half", of: positive, isTimed: false, { $0.power(0.5) }, { $0.squareRoot() }),
      one("power_minus_1", of: positive, isTimed: false, { $0.power(-1) }, { 1 / $0 }),
      one("power_0", isTimed: false, { $0.power(0) }, { _ in 1 }),
      one("power_1", isTimed: false, { $0.power(1) }, { $0 }),
      one("clamp", of: .apart, { $0.clamp(min: -0.7, max: 0.9) }, { Swift.min(Swift.max($0, -0.7), 0.9) }),
      one("clamp_above", of: .apart, isTimed: false, { $0.clamp(max: 0.9) }, { Swift.min($0, 0.9) }),
    ]
    let activations = [
      one("sigmoid", { $0.sigmoid() }, { logistic($0) }), one("tanh", { $0.tanh() }, { Foundation.tanh($0) }),
      one("relu", of: .apart, { $0.relu() }, { Swift.max($0, 0) }),
      one("gelu", { $0.gelu() }, { $0 * 0.5 * erfc(-$0 / 2.0.squareRoot()) }),
      one(
        "gelu_tanh", { $0.gelu(.tanh) },
        { x in 0.5 * x * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) }),
      one("silu", { $0.silu() }, { $0 * logistic($0) }),
      one("softplus", { $0.softplus() }, { log1p(Foundation.exp($0)) }),
    ]
    let scalars = [
      one("add_number", isTimed: false, { 1 + ($0 + 2) }, { $0 + 3 }),
      one("subtract_number", isTimed: false, { 1 - ($0 - 2) }, { 3 - $0 }),
      one("multiply_number", isTimed: false, { 2 * ($0 * 3) }, { $0 * 6 }),
      one("divide_number", of: positive, isTimed: false, { 2 / ($0 / 3) }, { 6 / $0 }),
    ]
    return functions + activations + scalars
  }
}
