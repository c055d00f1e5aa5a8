import CellgateTensor

/// A value inside a cell's equations: one number for each unit, or the cell's input.
///
/// Expressions are built with `+ − × ÷`, the functions below, the maps of ``CellBuilder`` and number
/// literals. They are a description, not a computation: ``Cell`` turns them into a graph.
public struct CellExpression: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  final class Node: Sendable {
    let content: Content
    init(_ content: Content) { self.content = content }
  }

  enum Content: Sendable {
    case operation(NodeOperation, [Node])
    /// A value with a name of its own.
    case named(String, Node)
    /// The value that bears this name, wherever it is defined.
    case reference(String)
    /// A state's value at t, wherever it is set.
    case next(Int)
    /// A parameter's gate that the parameter doesn't have.
    case unknownGate(parameter: String, gate: String)
  }

  let node: Node

  init(_ content: Content) { node = Node(content) }
  package init(_ operation: NodeOperation, _ operands: CellExpression...) {
    self.init(.operation(operation, operands.map(\.node)))
  }

  /// The constant `value`.
  public init(floatLiteral value: Double) { self.init(.constant(value)) }
  /// The constant `value`.
  public init(integerLiteral value: Int) { self.init(.constant(Double(value))) }
  /// The constant `value`.
  public init(_ value: Double) { self.init(.constant(value)) }

  /// The elementwise sum.
  public static func + (a: CellExpression, b: CellExpression) -> CellExpression { CellExpression(.add, a, b) }
  /// The elementwise difference.
  public static func - (a: CellExpression, b: CellExpression) -> CellExpression {
    CellExpression(.subtract, a, b)
  }
  /// The elementwise product.
  public static func * (a: CellExpression, b: CellExpression) -> CellExpression {
    CellExpression(.multiply, a, b)
  }
  /// The elementwise quotient.
  public static func / (a: CellExpression, b: CellExpression) -> CellExpression {
    CellExpression(.divide, a, b)
  }
  /// The elementwise negation.
  public static prefix func - (a: CellExpression) -> CellExpression { CellExpression(.negate, a) }

  /// The value to a constant power, elementwise: written out as products, quotients and roots where the power is a whole
  /// number or half of one, else as exp(exponent · log(x)), which is NaN below 0.
  public func raised(to exponent: Double) -> CellExpression {
    if exponent < 0 { return 1 / raised(to: -exponent) }
    if exponent == 0 || exponent == 1 { return exponent == 0 ? 1 : self }
    let whole = exponent.rounded(.down)
    guard whole <= 1024, exponent == whole || exponent == whole + 0.5 else {
      return exp(CellExpression(exponent) * log(self))
    }
    var factors = exponent == whole ? [] : [sqrt(self)]
    var (square, rest) = (self, Int(whole))
    while rest > 0 {
      if rest % 2 == 1 { factors.append(square) }
      rest /= 2
      if rest > 0 { square = square * square }
    }
    return factors.dropFirst().reduce(factors[0]) { $0 * $1 }
  }
}

/// The logistic function 1 / (1 + e⁻ˣ), elementwise.
public func sigmoid(_ x: CellExpression) -> CellExpression { CellExpression(.sigmoid, x) }
/// The hyperbolic tangent, elementwise.
public func tanh(_ x: CellExpression) -> CellExpression { CellExpression(.tanh, x) }
/// max(0, x), elementwise.
public func relu(_ x: CellExpression) -> CellExpression { CellExpression(.relu, x) }
/// The mean over the units, the same number for each of them.
public func mean(_ x: CellExpression) -> CellExpression { CellExpression(.reduction(.mean), x) }
/// The variance over the units, the same number for each of them: the mean of (x − mean(x))², as layer normalisation
/// takes it.
public func variance(_ x: CellExpression) -> CellExpression { CellExpression(.reduction(.variance), x) }
/// log(1 + eˣ), elementwise.
public func softplus(_ x: CellExpression) -> CellExpression { CellExpression(.softplus, x) }
/// eˣ, elementwise.
public func exp(_ x: CellExpression) -> CellExpression { CellExpression(.exp, x) }
/// The natural logarithm, elementwise: −∞ at 0, NaN below.
public func log(_ x: CellExpression) -> CellExpression { CellExpression(.logarithm, x) }
/// The square root, elementwise: NaN below 0. Its derivative at 0 is infinite.
public func sqrt(_ x: CellExpression) -> CellExpression { CellExpression(.squareRoot, x) }
/// |x|, elementwise; its derivative at 0 is 0.
public func abs(_ x: CellExpression) -> CellExpression { CellExpression(.absolute, x) }
/// The smaller value, elementwise; where both are equal each gets half of the gradient.
public func min(_ a: CellExpression, _ b: CellExpression) -> CellExpression { CellExpression(.minimum, a, b) }
/// The greater value, elementwise; where both are equal each gets half of the gradient.
public func max(_ a: CellExpression, _ b: CellExpression) -> CellExpression { CellExpression(.maximum, a, b) }
