import CellgateFiles

/// Why layers don't make a model.
public enum LayerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An input of a layer has a shape that the layer doesn't take.
  case badInput(layer: String, expected: String, found: String)
  /// A layer has an option out of its range.
  case badOption(layer: String, reason: String)
  /// No layer of this kind is known.
  case unknownKind(layer: String, kind: String, known: [String])
  /// What a description says doesn't hold together.
  case badDescription(reason: String)

  /// The error in one line: which layer, what was expected, what was found.
  public var description: String {
    switch self {
    case .badInput(let layer, let expected, let found):
      oneLine("layer \(quotedName(layer)): expected \(expected), found \(found)")
    case .badOption(let layer, let reason):
      oneLine("layer \(quotedName(layer)): \(reason)")
    case .unknownKind(let layer, let kind, let known):
      oneLine(
        "layer \(quotedName(layer)): expected a kind that is known, such as "
          + "\(nearestNames(to: kind, among: known).joined(separator: ", ")), found \(quotedName(kind))")
    case .badDescription(let reason): oneLine(reason)
    }
  }
}
