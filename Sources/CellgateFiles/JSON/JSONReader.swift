/// Reads JSON from its beginning to its end, a value at a time, so that a file may be larger than memory.
///
///     var reader = try JSONReader(path: "captions.json")
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///       if key == "images" { … } else { try reader.skip() }
///     }
///     try reader.end()
///
/// The grammar is that of RFC 8259 and nothing more: no comments, no NaN. Texts that have another value after the first
/// one, as JSON Lines have, are read with `nextValue`. A file that begins as gzip is unpacked into memory first, into at most
/// `limit` bytes. An escape of half a character outside the basic plane reads as U+FFFD.
///
/// Source: https://www.rfc-editor.org/rfc/rfc8259
package struct JSONReader {
  /// What kind of value comes.
  package enum Kind: String, Sendable {
    case object = "an object"
    case array = "an array"
    case string = "a string"
    case number = "a number"
    case bool = "true or false"
    case null
  }

  /// The most values in one another.
  static let depthLimit = 512
  /// The most bytes of a number or a word such as true.
  static let wordLimit = 400
  /// The most bytes that a gzipped file may unpack to by default: 4 GiB.
  package static let unpackedLimit = 1 << 32

  /// The name used in errors.
  package let file: String
  private let source: ByteSource
  private var buffer: [UInt8] = []
  /// The next byte in the buffer, and where the buffer begins in the file.
  private var position = 0, base = 0
  private var frames: [Frame] = []

  /// An object or array that has begun and not ended.
  private struct Frame {
    let isObject: Bool
    /// Members that have begun.
    var count = 0
    /// The last member's key.
    var key = ""
  }

  /// Opens a file; throws what the system or gzip refuses.
  package init(path: String, limit: Int = unpackedLimit) throws(JSONError) {
    let opened: InputFile
    var bytes: [UInt8] = []
    do throws(FileError) {
      opened = try InputFile(path)
      bytes = try opened.read(at: 0, count: min(2, opened.size))
      if Gzip.isGzip(bytes) { bytes = try opened.readAll() }
    } catch { throw .file(error) }
    guard Gzip.isGzip(bytes) else {
      self.init(.disk(opened), file: path)
      return
    }
    do throws(GzipError) {
      bytes = try Gzip.decompress(bytes, file: path, limit: limit)
    } catch { throw .gzip(error) }
    self.init(.memory(bytes), file: path)
  }

  /// Reads JSON that lies in memory; `file` is its name in errors.
  package init(data: [UInt8], file: String) { self.init(.memory(data), file: file) }

  private init(_ source: ByteSource, file: String) { (self.source, self.file) = (source, file) }

  // MARK: Values

  /// Whether the text begins as an object or an array of objects does; false for one that may be no JSON. Nothing is read.
  package mutating func startsAsJSON() throws(JSONError) -> Bool {
    guard let first = try byteAfterSpace() else { return false }
    let next = buffer[(position + 1)...].first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    switch first {
    case UInt8(ascii: "{"): return next == nil || next == UInt8(ascii: "\"") || next == UInt8(ascii: "}")
    case UInt8(ascii: "["): return next == nil || next == UInt8(ascii: "{") || next == UInt8(ascii: "]")
    default: return false
    }
  }

  /// The kind of the value that comes, which stays unread.
  package mutating func kind() throws(JSONError) -> Kind {
    guard let byte = try byteAfterSpace() else { throw truncated }
    switch byte {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: throw unexpected("a value")
    }
  }

  /// Begins an object, whose members `nextKey` gives.
  package mutating func beginObject() throws(JSONError) { try begin(.object) }

  /// Begins an array, whose elements `nextElement` announces.
  package mutating func beginArray() throws(JSONError) { try begin(.array) }

  private mutating func begin(_ kind: Kind) throws(JSONError) {
    try require(kind)
    guard frames.count < Self.depthLimit else {
      throw .tooDeep(file: file, offset: base + position, limit: Self.depthLimit)
    }
    position += 1
    frames.append(Frame(isObject: kind == .object))
  }

  /// The key of the object's next member, whose value must be read or skipped; nil at the object's end, which is read.
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try nextMember(closing: UInt8(ascii: "}")) else { return nil }
    guard try byteAfterSpace() == UInt8(ascii: "\"") else { throw try found("a key, a string") }
    let key = try string()
    guard try byteAfterSpace() == UInt8(ascii: ":") else { throw try found("':' after the key") }
    position += 1
    frames[frames.count - 1].key = key
    return key
  }

  /// Whether the array has another element, which must be read or skipped; false at its end, which is read.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try nextMember(closing: UInt8(ascii: "]"))
  }

  private mutating func nextMember(closing: UInt8) throws(JSONError) -> Bool {
    let byte = try byteAfterSpace()
    if byte == closing {
      position += 1
      frames.removeLast()
      return false
    }
    if frames[frames.count - 1].count > 0 {
      guard byte == UInt8(ascii: ",") else {
        throw try found("',' or '\(Unicode.Scalar(closing))'")
      }
      position += 1
      guard try byteAfterSpace() != closing else { throw unexpected("another member after ','") }
    }
    frames[frames.count - 1].count += 1
    return true
  }

  /// Reads a string.
  package mutating func string() throws(JSONError) -> String {
    try require(.string)
    let start = base + position
    position += 1
    var bytes: [UInt8] = []
    while true {
      // All until a quotation mark, a backslash or the buffer's end at once.
      let from = position
      while position < buffer.count, buffer[position] != UInt8(ascii: "\""),
        buffer[position] != UInt8(ascii: "\\"), buffer[position] >= 0x20
      {
        position += 1
      }
      bytes += buffer[from..<position]
      if position == buffer.count {
        guard try fill() else { throw truncated }
        continue
      }
      switch buffer[position] {
      case UInt8(ascii: "\""):
        position += 1
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw .unexpected(
            file: file, offset: start, place: place, expected: "a string in UTF-8", found: "other bytes")
        }
        return text
      case UInt8(ascii: "\\"):
        position += 1
        bytes += try escape()
      default: throw unexpected("a string without control characters")
      }
    }
  }

  /// Reads a number.
  package mutating func number() throws(JSONError) -> Double {
    let start = base + position
    let text = try numberText()
    guard let value = Double(text), value.isFinite else {
      throw .unexpected(
        file: file, offset: start, place: place, expected: "a number that Double holds", found: text)
    }
    return value
  }

  /// Reads a number as it is written.
  package mutating func numberText() throws(JSONError) -> String {
    try require(.number)
    let start = base + position
    let text = try word()
    guard Self.isNumber(text.utf8) else {
      throw .unexpected(
        file: file, offset: start, place: place, expected: "a number", found: "'\(quotedName(text))'")
    }
    return text
  }

  /// Whether a word is a number: digits without a zero in front, perhaps a sign, a fraction and an exponent.
  private static func isNumber(_ word: String.UTF8View) -> Bool {
    var rest = word[...]
    func digits() -> Int {
      let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    func takes(_ marks: String) -> Bool {
      guard let first = rest.first, marks.utf8.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = takes("-")
    if !takes("0"), digits() == 0 { return false }
    if takes("."), digits() == 0 { return false }
    if takes("eE") {
      _ = takes("-+")
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }

  /// Reads true or false.
  package mutating func bool() throws(JSONError) -> Bool {
    try require(.bool)
    return try literal() == "true"
  }

  /// Reads true, false or null.
  private mutating func literal() throws(JSONError) -> String {
    let start = base + position
    let text = try word()
    guard ["true", "false", "null"].contains(text) else {
      throw .unexpected(
        file: file, offset: start, place: place, expected: "a value", found: "'\(quotedName(text))'")
    }
    return text
  }

  /// Reads a value and forgets it.
  package mutating func skip() throws(JSONError) {
    let depth = frames.count
    repeat {
      switch frames.count > depth ? try memberKind() : try kind() {
      case .object?: try beginObject()
      case .array?: try beginArray()
      case .string?: _ = try string()
      case .number?: _ = try numberText()
      case .bool?, .null?: _ = try literal()
      case nil: break
      }
    } while frames.count > depth
  }

  /// The kind of the next member's value; nil at the end of the object or array.
  private mutating func memberKind() throws(JSONError) -> Kind? {
    if frames[frames.count - 1].isObject {
      guard try nextKey() != nil else { return nil }
    } else {
      guard try nextElement() else { return nil }
    }
    return try kind()
  }

  /// Whether there is another value after those at the top that have been read, as in JSON Lines.
  package mutating func nextValue() throws(JSONError) -> Bool { try byteAfterSpace() != nil }

  /// Throws unless only white space is left.
  package mutating func end() throws(JSONError) {
    guard try byteAfterSpace() == nil else { throw unexpected("the end of the file") }
  }

  /// An error that something else was expected of the value that comes, or that was just read.
  package func error(expected: String, found: String) -> JSONError {
    .unexpected(file: file, offset: base + position, place: place, expected: expected, found: found)
  }

  // MARK: Bytes

  private func require(_ kind: Kind, _ found: Kind) throws(JSONError) {
    guard found == kind else { throw error(expected: kind.rawValue, found: found.rawValue) }
  }

  private mutating func require(_ kind: Kind) throws(JSONError) { try require(kind, try self.kind()) }

  /// Takes the next piece of the file; false at its end.
  private mutating func fill() throws(JSONError) -> Bool {
    base += buffer.count
    let count = min(source.size - base, 1 << 20)
    position = 0
    guard count > 0 else {
      buffer = []
      return false
    }
    do throws(FileError) {
      buffer = try source.read(at: base, count: count)
    } catch { throw .file(error) }
    return true
  }

  /// The next byte, which stays unread; nil at the end.
  private mutating func peek() throws(JSONError) -> UInt8? {
    if position == buffer.count {
      let isStart = base == 0 && buffer.isEmpty
      guard try fill() else { return nil }
      // The byte-order mark that some programs put before a text.
      if isStart, buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
      if position == buffer.count { return try peek() }
    }
    return buffer[position]
  }

  /// The next byte that is no white space; nil at the end.
  private mutating func byteAfterSpace() throws(JSONError) -> UInt8? {
    while let byte = try peek() {
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
      position += 1
    }
    return nil
  }

  /// A number, or letters.
  private mutating func word() throws(JSONError) -> String {
    var bytes: [UInt8] = []
    while let byte = try peek() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
        UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        bytes.append(byte)
        position += 1
      default: return String(decoding: bytes, as: UTF8.self)
      }
      guard bytes.count <= Self.wordLimit else {
        throw error(expected: "a value of at most \(Self.wordLimit) characters", found: "more")
      }
    }
    // Only a number at the top may end with the text.
    guard frames.isEmpty else { throw truncated }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The bytes of an escaped character, whose backslash is read.
  private mutating func escape() throws(JSONError) -> [UInt8] {
    guard let byte = try peek() else { throw truncated }
    let plain: [UInt8: UInt8] = [
      UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
      UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
      UInt8(ascii: "n"): 10,
      UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
    ]
    if let character = plain[byte] {
      position += 1
      return [character]
    }
    guard byte == UInt8(ascii: "u") else { throw unexpected("an escape such as \\n or \\u00e9") }
    position += 1
    var units = [try hexadecimal()]
    // The second half of a pair follows at once.
    while UTF16.isLeadSurrogate(units[units.count - 1]), try peek() == UInt8(ascii: "\\") {
      position += 1
      guard try peek() == UInt8(ascii: "u") else {
        return Array(String(decoding: units, as: UTF16.self).utf8) + (try escape())
      }
      position += 1
      units.append(try hexadecimal())
    }
    return Array(String(decoding: units, as: UTF16.self).utf8)
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = try peek() else { throw truncated }
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw unexpected("four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  // MARK: Errors

  private var place: String {
    var text = ""
    for frame in frames where frame.count > 0 {
      text += frame.isObject ? (text.isEmpty ? "" : ".") + frame.key : "[\(frame.count - 1)]"
    }
    return text
  }

  private var truncated: JSONError { .truncated(file: file, bytes: base + position, place: place) }

  /// The error at the next byte: that the text ends, or that it is another one.
  private mutating func found(_ expected: String) throws(JSONError) -> JSONError {
    try peek() == nil ? truncated : unexpected(expected)
  }

  private func unexpected(_ expected: String) -> JSONError {
    let byte = buffer[position]
    let shown = (0x20..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
    return error(expected: expected, found: shown)
  }
}
