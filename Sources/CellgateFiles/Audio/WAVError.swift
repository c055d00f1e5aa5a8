import CellgateBasics

/// What is wrong with a WAV file.
public enum WAVError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is not what its format says, or ends too early.
  case damaged(file: String, reason: String)
  /// The samples are written in another way.
  case unsupported(file: String, format: Int, bits: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .damaged(let file, let reason): "\(file): damaged WAV file: \(reason)"
    case .unsupported(let file, let format, let bits):
      "\(file): expected PCM of 8, 16, 24 or 32 bits or floating-point numbers of 32 or 64, "
        + "found format \(format) of \(bits) bits"
    }
  }
}
