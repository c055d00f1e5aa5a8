import CellgateBasics

/// What is wrong with a Y4M file.
public enum Y4MError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is not what its header says, or ends too early.
  case damaged(file: String, reason: String)
  /// Its colours are written in another way.
  case unsupported(file: String, colours: String)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .damaged(let file, let reason): "\(file): damaged Y4M file: \(reason)"
    case .unsupported(let file, let colours):
      "\(file): expected 8-bit C420, C422, C444 or Cmono, found C\(quotedName(colours))"
    }
  }
}
