/// Why a pickle is not read.
package enum PickleError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It ends too early.
  case truncated(file: String, byte: Int, expected: String)
  /// Something is not what it should be at a byte, counted from the pickle's start.
  case malformed(file: String, byte: Int, expected: String, found: String)
  /// It names a class or function that is not allowed.
  case refusedGlobal(file: String, byte: Int, name: String)
  /// It has an operation that is not read.
  case refusedOperation(file: String, byte: Int, name: String)
  /// Its objects take more memory than is accepted.
  case tooLarge(file: String, byte: Int, limit: Int)

  /// One line.
  package var description: String {
    switch self {
    case .truncated(let file, let byte, let expected):
      oneLine("\(file): pickle, byte \(byte): expected \(expected), found the end")
    case .malformed(let file, let byte, let expected, let found):
      oneLine("\(file): pickle, byte \(byte): expected \(expected), found \(found)")
    case .refusedGlobal(let file, let byte, let name):
      oneLine(
        "\(file): pickle, byte \(byte): expected tensors and plain values, found \(quotedName(name)), which is not allowed"
      )
    case .refusedOperation(let file, let byte, let name):
      oneLine("\(file): pickle, byte \(byte): expected data, found the operation \(name), which is not read")
    case .tooLarge(let file, let byte, let limit):
      oneLine("\(file): pickle, byte \(byte): expected objects of at most \(limit) bytes, found more")
    }
  }
}
