/// What is wrong with a zip file: one case per kind of damage or attack.
public enum ZipError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file does not end with a zip's end record: it is no zip, is truncated, or has bytes after its end.
  case notZip(file: String, bytes: Int)
  /// A record is not what it should be; `byte` counts from the file's start.
  case malformed(file: String, byte: Int, expected: String, found: String)
  /// The file is a part of an archive in several parts.
  case severalParts(file: String)
  /// The file claims more entries than `ZipArchive.entryLimit`.
  case tooManyEntries(file: String, entries: UInt64, limit: Int)
  /// The list of the entries claims to be longer than `ZipArchive.directoryLimit`.
  case directoryTooLarge(file: String, bytes: UInt64, limit: Int)
  /// The list of the entries does not lie between the entries and the end record.
  case misplacedDirectory(file: String, begin: UInt64, bytes: UInt64, end: Int)
  /// Two entries have one name.
  case duplicateEntry(file: String, entry: String)
  /// The entry reaches past the last byte that can be one of an entry.
  case outOfBounds(file: String, entry: String, end: UInt64, available: Int)
  /// The entry starts before its predecessor ends.
  case overlap(file: String, entry: String, previous: String)
  /// The entry's own header names another entry than the list of the entries.
  case nameMismatch(file: String, entry: String, found: String)
  /// The entry's own header names another compression than the list of the entries.
  case methodMismatch(file: String, entry: String, expected: Int, found: Int)
  /// The entry has fewer or more bytes than it declares.
  case sizeMismatch(file: String, entry: String, expected: Int, found: Int)
  /// The entry declares more bytes than its compressed ones can give: a lie.
  case impossibleSize(file: String, entry: String, bytes: UInt64, compressed: Int)
  /// The compressed entries up to this one declare more bytes than the caller accepts.
  case tooLarge(file: String, entry: String, bytes: UInt64, limit: Int)
  /// The entry is encrypted.
  case encrypted(file: String, entry: String)
  /// The entry is compressed in a way other than deflate.
  case unsupportedMethod(file: String, entry: String, method: Int)
  /// The entry's compressed bytes are damaged; `reason` is zlib's text.
  case corrupt(file: String, entry: String, reason: String)
  /// The entry's compressed bytes end too early.
  case truncated(file: String, entry: String)
  /// Bytes follow the end of the entry's compressed ones.
  case trailingBytes(file: String, entry: String, count: Int)
  /// The CRC-32 does not fit the entry's bytes.
  case wrongChecksum(file: String, entry: String, expected: UInt32, found: UInt32)
  /// The file has no entry of this name.
  case missingEntry(file: String, entry: String)
  /// zlib could not allocate its window.
  case outOfMemory(file: String)

  /// One line naming the file and the entry, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .notZip(let file, let bytes):
      "\(file): not a zip file, or truncated: no end record at the end of its \(bytes) bytes"
    case .malformed(let file, let byte, let expected, let found):
      "\(file): byte \(byte): expected \(expected), found \(found)"
    case .severalParts(let file): "\(file): expected a zip file in one part, found one of several"
    case .tooManyEntries(let file, let entries, let limit):
      "\(file): claims \(entries) entries, at most \(limit) are accepted"
    case .directoryTooLarge(let file, let bytes, let limit):
      "\(file): the list of entries claims \(bytes) bytes, at most \(limit) are accepted"
    case .misplacedDirectory(let file, let begin, let bytes, let end):
      "\(file): the list of entries claims \(bytes) bytes from byte \(begin) on, expected it to end at byte \(end)"
    case .duplicateEntry(let file, let entry): "\(at(file, entry)): the name stands twice"
    case .outOfBounds(let file, let entry, let end, let available):
      "\(at(file, entry)): ends at byte \(end), the entries end at byte \(available)"
    case .overlap(let file, let entry, let previous):
      "\(at(file, entry)): overlaps entry '\(quotedName(previous))'"
    case .nameMismatch(let file, let entry, let found):
      "\(at(file, entry)): expected a header of this name, found '\(quotedName(found))'"
    case .methodMismatch(let file, let entry, let expected, let found):
      "\(at(file, entry)): expected a header with method \(expected), found \(found)"
    case .sizeMismatch(let file, let entry, let expected, let found):
      "\(at(file, entry)): expected \(expected) bytes, found \(found)"
    case .impossibleSize(let file, let entry, let bytes, let compressed):
      "\(at(file, entry)): claims \(bytes) bytes, which \(compressed) compressed ones can't give"
    case .tooLarge(let file, let entry, let bytes, let limit):
      "\(at(file, entry)): the compressed entries up to here claim \(bytes) bytes, at most \(limit) are accepted"
    case .encrypted(let file, let entry): "\(at(file, entry)): expected plain data, found encrypted ones"
    case .unsupportedMethod(let file, let entry, let method):
      "\(at(file, entry)): expected method 0 (stored) or 8 (deflate), found \(method)"
    case .corrupt(let file, let entry, let reason): "\(at(file, entry)): damaged compressed data: \(reason)"
    case .truncated(let file, let entry): "\(at(file, entry)): the compressed data end too early"
    case .trailingBytes(let file, let entry, let count):
      "\(at(file, entry)): \(count) bytes after the compressed data"
    case .wrongChecksum(let file, let entry, let expected, let found):
      "\(at(file, entry)): damaged: expected CRC-32 \(hexadecimal(expected)), found \(hexadecimal(found))"
    case .missingEntry(let file, let entry): "\(at(file, entry)): not in the file"
    case .outOfMemory(let file): "\(file): no memory to decompress"
    }
  }

  private func at(_ file: String, _ entry: String) -> String { "\(file): entry '\(quotedName(entry))'" }

  private func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
