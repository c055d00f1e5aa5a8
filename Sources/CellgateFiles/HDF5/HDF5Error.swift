/// What is wrong with an HDF5 file.
public enum HDF5Error: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file doesn't begin as HDF5 does.
  case notHDF5(file: String, bytes: Int)
  /// A structure is not what it should be; `byte` counts from the file's start.
  case malformed(file: String, byte: Int, expected: String, found: String)
  /// A structure or the numbers of a dataset reach past the end of the file.
  case outOfBounds(file: String, what: String, begin: UInt64, bytes: UInt64, available: Int)
  /// A group holds itself, or a structure leads back to itself.
  case loop(file: String, what: String)
  /// Following the file's structures takes more work, or gives more bytes, than a file of its size needs.
  case tooLarge(file: String, what: String)
  /// The file uses what this reader doesn't read, by its name.
  case unsupported(file: String, object: String, feature: String)
  /// There is no such object.
  case missing(file: String, object: String)
  /// An object, an attribute or a type is another one than was asked for.
  case wrongKind(file: String, object: String, expected: String, found: String)

  /// The name of the file.
  public var file: String {
    switch self {
    case .file(.missing(let file)), .file(.cannotOpen(let file, _)), .file(.cannotRead(let file, _)),
      .file(.cannotCreate(let file, _)), .file(.cannotWrite(let file, _)), .notHDF5(let file, _),
      .malformed(let file, _, _, _), .outOfBounds(let file, _, _, _, _), .loop(let file, _),
      .tooLarge(let file, _), .unsupported(let file, _, _), .missing(let file, _),
      .wrongKind(let file, _, _, _):
      file
    }
  }

  /// One line naming the file and the object, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .notHDF5(let file, let bytes):
      "\(file): expected an HDF5 file, which begins with \\x89HDF, found \(bytes) other bytes"
    case .malformed(let file, let byte, let expected, let found):
      "\(file): byte \(byte): expected \(expected), found \(found)"
    case .outOfBounds(let file, let what, let begin, let bytes, let available):
      "\(file): \(what): expected it within the file's \(available) bytes, found \(bytes) bytes from byte \(begin) on; the file is cut off or lies"
    case .loop(let file, let what): "\(file): \(what): expected a tree, found a loop"
    case .tooLarge(let file, let what): "\(file): \(what)"
    case .unsupported(let file, let object, let feature):
      "\(file): '\(quotedName(object))': expected what Keras writes, found \(feature), which is not read"
    case .missing(let file, let object): "\(file): expected '\(quotedName(object))', found none"
    case .wrongKind(let file, let object, let expected, let found):
      "\(file): '\(quotedName(object))': expected \(expected), found \(found)"
    }
  }
}
