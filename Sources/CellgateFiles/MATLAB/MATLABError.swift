/// What is wrong with a MATLAB file.
public enum MATLABError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file doesn't begin as MATLAB files of version 5 do.
  case notMATLAB(file: String, bytes: Int)
  /// The file is of a version that is not read; `found` names it.
  case version(file: String, found: String)
  /// Something is not what it should be; `place` names the variable or element.
  case malformed(file: String, place: String, expected: String, found: String)
  /// A compressed element is damaged; `reason` is zlib's text.
  case damaged(file: String, place: String, reason: String)
  /// The file decompresses to more bytes than the caller accepts.
  case tooLarge(file: String, limit: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .notMATLAB(let file, let bytes):
      "\(file): expected a MATLAB file of version 5, found \(bytes) other bytes"
    case .version(let file, let found):
      "\(file): expected a MATLAB file of version 5, found \(found); save it in MATLAB with save -v7"
    case .malformed(let file, let place, let expected, let found):
      "\(file): \(place): expected \(expected), found \(found)"
    case .damaged(let file, let place, let reason): "\(file): \(place): damaged zlib data: \(reason)"
    case .tooLarge(let file, let limit): "\(file): decompresses to more than \(limit) bytes"
    }
  }
}
