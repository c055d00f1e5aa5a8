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
    let chunks = Dictionary(uniqueKeysWithValues: Self.chunks(file))
    #expect(chunks["IHDR"] == [0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0])
    #expect(chunks["IEND"] == [])
    // The same deflated bytes between a gzip header and trailer.
    #expect(try Self.isDeflated(#require(chunks["IDAT"]), [0, 0, 10, 20, 0, 30, 40, 255]))
  }

  /// The chunks of a file, whose CRCs are checked.
  private static func chunks(_ file: [UInt8]) -> [(String, [UInt8])] {
    #expect(Array(file.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    var (place, chunks): (Int, [(String, [UInt8])]) = (8, [])
    while place < file.count {
      let size = Int(number(file[place..<place + 4]))
      let body = file[(place + 4)..<(place + 8 + size)]
      #expect(number(file[(place + 8 + size)..<(place + 12 + size)]) == crc(body))
      chunks.append((String(decoding: body.prefix(4), as: UTF8.self), Array(body.dropFirst(4))))
      place += 12 + size
    }
    return chunks
  }

  /// Whether bytes are rows as zlib deflates them.
  private static func isDeflated(_ bytes: [UInt8], _ rows: [UInt8]) throws -> Bool {
    let deflated = bytes.dropFirst(2).dropLast(4)
    func little(_ value: UInt32) -> [UInt8] { [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) } }
    let member: [UInt8] =
      [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + deflated + little(crc(rows)) + little(UInt32(rows.count))
    return try Gzip.decompress(member, file: "IDAT", limit: 100) == rows
  }

  @Test("An animation has its pictures in numbered chunks, each with its time, and goes on without end")
  func animation() throws {
    let pictures: [[UInt8]] = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    let chunks = Self.chunks(PNG.animation(pictures, width: 2, milliseconds: 150))
    #expect(chunks.map(\.0) == ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "fcTL", "fdAT", "IEND"])
    #expect(chunks[1].1 == [0, 0, 0, 3, 0, 0, 0, 0])
    // Numbers of fcTL and fdAT count on; sizes, place, 150 / 1000 of a second, replaced.
    let size: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    #expect(chunks[2].1 == [0, 0, 0, 0] + size + [0, 150, 3, 232, 0, 0])
    #expect([4, 5, 6, 7].map { chunks[$0].1[3] } == [1, 2, 3, 4])
    #expect(try Self.isDeflated(chunks[3].1, [0, 1, 2, 0, 3, 4]))
    #expect(try Self.isDeflated(Array(chunks[7].1.dropFirst(4)), [0, 9, 10, 0, 11, 12]))
  }
}
