/// The few protocol-buffer messages of an event file, and their framing as TFRecords.
enum TensorBoardEvent {
  /// The first entry of a file.
  static func fileVersion(time: Double) -> [UInt8] {
    var event = ProtocolBufferWriter()
    event.add(double: time, field: 1)
    event.add(bytes: Array("brain.Event:2".utf8), field: 3)
    return event.bytes
  }

  /// Says that `step` is the next one: what was there before from this step on no longer counts.
  static func start(step: Int, time: Double) -> [UInt8] {
    var session = ProtocolBufferWriter()
    session.add(integer: 1, field: 1)  // SessionLog.START
    return event(step: step, time: time, field: 7, session)
  }

  /// A summary of values by tag.
  static func scalars(_ scalars: [(tag: String, value: Double)], step: Int, time: Double) -> [UInt8] {
    var summary = ProtocolBufferWriter()
    for (tag, number) in scalars {
      var value = ProtocolBufferWriter()
      value.add(bytes: Array(tag.utf8), field: 1)
      value.add(float: Float(number), field: 2)
      summary.add(bytes: value.bytes, field: 1)
    }
    return event(step: step, time: time, field: 5, summary)
  }

  private static func event(step: Int, time: Double, field: UInt64, _ content: ProtocolBufferWriter)
    -> [UInt8]
  {
    var event = ProtocolBufferWriter()
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
