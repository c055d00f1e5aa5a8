/// What can be wrong with an optimiser's name, settings or saved state.
public enum OptimizerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No optimiser has this name.
  case unknownName(found: String, known: [String])
  /// A buffer that the optimiser needs was not saved.
  case missingState(optimizer: String, state: String)
  /// A saved buffer does not belong to these parameters.
  case wrongCount(optimizer: String, state: String, expected: Int, found: Int)
  /// A setting is out of its range.
  case badSetting(name: String, expected: String, found: String)
  /// The saved number of updates is below zero.
  case negativeStepCount(optimizer: String, found: Int)

  /// The error in one line: where, what was expected, what was found.
  public var description: String {
    switch self {
    case .unknownName(let found, let known):
      "optimizer '\(found)' is unknown; expected one of \(known.joined(separator: ", "))"
    case .missingState(let optimizer, let state):
      "optimizer \(optimizer): the saved state has no '\(state)'"
    case .wrongCount(let optimizer, let state, let expected, let found):
      "optimizer \(optimizer): saved '\(state)' has \(found) numbers, expected \(expected)"
    case .badSetting(let name, let expected, let found):
      "\(name) is \(found), expected \(expected)"
    case .negativeStepCount(let optimizer, let found):
      "optimizer \(optimizer): saved step count is \(found), expected 0 or more"
    }
  }
}
