/// A protocol-buffer message that is put together field by field
/// (https://protobuf.dev/programming-guides/encoding).
package struct ProtocolBufferWriter {
  /// The message so far.
  package private(set) var bytes: [UInt8] = []

  /// An empty message.
  package init() {}

  /// A whole number; a negative one as its bits.
  package mutating func add(integer: UInt64, field: UInt64) {
    varint(field << 3)
    varint(integer)
  }

  /// A number of eight bytes.
  package mutating func add(double: Double, field: UInt64) {
    varint(field << 3 | 1)
    bytes += littleEndian(double.bitPattern)
  }

  /// Bytes, a text's UTF-8 or a message.
  package mutating func add(bytes content: [UInt8], field: UInt64) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  /// A text as UTF-8.
  package mutating func add(text: String, field: UInt64) { add(bytes: Array(text.utf8), field: field) }

  /// A number of four bytes.
  package mutating func add(float: Float, field: UInt64) {
    varint(field << 3 | 5)
    bytes += littleEndian(float.bitPattern)
  }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
