/// What is wrong with JSON.
public enum JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// A gzipped file is damaged.
  case gzip(GzipError)
  /// Something else stands at a byte, counted from 0, than the grammar or the caller expects; `place` is the value that it
  /// belongs to, such as `images[3].sentences[0].raw`, and empty at the top.
  case unexpected(file: String, offset: Int, place: String, expected: String, found: String)
  /// The text ends within a value.
  case truncated(file: String, bytes: Int, place: String)
  /// Values are in one another deeper than is read.
  case tooDeep(file: String, offset: Int, limit: Int)

  /// One line naming the file and the place, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .gzip(let error): error.description
    case .unexpected(let file, let offset, let place, let expected, let found):
      "\(file): byte \(offset)\(Self.shown(place)): expected \(expected), found \(found)"
    case .truncated(let file, let bytes, let place):
      "\(file): the JSON ends too early, at byte \(bytes)\(Self.shown(place)); the file is cut off"
    case .tooDeep(let file, let offset, let limit):
      "\(file): byte \(offset): expected at most \(limit) values in one another, found more"
    }
  }

  private static func shown(_ place: String) -> String { place.isEmpty ? "" : ", \(quotedName(place))" }
}
