/// What is wrong with a picture's file.
public enum PictureError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is larger than is accepted.
  case tooManyBytes(file: String, bytes: Int, limit: Int)
  /// The file is neither JPEG nor PNG.
  case unknownKind(file: String, found: String)
  /// The picture has more pixels than are accepted.
  case tooLarge(file: String, width: Int, height: Int, limit: Int)
  /// The file is not what its format says, or ends too early.
  case damaged(file: String, reason: String)
  /// The library that reads JPEG files is not on this machine.
  case noJPEGLibrary(file: String, reason: String)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .tooManyBytes(let file, let bytes, let limit):
      "\(file): expected a picture of at most \(limit) bytes, found \(bytes)"
    case .unknownKind(let file, let found): "\(file): expected a JPEG or PNG picture, found \(found)"
    case .tooLarge(let file, let width, let height, let limit):
      "\(file): expected a picture of at most \(limit) pixels, found \(width) by \(height)"
    case .damaged(let file, let reason): "\(file): damaged picture: \(reason)"
    case .noJPEGLibrary(let file, let reason):
      "\(file): expected the library libturbojpeg, which reads JPEG pictures (Debian and Ubuntu: apt-get install "
        + "libturbojpeg0 or libturbojpeg; macOS: brew install jpeg-turbo), found none: \(reason)"
    }
  }
}
