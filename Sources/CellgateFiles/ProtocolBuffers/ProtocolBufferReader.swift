/// Reads the fields of a protocol-buffer message in their order (https://protobuf.dev/programming-guides/encoding).
///
/// Nothing is copied: contents are parts of the bytes that are read. A message inside a message is read by a reader of its
/// own, `inside`, whose depth is bounded.
package struct ProtocolBufferReader {
  /// What a field holds, as the wire has it.
  package enum Value {
    /// A whole number, or the bits of a negative one.
    case varint(UInt64)
    /// The bits of a number of eight bytes.
    case bits64(UInt64)
    /// Bytes, a text, a message or packed numbers.
    case bytes(ArraySlice<UInt8>)
    /// The bits of a number of four bytes.
    case bits32(UInt32)
  }

  /// A field's number and what it holds.
  package struct Field {
    /// Its number.
    package let number: UInt64
    /// What it holds.
    package let value: Value
    /// Where it begins in the bytes.
    package let offset: Int
  }

  /// The most messages that lie one inside another.
  package static let deepest = 64

  private var rest: ArraySlice<UInt8>
  private let depth: Int

  /// A reader of a message that is no part of another.
  package init(_ bytes: ArraySlice<UInt8>) { self.init(bytes, depth: 1) }

  private init(_ bytes: ArraySlice<UInt8>, depth: Int) {
    rest = bytes
    self.depth = depth
  }

  /// A reader of a message in a field of this one.
  package func inside(_ bytes: ArraySlice<UInt8>) throws(ProtocolBufferError) -> ProtocolBufferReader {
    guard depth < Self.deepest else {
      throw ProtocolBufferError(
        offset: bytes.startIndex, expected: "at most \(Self.deepest) messages one inside another",
        found: "more")
    }
    return ProtocolBufferReader(bytes, depth: depth + 1)
  }

  /// The next field; nil at the end.
  package mutating func next() throws(ProtocolBufferError) -> Field? {
    guard !rest.isEmpty else { return nil }
    let offset = rest.startIndex
    let tag = try varint()
    let number = tag >> 3
    guard number > 0, number < 1 << 29 else {
      throw ProtocolBufferError(offset: offset, expected: "a field's number", found: "\(number)")
    }
    switch tag & 7 {
    case 0: return Field(number: number, value: .varint(try varint()), offset: offset)
    case 1: return Field(number: number, value: .bits64(try fixed(8)), offset: offset)
    case 2:
      let place = rest.startIndex
      let count = try varint()
      guard count <= UInt64(rest.count) else {
        throw ProtocolBufferError(
          offset: place, expected: "at most \(rest.count) bytes to the end", found: "a field of \(count)")
      }
      let content = rest.prefix(Int(count))
      rest = rest.dropFirst(Int(count))
      return Field(number: number, value: .bytes(content), offset: offset)
    case 5: return Field(number: number, value: .bits32(UInt32(try fixed(4))), offset: offset)
    default:
      throw ProtocolBufferError(offset: offset, expected: "wire type 0, 1, 2 or 5", found: "\(tag & 7)")
    }
  }

  /// Whether nothing is left.
  package var isAtEnd: Bool { rest.isEmpty }

  /// A whole number of at most ten bytes, such as packed ones that stand one after another.
  package mutating func varint() throws(ProtocolBufferError) -> UInt64 {
    let offset = rest.startIndex
    var (value, shift): (UInt64, UInt64) = (0, 0)
    while let byte = rest.popFirst() {
      // The tenth byte has room for one bit.
      if shift == 63, byte > 1 { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { break }
    }
    throw ProtocolBufferError(
      offset: offset, expected: "a number of at most ten bytes",
      found: rest.isEmpty ? "the end" : "one that goes on")
  }

  /// `count` bytes as a number, the lowest first.
  package mutating func fixed(_ count: Int) throws(ProtocolBufferError) -> UInt64 {
    guard rest.count >= count else {
      throw ProtocolBufferError(
        offset: rest.startIndex, expected: "\(count) bytes", found: "\(rest.count) to the end")
    }
    let value = rest.prefix(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(count)
    return value
  }
}

/// What is wrong with a protocol-buffer message.
package struct ProtocolBufferError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where it is in the bytes.
  package let offset: Int
  /// What was expected.
  package let expected: String
  /// What was found.
  package let found: String

  /// A mistake at a place.
  package init(offset: Int, expected: String, found: String) {
    (self.offset, self.expected, self.found) = (offset, expected, found)
  }

  /// The error in one line.
  package var description: String { oneLine("byte \(offset): expected \(expected), found \(found)") }
}
