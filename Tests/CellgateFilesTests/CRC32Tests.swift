import Testing

@testable import CellgateFiles

@Suite("CRC-32")
struct CRC32Tests {
  /// The check values of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC), and of RFC 3720, appendix
  /// B.4.
  @Test("The checksums of known bytes are the published ones")
  func known() {
    let digits = Array("123456789".utf8)
    var checksum = CRC32()
    #expect(checksum.description == "00000000")
    checksum.update(digits)
    #expect(checksum.description == "cbf43926")

    #expect(CRC32C.checksum(digits) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum(0..<32) == 0x46DD_794E)
    #expect(CRC32C.checksum((0..<32).reversed()) == 0x113F_DB5C)
    #expect(CRC32C.checksum([]) == 0)
  }

  /// The second by TensorBoard 2.21's own function.
  @Test("A masked checksum is that of TensorFlow's files, which begin with the one of the length 24")
  func masked() {
    #expect(CRC32C.masked(Array("123456789".utf8)) == 0xC78A_B0E5)
    #expect(CRC32C.masked([24, 0, 0, 0, 0, 0, 0, 0]) == 0x224B_7FA3)
  }

  @Test("Bytes that come in pieces have the checksum of the whole")
  func pieces() {
    let values: [UInt32] = (0..<1000).map { $0 &* 2_654_435_761 }
    var (whole, parts) = (CRC32(), CRC32())
    whole.update(values)
    parts.update(Array(values[..<1]))
    parts.update([UInt32]())
    parts.update(Array(values[1..<700]))
    parts.update(Array(values[700...]))
    #expect(whole == parts)
    #expect(whole != CRC32())
  }
}
