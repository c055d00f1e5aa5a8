/// A value inside a cell's equations: one number for each hidden unit, or the cell's input.
///
/// Expressions are built with `+ − × ÷`, the functions below, the maps of ``CellBuilder`` and number
/// literals. They are a description, not a computation: ``Cell`` turns them into a graph.
public struct Expression: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  final class Node: Sendable {
    let content: Content
    init(_ content: Content) { self.content = content }
  }

  enum Content: Sendable {
    case operation(Operation, [Node])
    /// A value with a name of its own.
    case named(String, Node)
    /// The value that bears this name, wherever it is defined.
    case reference(String)
    /// A parameter's gate that the parameter doesn't have.
    case unknownGate(parameter: String, gate: String)
  }

  let node: Node

  init(_ content: Content) { node = Node(content) }
  init(_ operation: Operation, _ operands: Expression...) {
    self.init(.operation(operation, operands.map(\.node)))
  }

  /// The constant `value`.
  public init(floatLiteral value: Double) { self.init(.constant(value)) }
  /// The constant `value`.
  public init(integerLiteral value: Int) { self.init(.constant(Double(value))) }
  /// The constant `value`.
  public init(_ value: Double) { self.init(.constant(value)) }

  /// The elementwise sum.
  public static func + (a: Expression, b: Expression) -> Expression { Expression(.add, a, b) }
  /// The elementwise difference.
  public static func - (a: Expression, b: Expression) -> Expression { Expression(.subtract, a, b) }
  /// The elementwise product.
  public static func * (a: Expression, b: Expression) -> Expression { Expression(.multiply, a, b) }
  /// The elementwise quotient.
  public static func / (a: Expression, b: Expression) -> Expression { Expression(.divide, a, b) }
  /// The elementwise negation.
  public static prefix func - (a: Expression) -> Expression { Expression(.negate, a) }
}

/// The logistic function 1 / (1 + e⁻ˣ), elementwise.
public func sigmoid(_ x: Expression) -> Expression { Expression(.sigmoid, x) }
/// The hyperbolic tangent, elementwise.
public func tanh(_ x: Expression) -> Expression { Expression(.tanh, x) }
/// max(0, x), elementwise.
public func relu(_ x: Expression) -> Expression { Expression(.relu, x) }
/// eˣ, elementwise.
public func exp(_ x: Expression) -> Expression { Expression(.exp, x) }
