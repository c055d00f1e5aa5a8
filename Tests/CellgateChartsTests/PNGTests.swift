import Testing

@testable import CellgateCharts
@testable import CellgateFiles

@Suite("PNG")
struct PNGTests {
  /// The CRC of RFC 2083 bit by bit.
  private static func crc(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1
      }
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  @Test("A picture's chunks have their CRCs, its size, and its rows each after a filter")
  func picture() throws {
    let pixels: [UInt8] = [0, 10, 20, 30, 40, 255]
    let file = PNG.grey(pixels, width: 3)
    #expect(Array(file.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    var (place, chunks): (Int, [String: [UInt8]]) = (8, [:])
    while place < file.count {
      let size = Int(Self.number(file[place..<place + 4]))
      let body = file[(place + 4)..<(place + 8 + size)]
      #expect(Self.number(file[(place + 8 + size)..<(place + 12 + size)]) == Self.crc(body))
      chunks[String(decoding: body.prefix(4), as: UTF8.self)] = Array(body.dropFirst(4))
      place += 12 + size
    }
    #expect(chunks["IHDR"] == [0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0])
    #expect(chunks["IEND"] == [])
    // The same deflated bytes between a gzip header and trailer.
    let rows: [UInt8] = [0, 0, 10, 20, 0, 30, 40, 255]
    let deflated = try #require(chunks["IDAT"]).dropFirst(2).dropLast(4)
    func little(_ value: UInt32) -> [UInt8] { [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) } }
    let member: [UInt8] =
      [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + deflated + little(Self.crc(rows)) + little(UInt32(rows.count))
    #expect(try Gzip.decompress(member, file: "IDAT", limit: 100) == rows)
  }
}
