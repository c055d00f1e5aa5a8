import CellgateFiles
import CellgateNN

/// Arrays that don't fit a model.
public enum ModelDataError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There are more or fewer arrays than the model has inputs or outputs.
  case wrongCount(of: String, expected: Int, found: Int)
  /// An array has a shape that the model doesn't take.
  case wrongShape(array: String, expected: String, found: [Int])
  /// A number of an array is out of its range.
  case badValue(array: String, sample: Int, expected: String, found: String)
  /// A parameter of a call is out of its range.
  case badOption(name: String, expected: String, found: String)
  /// The layers don't take the inputs.
  case model(LayerError)

  /// The error in one line: which array, what was expected, what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .wrongCount(let of, let expected, let found): "\(of): expected \(expected) arrays, found \(found)"
    case .wrongShape(let array, let expected, let found):
      "\(quotedName(array)): expected \(expected), found \(found)"
    case .badValue(let array, let sample, let expected, let found):
      "\(quotedName(array)): sample \(sample): expected \(expected), found \(found)"
    case .badOption(let name, let expected, let found): "\(name): expected \(expected), found \(found)"
    case .model(let error): error.description
    }
  }
}
