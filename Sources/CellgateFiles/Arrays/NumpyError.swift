/// What is wrong with a NumPy file: one case per kind of damage or attack. `array` is the name in an npz file, nil in an
/// npy file, which has one array without a name.
public enum NumpyError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The npz file is damaged as a zip file.
  case zip(ZipError)
  /// The gzipped npy file is damaged.
  case gzip(GzipError)
  /// The bytes do not start with NumPy's magic, or end with it.
  case notNpy(file: String, array: String?, bytes: Int)
  /// The format's version is none of 1.0, 2.0 and 3.0.
  case unsupportedVersion(file: String, array: String?, found: String)
  /// The header claims to be longer than `NumpyArray.headerLimit`.
  case headerTooLarge(file: String, array: String?, bytes: Int, limit: Int)
  /// The header claims to reach past the end of the bytes.
  case headerTruncated(file: String, array: String?, expected: Int, found: Int)
  /// The header is not the Python dictionary it should be; `byte` counts from the header's start.
  case malformedHeader(file: String, array: String?, byte: Int, expected: String, found: String)
  /// The header has one key twice.
  case duplicateKey(file: String, array: String?, key: String)
  /// The header has a key other than descr, fortran_order and shape.
  case unknownKey(file: String, array: String?, key: String)
  /// The header lacks a key.
  case missingKey(file: String, array: String?, key: String)
  /// A dimension is negative, has leading zeros, or exceeds 2⁶³−1.
  case invalidNumber(file: String, array: String?, found: String)
  /// The type is none of the whole numbers, reals and Booleans that are read.
  case unsupportedDtype(file: String, array: String?, found: String)
  /// The array has more than `NumpyArray.rankLimit` dimensions.
  case tooManyDimensions(file: String, array: String?, limit: Int)
  /// The product of the dimensions overflows.
  case shapeOverflow(file: String, array: String?, shape: [Int])
  /// Shape times size of the type is not the count of bytes after the header.
  case sizeMismatch(file: String, array: String?, expected: Int, found: Int)
  /// The number at `index` is none of the type asked for.
  case doesNotFit(file: String, array: String?, index: [Int], expected: String, found: String)
  /// The array does not have the shape asked for.
  case wrongShape(file: String, array: String?, expected: [Int], found: [Int])
  /// The array is a single number where rows are asked for.
  case noRows(file: String, array: String?)
  /// The npz file has entries, but no array.
  case noArrays(file: String)
  /// A name in the npz file is not UTF-8.
  case nameNotUTF8(file: String, array: String)
  /// Two arrays of the npz file have one name.
  case duplicateArray(file: String, array: String)
  /// The npz file has no array of this name.
  case missingArray(file: String, array: String)

  /// One line naming the file and the array, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .zip(let error): error.description
    case .gzip(let error): error.description
    case .noRows(let file, let array):
      "\(at(file, array)): expected an array with rows, found a single number"
    case .notNpy(let file, let array, let bytes):
      "\(at(file, array)): expected NumPy's magic, found \(bytes) bytes that are no npy file"
    case .unsupportedVersion(let file, let array, let found):
      "\(at(file, array)): expected npy version 1.0, 2.0 or 3.0, found \(found)"
    case .headerTooLarge(let file, let array, let bytes, let limit):
      "\(at(file, array)): the header claims \(bytes) bytes, at most \(limit) are accepted"
    case .headerTruncated(let file, let array, let expected, let found):
      "\(at(file, array)): the header claims \(expected) bytes, found \(found)"
    case .malformedHeader(let file, let array, let byte, let expected, let found):
      "\(at(file, array)): header byte \(byte): expected \(expected), found \(found)"
    case .duplicateKey(let file, let array, let key):
      "\(at(file, array)): key '\(quotedName(key))' stands twice"
    case .unknownKey(let file, let array, let key):
      "\(at(file, array)): expected descr, fortran_order and shape, found '\(quotedName(key))'"
    case .missingKey(let file, let array, let key): "\(at(file, array)): \(key) is missing"
    case .invalidNumber(let file, let array, let found):
      "\(at(file, array)): shape: expected an integer from 0 to 2^63-1, found \(quotedName(found))"
    case .unsupportedDtype(let file, let array, let found):
      "\(at(file, array)): expected dtype b1, i1 to i8, u1 to u8 or f2 to f8, found \(quotedName(found))"
    case .tooManyDimensions(let file, let array, let limit):
      "\(at(file, array)): shape: expected at most \(limit) dimensions, found more"
    case .shapeOverflow(let file, let array, let shape):
      "\(at(file, array)): shape \(brief(shape)) has more than 2^63-1 bytes"
    case .sizeMismatch(let file, let array, let expected, let found):
      "\(at(file, array)): dtype and shape need \(expected) bytes, found \(found)"
    case .doesNotFit(let file, let array, let index, let expected, let found):
      "\(at(file, array)): number at \(brief(index)): expected \(expected), found \(quotedName(found))"
    case .wrongShape(let file, let array, let expected, let found):
      "\(at(file, array)): expected shape \(brief(expected)), found \(brief(found))"
    case .noArrays(let file): "\(file): expected arrays as entries NAME.npy, found none"
    case .nameNotUTF8(let file, let array): "\(at(file, array)): expected a name in UTF-8"
    case .duplicateArray(let file, let array): "\(at(file, array)): the name stands twice"
    case .missingArray(let file, let array): "\(at(file, array)): not in the file"
    }
  }

  private func at(_ file: String, _ array: String?) -> String {
    array.map { "\(file): array '\(quotedName($0))'" } ?? file
  }

  private func brief(_ shape: [Int]) -> String {
    let shown = shape.prefix(8).map(String.init) + (shape.count > 8 ? ["… (\(shape.count) dimensions)"] : [])
    return "[" + shown.joined(separator: ", ") + "]"
  }
}
