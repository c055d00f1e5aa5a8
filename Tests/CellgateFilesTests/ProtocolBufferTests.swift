import Testing

@testable import CellgateFiles

@Suite struct ProtocolBufferTests {
  @Test func whatIsWrittenIsRead() throws {
    var inside = ProtocolBufferWriter()
    inside.add(text: "ä", field: 2)
    var writer = ProtocolBufferWriter()
    writer.add(integer: 300, field: 1)
    writer.add(integer: UInt64(bitPattern: -5), field: 1)
    writer.add(double: 0.5, field: 2)
    writer.add(float: -1, field: 3)
    writer.add(bytes: inside.bytes, field: 1 << 20)
    var reader = ProtocolBufferReader(writer.bytes[...])
    var found: [String] = []
    while let field = try reader.next() {
      switch field.value {
      case .varint(let bits): found.append("\(field.number): \(Int64(bitPattern: bits))")
      case .bits64(let bits): found.append("\(field.number): \(Double(bitPattern: bits))")
      case .bits32(let bits): found.append("\(field.number): \(Float(bitPattern: bits))")
      case .bytes(let bytes):
        var inner = try reader.inside(bytes)
        let text = try inner.next()
        if case .bytes(let letters)? = text?.value {
          found.append("\(field.number): \(String(decoding: letters, as: UTF8.self))")
        }
      }
    }
    #expect(found == ["1: 300", "1: -5", "2: 0.5", "3: -1.0", "1048576: ä"])
  }

  @Test(
    "Bytes that are no message are refused",
    arguments: [
      [0x08], [0x08, 0x80], [0x08] + [UInt8](repeating: 0xFF, count: 10), [0x12, 0x05, 0x01],
      [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x09, 1, 2, 3], [0x0D, 1], [0x0B],
      [0x00, 0x01],
    ] as [[UInt8]])
  func refused(_ bytes: [UInt8]) {
    #expect(throws: ProtocolBufferError.self) {
      var reader = ProtocolBufferReader(bytes[...])
      while try reader.next() != nil {}
    }
  }

  @Test func depthIsBounded() throws {
    func deep(_ depth: Int) throws {
      var reader = ProtocolBufferReader([][...])
      for _ in 1..<depth { reader = try reader.inside([][...]) }
    }
    try deep(ProtocolBufferReader.deepest)
    #expect(throws: ProtocolBufferError.self) { try deep(ProtocolBufferReader.deepest + 1) }
  }
}
