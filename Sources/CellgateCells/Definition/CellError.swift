import CellgateFiles

/// A mistake in a cell's definition, found when the cell is built.
public enum CellError: Error, Equatable, Sendable, CustomStringConvertible {
  case noState(cell: String)
  case badName(cell: String, name: String)
  case duplicateName(cell: String, name: String)
  case stateNeverAssigned(cell: String, state: String)
  case assignedTwice(cell: String, state: String)
  case notAState(cell: String)
  case noGate(cell: String, parameter: String)
  case badConstant(cell: String, value: Double)
  case unknownGate(cell: String, parameter: String, gate: String)
  case undefinedValue(cell: String, name: String)
  case cycle(cell: String, path: [String])
  case sizeMismatch(cell: String, node: String, expected: String, found: String)
  case neverUsed(cell: String, name: String)
  case ignoresInput(cell: String)
  case tooLarge(cell: String, nodes: Int, most: Int)
  case foreignExpression(cell: String, node: String)

  /// One line: the cell, the node, what was expected and what was found.
  public var description: String { oneLine("cell '\(quotedName(cell))': \(mistake)") }

  private var cell: String {
    switch self {
    case .noState(let cell), .badName(let cell, _), .duplicateName(let cell, _),
      .stateNeverAssigned(let cell, _), .assignedTwice(let cell, _), .notAState(let cell),
      .noGate(let cell, _), .badConstant(let cell, _), .unknownGate(let cell, _, _),
      .undefinedValue(let cell, _), .cycle(let cell, _), .sizeMismatch(let cell, _, _, _),
      .neverUsed(let cell, _), .ignoresInput(let cell), .tooLarge(let cell, _, _),
      .foreignExpression(let cell, _):
      cell
    }
  }

  /// The description without the cell.
  var mistake: String {
    switch self {
    case .noState: "no state is declared; a recurrent cell needs at least one"
    case .badName(_, let name):
      "'\(quotedName(name))' is no name; expected letters, digits, '-', '_' or primes"
    case .duplicateName(_, let name): "the name '\(quotedName(name))' is used twice"
    case .stateNeverAssigned(_, let state):
      "state '\(quotedName(state))' is never assigned; expected an equation for its value at t"
    case .assignedTwice(_, let state): "state '\(quotedName(state))' is assigned twice"
    case .notAState: "next(_:_:) was given a value that is not one of the cell's states"
    case .noGate(_, let parameter): "parameter '\(quotedName(parameter))' has no gate; expected at least one"
    case .badConstant(_, let value): "constant \(value): expected a number within Float32's range"
    case .unknownGate(_, let parameter, let gate):
      "parameter '\(quotedName(parameter))' has no gate '\(quotedName(gate))'"
    case .undefinedValue(_, let name): "the value '\(quotedName(name))' is used but never defined"
    case .cycle(_, let path):
      "cycle \(Self.shortened(path)); within a step values can't depend on themselves"
    case .sizeMismatch(_, let node, let expected, let found):
      "\(quotedName(node)): expected \(expected), found \(found)"
    case .neverUsed(_, let name): "'\(quotedName(name))' is never used"
    case .ignoresInput: "no state depends on the input"
    case .tooLarge(_, let nodes, let most): "\(nodes) nodes; at most \(most) can be compiled"
    case .foreignExpression(_, let node): "\(node) belongs to another cell's builder"
    }
  }

  /// A path of names, without its middle if it is long.
  private static func shortened(_ path: [String]) -> String {
    let names = path.map { quotedName($0) }
    return (names.count > 12 ? names.prefix(6) + ["…"] + names.suffix(5) : names[...]).joined(
      separator: " → ")
  }
}
