import CellgateBasics

/// What is wrong with a safetensors file: one case per kind of damage or attack.
public enum SafetensorsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is shorter than the eight bytes of the header's length.
  case tooShort(file: String, bytes: Int)
  /// The header claims to be longer than `Safetensors.headerLimit`.
  case headerTooLarge(file: String, bytes: UInt64, limit: Int)
  /// The header claims to reach past the end of the file.
  case headerTruncated(file: String, expected: Int, found: Int)
  /// The header is not UTF-8.
  case notUTF8(file: String)
  /// The header is not the JSON it should be; `byte` counts from the header's start.
  case malformedHeader(file: String, byte: Int, expected: String, found: String)
  /// An object or array stands where a plain value belongs.
  case unexpectedNesting(file: String, tensor: String, byte: Int)
  /// Something other than spaces follows the header's closing brace.
  case trailingHeaderBytes(file: String, byte: Int)
  /// Two tensors have one name, or `__metadata__` stands twice.
  case duplicateTensor(file: String, tensor: String)
  /// A tensor's entry or the metadata has one key twice.
  case duplicateKey(file: String, tensor: String, key: String)
  /// A value in `__metadata__` is not a string.
  case metadataNotString(file: String, key: String)
  /// A tensor's entry has a key other than dtype, shape and data_offsets.
  case unknownKey(file: String, tensor: String, key: String)
  /// A tensor's entry lacks a key.
  case missingKey(file: String, tensor: String, key: String)
  /// A number is negative, fractional, has an exponent or leading zeros, or exceeds 2⁶³−1.
  case invalidNumber(file: String, tensor: String, key: String, found: String)
  /// `data_offsets` holds a count of numbers other than two.
  case offsetCount(file: String, tensor: String, found: Int)
  /// The product of the dimensions overflows.
  case shapeOverflow(file: String, tensor: String, shape: [Int])
  /// The end lies before the begin.
  case reversedOffsets(file: String, tensor: String, begin: Int, end: Int)
  /// The tensor reaches past the end of the file: a lie, or a truncated file.
  case outOfBounds(file: String, tensor: String, end: Int, available: Int)
  /// Numbers of less than a byte don't fill the last one.
  case partialByte(file: String, tensor: String, bytes: Int, bits: Int)
  /// Shape times size of the type is not the count of bytes.
  case sizeMismatch(file: String, tensor: String, expected: Int, found: Int)
  /// The tensor starts before its predecessor ends.
  case overlap(file: String, tensor: String, previous: String)
  /// Bytes before the tensor belong to none.
  case gap(file: String, tensor: String, expected: Int, found: Int)
  /// Bytes after the last tensor belong to none.
  case trailingBytes(file: String, count: Int)
  /// The file has no tensor of this name.
  case missingTensor(file: String, tensor: String)
  /// The tensor's numbers are not of the type asked for.
  case wrongDtype(file: String, tensor: String, expected: String, found: String)
  /// The tensor does not have the shape asked for.
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
  /// The metadata have no checksum.
  case missingChecksum(file: String)
  /// The checksum in the metadata is not that of the file.
  case wrongChecksum(file: String, expected: String, found: String)
  /// A tensor's bytes are others than when the checksum was right.
  case otherBytes(file: String, tensor: String, expected: String, found: String)

  /// One line naming the file and the tensor, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .tooShort(let file, let bytes):
      "\(file): not a safetensors file: \(bytes) bytes, expected at least 8"
    case .headerTooLarge(let file, let bytes, let limit):
      "\(file): the header claims \(bytes) bytes, at most \(limit) are accepted"
    case .headerTruncated(let file, let expected, let found):
      "\(file): the header claims \(expected) bytes, the file has \(found) after its length"
    case .notUTF8(let file): "\(file): the header is not UTF-8"
    case .malformedHeader(let file, let byte, let expected, let found):
      "\(file): header byte \(byte): expected \(expected), found \(found)"
    case .unexpectedNesting(let file, let tensor, let byte):
      "\(at(file, tensor)): header byte \(byte): expected a plain value, found an object or array"
    case .trailingHeaderBytes(let file, let byte):
      "\(file): header byte \(byte): expected only spaces after the closing brace"
    case .duplicateTensor(let file, let tensor): "\(at(file, tensor)): the name stands twice in the header"
    case .duplicateKey(let file, let tensor, let key):
      "\(at(file, tensor)): key '\(quotedName(key))' stands twice"
    case .metadataNotString(let file, let key):
      "\(file): metadata '\(quotedName(key))': expected a string"
    case .unknownKey(let file, let tensor, let key):
      "\(at(file, tensor)): expected dtype, shape and data_offsets, found '\(quotedName(key))'"
    case .missingKey(let file, let tensor, let key): "\(at(file, tensor)): \(key) is missing"
    case .invalidNumber(let file, let tensor, let key, let found):
      "\(at(file, tensor)): \(key): expected an integer from 0 to 2^63-1, found \(quotedName(found))"
    case .offsetCount(let file, let tensor, let found):
      "\(at(file, tensor)): data_offsets: expected 2 numbers, found \(found)"
    case .shapeOverflow(let file, let tensor, let shape):
      "\(at(file, tensor)): shape \(brief(shape)) has more than 2^63-1 bytes"
    case .reversedOffsets(let file, let tensor, let begin, let end):
      "\(at(file, tensor)): data_offsets end at \(end), before their begin \(begin)"
    case .outOfBounds(let file, let tensor, let end, let available):
      "\(at(file, tensor)): ends at data byte \(end), the file has \(available)"
    case .partialByte(let file, let tensor, let bytes, let bits):
      "\(at(file, tensor)): dtype and shape need \(bytes) bytes and \(bits) bits, expected whole bytes"
    case .sizeMismatch(let file, let tensor, let expected, let found):
      "\(at(file, tensor)): dtype and shape need \(expected) bytes, data_offsets give \(found)"
    case .overlap(let file, let tensor, let previous):
      "\(at(file, tensor)): overlaps tensor '\(quotedName(previous))'"
    case .gap(let file, let tensor, let expected, let found):
      "\(at(file, tensor)): expected to begin at data byte \(expected), begins at \(found)"
    case .trailingBytes(let file, let count): "\(file): \(count) bytes after the last tensor"
    case .missingTensor(let file, let tensor): "\(at(file, tensor)): not in the file"
    case .wrongDtype(let file, let tensor, let expected, let found):
      "\(at(file, tensor)): expected dtype \(expected), found \(quotedName(found))"
    case .wrongShape(let file, let tensor, let expected, let found):
      "\(at(file, tensor)): expected shape \(brief(expected)), found \(brief(found))"
    case .missingChecksum(let file): "\(file): metadata: checksum is missing"
    case .wrongChecksum(let file, let expected, let found):
      "\(file): damaged: expected checksum \(quotedName(expected)), found \(found)"
    case .otherBytes(let file, let tensor, let expected, let found):
      "\(at(file, tensor)): damaged: expected checksum \(expected), as when it was read before, found \(found)"
    }
  }

  private func at(_ file: String, _ tensor: String) -> String {
    "\(file): tensor '\(quotedName(tensor))'"
  }

  private func brief(_ shape: [Int]) -> String {
    let shown = shape.prefix(8).map(String.init) + (shape.count > 8 ? ["… (\(shape.count) dimensions)"] : [])
    return "[" + shown.joined(separator: ", ") + "]"
  }
}
