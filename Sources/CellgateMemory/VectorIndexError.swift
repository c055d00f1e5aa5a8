import CellgateBasics
import CellgateFiles

/// Why a file of keys can't be read or written.
public enum VectorIndexError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is no such file, of a newer version, or damaged at a byte.
  case damaged(file: String, offset: Int, expected: String, found: String)
  /// Keys were added that don't fit, or that aren't finite.
  case badKeys(file: String, expected: String, found: String)
  /// Another program adds keys to the file.
  case inUse(file: String)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .damaged(let file, let offset, let expected, let found):
      "\(file): byte \(offset): expected \(expected), found \(found)"
    case .badKeys(let file, let expected, let found): "\(file): expected \(expected), found \(found)"
    case .inUse(let file): "\(file): another program adds keys to it"
    }
  }
}
