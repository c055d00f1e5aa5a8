import CellgateFiles

/// Why a model can't be written as another tool's file.
public enum ExportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the system refused.
  case file(FileError)
  /// A part of the model that the format can't hold, by its name.
  case unsupported(format: String, reason: String)

  /// One line.
  public var description: String {
    switch self {
    case .file(let error): "\(error)"
    case .unsupported(let format, let reason): oneLine("\(format): \(reason)")
    }
  }
}
