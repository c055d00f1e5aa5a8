import CellgateFiles

/// Why a model can't be streamed, or a step can't be taken.
public enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The model is none that takes a step at a time.
  case badModel(expected: String, found: String)
  /// A layer takes no step at a time.
  case badLayer(layer: String, expected: String, found: String)
  /// A session is another model's, or its bytes are none.
  case badSession(expected: String, found: String)
  /// The numbers of a step don't fit the model.
  case badInput(expected: String, found: String)

  /// The error in one line: what was expected, what was found.
  public var description: String {
    switch self {
    case .badModel(let expected, let found): oneLine("model: expected \(expected), found \(found)")
    case .badLayer(let layer, let expected, let found):
      oneLine("layer \(quotedName(layer)): expected \(expected), found \(found)")
    case .badSession(let expected, let found): oneLine("session: expected \(expected), found \(found)")
    case .badInput(let expected, let found): oneLine("step: expected \(expected), found \(found)")
    }
  }
}
