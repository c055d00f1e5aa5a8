/// The few protocol-buffer messages of an event file, and their framing as TFRecords.
enum TensorBoardEvent {
  /// The first entry of a file.
  static func fileVersion(time: Double) -> [UInt8] {
    var event = ProtocolBuffer()
    event.add(double: time, field: 1)
    event.add(bytes: Array("brain.Event:2".utf8), field: 3)
    return event.bytes
  }

  /// Says that `step` is the next one: what was there before from this step on no longer counts.
  static func start(step: Int, time: Double) -> [UInt8] {
    var session = ProtocolBuffer()
    session.add(integer: 1, field: 1)  // SessionLog.START
    return event(step: step, time: time, field: 7, session)
  }

  /// A summary of values by tag.
  static func scalars(_ scalars: [(tag: String, value: Double)], step: Int, time: Double) -> [UInt8] {
    var summary = ProtocolBuffer()
    for (tag, number) in scalars {
      var value = ProtocolBuffer()
      value.add(bytes: Array(tag.utf8), field: 1)
      value.add(float: Float(number), field: 2)
      summary.add(bytes: value.bytes, field: 1)
    }
    return event(step: step, time: time, field: 5, summary)
  }

  private static func event(step: Int, time: Double, field: UInt64, _ content: ProtocolBuffer) -> [UInt8] {
    var event = ProtocolBuffer()
    event.add(double: time, field: 1)
    event.add(integer: UInt64(step), field: 2)
    event.add(bytes: content.bytes, field: field)
    return event.bytes
  }

  /// The bytes of a record: length, its checksum, the data, their checksum; all little-endian.
  static func record(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(data.count))
    return length + littleEndian(CRC32C.masked(length)) + data + littleEndian(CRC32C.masked(data))
  }
}

/// A protocol-buffer message that is put together field by field
/// (https://protobuf.dev/programming-guides/encoding).
private struct ProtocolBuffer {
  private(set) var bytes: [UInt8] = []

  mutating func add(integer: UInt64, field: UInt64) {
    varint(field << 3)
    varint(integer)
  }

  mutating func add(double: Double, field: UInt64) {
    varint(field << 3 | 1)
    bytes += littleEndian(double.bitPattern)
  }

  mutating func add(bytes content: [UInt8], field: UInt64) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func add(float: Float, field: UInt64) {
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
