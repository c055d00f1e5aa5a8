import CellgateTensor

/// Collects a cell's states, parameters and equations; see ``Cell/init(_:summary:source:equations:)``.
public final class CellBuilder {
  let cell: String
  private(set) var states: [String] = []
  private(set) var stateSizes: [CellDimension] = []
  private(set) var parameters: [PendingParameter] = []
  private(set) var named: [String: CellExpression.Node] = [:]
  private(set) var nameOrder: [String] = []
  /// Named values and next values, in the order in which they were written.
  private(set) var equations: [(equation: Equation, value: CellExpression.Node)] = []
  private(set) var next: [Int: CellExpression.Node] = [:]
  /// Of states that are read further back than t−1: the states that hold their values at t−2, t−3, …
  private var delays: [Int: [Int]] = [:]
  private(set) var firstError: CellError?
  /// What the input is called in the printed equations, if not x.
  var inputSymbol: String?
  /// The expression in which flattening found a mistake.
  var culprit: CellExpression.Node?

  /// What an equation gives a value to.
  enum Equation: Hashable, Sendable {
    /// A named value, by its number in `nameOrder`.
    case value(Int)
    /// A state at t.
    case state(Int)
  }

  struct PendingParameter {
    var name: String
    var gates: [String]
    var isMatrix: Bool
    var isScalar: Bool
    var rows: CellDimension
    var start: ParameterDefinition.Start
    var isFixed: Bool
    /// What it is called in the printed equations: "W_*x" with the gate for the star; nil leaves the choice to
    /// ``CellSymbols``.
    var symbol: String?
  }

  init(cell: String) { self.cell = cell }

  private func fail(_ error: CellError) { if firstError == nil { firstError = error } }

  private func claim(_ name: String) {
    let taken = states.contains(name) || parameters.contains { $0.name == name } || named[name] != nil
    if !Self.isName(name) {
      fail(.badName(cell: cell, name: name))
    } else if taken {
      fail(.duplicateName(cell: cell, name: name))
    }
  }

  /// Whether a state, a value, a parameter or a gate can be called so.
  static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.unicodeScalars.allSatisfy { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: !scalar.properties.isWhitespace && !"./`".unicodeScalars.contains(scalar)
        }
      }
  }

  /// The input x_t, `[I]`; only matrices read it.
  public var input: CellExpression { CellExpression(.input) }

  /// A state's value at t−1, `[H]`, or `[P]` of the projection size. The first state that is declared is the cell's
  /// output.
  public func state(_ name: String, size: CellDimension = .hidden) -> CellExpression {
    claim(name)
    check(size, of: "state '\(name)'")
    states.append(name)
    stateSizes.append(size)
    return CellExpression(.state(states.count - 1))
  }

  /// A matrix `[H, I]`, `[H, H]` or `[H, P]`, as its operand demands; with `rows: .projection` it has P rows. A fixed one
  /// stays what it starts from.
  public func matrix(
    _ name: String, rows: CellDimension = .hidden, start: ParameterDefinition.Start = .xavier,
    fixed: Bool = false
  ) -> LinearMap {
    let block = declare(name, gates: [""], isMatrix: true, rows: rows, start: start, isFixed: fixed)
    return LinearMap(block: block, name: name)
  }

  /// A matrix per gate, stacked in this order in one parameter.
  public func matrices(
    _ name: String, gates: String..., rows: CellDimension = .hidden,
    start: ParameterDefinition.Start = .xavier, fixed: Bool = false
  ) -> LinearMaps {
    let block = declare(name, gates: gates, isMatrix: true, rows: rows, start: start, isFixed: fixed)
    return LinearMaps(parameter: block.parameter, name: name, gates: gates)
  }

  /// A vector `[H]`, or `[P]` of the projection size: a bias, or weights that multiply elementwise. A fixed one, such as
  /// time constants from unit to unit (`start: GateBias(2, to: 70)`), stays what it starts from.
  public func vector(
    _ name: String, size: CellDimension = .hidden, start: GateBias = .zero, fixed: Bool = false
  ) -> CellExpression {
    let block = declare(
      name, gates: [""], isMatrix: false, rows: size, start: .perGate([start]), isFixed: fixed)
    return CellExpression(.vector(block))
  }

  /// A vector per gate, stacked in this order in one parameter; gates without a start begin at 0.
  public func vectors(
    _ name: String, gates: String..., size: CellDimension = .hidden, start: [String: GateBias] = [:],
    fixed: Bool = false
  ) -> Vectors {
    vectors(name, gates, isScalar: false, size, start, fixed)
  }

  /// A single number that is learned, the same for all units: of H, or of the projection size. A fixed one is a constant
  /// that model files keep.
  public func scalar(
    _ name: String, size: CellDimension = .hidden, start: GateBias = .zero, fixed: Bool = false
  ) -> CellExpression {
    let block = declare(
      name, gates: [""], isMatrix: false, isScalar: true, rows: size, start: .perGate([start]), isFixed: fixed
    )
    return CellExpression(.vector(block))
  }

  /// A single number per gate, stacked in this order in one parameter; gates without a start begin at 0.
  public func scalars(
    _ name: String, gates: String..., size: CellDimension = .hidden, start: [String: GateBias] = [:],
    fixed: Bool = false
  ) -> Vectors {
    vectors(name, gates, isScalar: true, size, start, fixed)
  }

  private func vectors(
    _ name: String, _ gates: [String], isScalar: Bool, _ size: CellDimension, _ start: [String: GateBias],
    _ isFixed: Bool
  ) -> Vectors {
    let biases = gates.map { start[$0] ?? .zero }
    let block = declare(
      name, gates: gates, isMatrix: false, isScalar: isScalar, rows: size, start: .perGate(biases),
      isFixed: isFixed)
    for gate in start.keys.sorted() where !gates.contains(gate) {
      fail(.unknownGate(cell: cell, parameter: name, gate: gate))
    }
    return Vectors(parameter: block.parameter, name: name, gates: gates)
  }

  /// Declares a parameter; a single gate "" is none.
  package func declare(
    _ name: String, gates: [String], isMatrix: Bool, isScalar: Bool = false, rows: CellDimension,
    start: ParameterDefinition.Start, isFixed: Bool = false, symbol: String? = nil
  ) -> Block {
    claim(name)
    check(rows, of: "parameter '\(name)'")
    if gates.isEmpty { fail(.noGate(cell: cell, parameter: name)) }
    for (index, gate) in gates.enumerated() where gates != [""] {
      if gates[..<index].contains(gate) { fail(.duplicateName(cell: cell, name: "\(name).\(gate)")) }
      if !Self.isName(gate) { fail(.badName(cell: cell, name: gate)) }
    }
    if case .perGate(let biases) = start {
      if biases.count != gates.count {
        fail(
          .sizeMismatch(
            cell: cell, node: "start of '\(name)'", expected: "\(gates.count) gates",
            found: "\(biases.count)"))
      }
      for bias in biases {
        let values = [bias.constant, bias.last ?? bias.constant]
        if let value = values.first(where: { !Float($0).isFinite }) {
          fail(.badConstant(cell: cell, value: value))
        }
        if let last = bias.last, isMatrix || isScalar {
          fail(
            .sizeMismatch(
              cell: cell, node: "start of '\(name)'",
              expected: "one number, as \(isMatrix ? "a matrix" : "a scalar") has none for each unit",
              found: "a range to \(last)"))
        }
      }
    }
    parameters.append(
      PendingParameter(
        name: name, gates: gates, isMatrix: isMatrix, isScalar: isScalar, rows: rows, start: start,
        isFixed: isFixed, symbol: symbol))
    return Block(parameter: parameters.count - 1, gate: 0)
  }

  private func check(_ size: CellDimension, of node: String) {
    if size == .input {
      fail(
        .sizeMismatch(
          cell: cell, node: node,
          expected: "\(CellDimension.hidden.text) or \(CellDimension.projection.text)",
          found: size.text))
    }
  }

  /// Gives a value a name, for the printed equations and for diagnostics.
  public func define(_ name: String, _ value: CellExpression) -> CellExpression {
    claim(name)
    let expression = CellExpression(.named(name, value.node))
    if named[name] == nil {
      named[name] = expression.node
      nameOrder.append(name)
      equations.append((.value(nameOrder.count - 1), expression.node))
    }
    return expression
  }

  /// Lets a name stand for a value in other equations; unlike a defined name it is no part of the cell.
  func abbreviate(_ name: String, _ value: CellExpression) {
    claim(name)
    if named[name] == nil { named[name] = CellExpression(.named(name, value.node)).node }
  }

  /// The value that is defined under this name, here or further below.
  public func value(_ name: String) -> CellExpression { CellExpression(.reference(name)) }

  /// The most steps that a state is read back.
  static let mostSteps = 64

  /// The state's value at t−`steps`, 1 to 64 steps. The values between are states too, which come into being here: `h_2` at
  /// t−1 is h at t−2, `h_3` at t−1 is h at t−3.
  public func earlier(_ state: CellExpression, by steps: Int) -> CellExpression {
    guard case .operation(.state(let index), _) = state.node.content, index < states.count else {
      fail(.notAState(cell: cell))
      return state
    }
    guard (1...Self.mostSteps).contains(steps) else {
      fail(
        .sizeMismatch(
          cell: cell, node: "state '\(states[index])'", expected: "a value at t−1 to t−\(Self.mostSteps)",
          found: "t−\(steps)"))
      return state
    }
    var (known, value) = (delays[index] ?? [], state)
    while known.count < steps - 1 {
      let next = self.state("\(states[index])_\(known.count + 2)", size: stateSizes[index])
      guard case .operation(.state(let own), _) = next.node.content else { return state }
      self.next(next, known.last.map { CellExpression(.state($0)) } ?? state)
      known.append(own)
    }
    delays[index] = known
    if steps > 1 { value = CellExpression(.state(known[steps - 2])) }
    return value
  }

  /// The state's value at t, which is set here or further below.
  public func next(_ state: CellExpression) -> CellExpression {
    guard case .operation(.state(let index), _) = state.node.content, index < states.count else {
      fail(.notAState(cell: cell))
      return state
    }
    return CellExpression(.next(index))
  }

  /// Sets the state's value at t and returns it.
  @discardableResult
  public func next(_ state: CellExpression, _ value: CellExpression) -> CellExpression {
    guard case .operation(.state(let index), _) = state.node.content, index < states.count else {
      fail(.notAState(cell: cell))
      return value
    }
    if next[index] != nil { fail(.assignedTwice(cell: cell, state: states[index])) }
    next[index] = value.node
    equations.append((.state(index), value.node))
    return value
  }
}

/// A matrix as a function of its operand.
public struct LinearMap: Sendable {
  let block: Block?
  let name: String
  var gate = ""

  /// The matrix times the operand.
  public func callAsFunction(_ operand: CellExpression) -> CellExpression {
    guard let block else { return CellExpression(.unknownGate(parameter: name, gate: gate)) }
    return CellExpression(.product(block), operand)
  }

  /// The matrix' transpose times the operand: [H] of a matrix [H, H], [P] of one [H, P].
  public func transposed(_ operand: CellExpression) -> CellExpression {
    guard let block else { return CellExpression(.unknownGate(parameter: name, gate: gate)) }
    return CellExpression(.transposedProduct(block), operand)
  }
}

/// The matrices of several gates: `W.i(x)` is gate i's matrix times x.
@dynamicMemberLookup
public struct LinearMaps: Sendable {
  let parameter: Int
  let name: String
  let gates: [String]

  /// The matrix of one gate.
  public subscript(dynamicMember gate: String) -> LinearMap {
    let index = gates.firstIndex(of: gate)
    return LinearMap(block: index.map { Block(parameter: parameter, gate: $0) }, name: name, gate: gate)
  }
}

/// The vectors of several gates: `b.i` is gate i's vector.
@dynamicMemberLookup
public struct Vectors: Sendable {
  let parameter: Int
  let name: String
  let gates: [String]

  /// The vector of one gate.
  public subscript(dynamicMember gate: String) -> CellExpression {
    guard let index = gates.firstIndex(of: gate) else {
      return CellExpression(.unknownGate(parameter: name, gate: gate))
    }
    return CellExpression(.vector(Block(parameter: parameter, gate: index)))
  }
}
