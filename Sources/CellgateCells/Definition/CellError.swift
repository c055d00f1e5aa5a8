/// A mistake in a cell's definition, found when the cell is built.
public enum CellError: Error, Equatable, Sendable, CustomStringConvertible {
  case noState(cell: String)
  case badName(cell: String, name: String)
  case duplicateName(cell: String, name: String)
  case stateNeverAssigned(cell: String, state: String)
  case assignedTwice(cell: String, state: String)
  case notAState(cell: String)
  case unknownGate(cell: String, parameter: String, gate: String)
  case undefinedValue(cell: String, name: String)
  case cycle(cell: String, path: [String])
  case sizeMismatch(cell: String, node: String, expected: String, found: String)
  case neverUsed(cell: String, name: String)
  case ignoresInput(cell: String)
  case tooLarge(cell: String, nodes: Int, most: Int)
  case foreignExpression(cell: String, node: String)

  /// One line: the cell, the node, what was expected and what was found.
  public var description: String {
    switch self {
    case .noState(let cell):
      "cell '\(cell)': no state is declared; a recurrent cell needs at least one"
    case .badName(let cell, let name):
      "cell '\(cell)': '\(name)' is no name; expected letters, digits, '-', '_' or primes"
    case .duplicateName(let cell, let name):
      "cell '\(cell)': the name '\(name)' is used twice"
    case .stateNeverAssigned(let cell, let state):
      "cell '\(cell)': state '\(state)' is never assigned; call next(\(state), …)"
    case .assignedTwice(let cell, let state):
      "cell '\(cell)': state '\(state)' is assigned twice"
    case .notAState(let cell):
      "cell '\(cell)': next(_:_:) was given a value that is not one of the cell's states"
    case .unknownGate(let cell, let parameter, let gate):
      "cell '\(cell)': parameter '\(parameter)' has no gate '\(gate)'"
    case .undefinedValue(let cell, let name):
      "cell '\(cell)': the value '\(name)' is used but never defined"
    case .cycle(let cell, let path):
      "cell '\(cell)': cycle \(path.joined(separator: " → ")); within a step values can't depend on themselves"
    case .sizeMismatch(let cell, let node, let expected, let found):
      "cell '\(cell)': \(node): expected \(expected), found \(found)"
    case .neverUsed(let cell, let name):
      "cell '\(cell)': '\(name)' is never used"
    case .ignoresInput(let cell):
      "cell '\(cell)': no state depends on the input"
    case .tooLarge(let cell, let nodes, let most):
      "cell '\(cell)': \(nodes) nodes; at most \(most) can be compiled"
    case .foreignExpression(let cell, let node):
      "cell '\(cell)': \(node) belongs to another cell's builder"
    }
  }
}
