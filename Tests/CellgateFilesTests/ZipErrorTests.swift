import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Zip files under attack")
struct ZipErrorTests {
  /// Two stored entries of three bytes: headers at 0 and 34, the list at 68 and 115, the end record at 162, 184 bytes.
  static var pair: ZipArchive.Writer {
    var writer = ZipArchive.Writer()
    writer.add("a", bytes: [1, 2, 3])
    writer.add("b", bytes: [4, 5, 6])
    return writer
  }

  /// The pair with a ZIP64 end record at 162 and its locator at 218; the end record at 238.
  private static var pair64: ZipArchive.Writer {
    var writer = pair
    writer.largestCount = 2
    return writer
  }

  /// One deflated entry of 40 bytes, compressed to 7: data at 31, the list at 38, the end record at 85.
  private static var deflated: ZipArchive.Writer {
    var writer = ZipArchive.Writer()
    writer.add("a", bytes: Array(String(repeating: "ha", count: 20).utf8), isCompressed: true)
    return writer
  }

  /// A writer's file with some of its bytes changed.
  private static func changed(_ writer: ZipArchive.Writer, _ changes: [Int: [UInt8]]) -> [UInt8] {
    var bytes = Array(writer.encode())
    for (place, change) in changes { bytes.replaceSubrange(place..<place + change.count, with: change) }
    return bytes
  }

  /// An entry whose sizes the list at 54 leaves to a ZIP64 field at 101, of 20 bytes.
  private static var wide: ZipArchive.Writer {
    var writer = ZipArchive.Writer()
    writer.add("a", bytes: [1, 2, 3])
    writer.largestField = 2
    return writer
  }

  private static let attacks: [(String, [UInt8], ZipError)] = [
    ("empty file", [], .notZip(file: "f", bytes: 0)),
    ("no zip", [UInt8](repeating: 0x50, count: 100), .notZip(file: "f", bytes: 100)),
    ("last byte cut", Array(pair.encode().dropLast()), .notZip(file: "f", bytes: 183)),
    ("bytes after the end", Array(pair.encode()) + [0], .notZip(file: "f", bytes: 185)),
    ("comment past the end", changed(pair, [182: [1, 0]]), .notZip(file: "f", bytes: 184)),
    (
      "first bytes cut", Array(pair.encode().dropFirst(10)),
      .misplacedDirectory(file: "f", begin: 68, bytes: 94, end: 152)
    ),
    (
      "bytes before the first", [0] + Array(pair.encode()),
      .misplacedDirectory(file: "f", begin: 68, bytes: 94, end: 163)
    ),
    (
      "list longer than the file", changed(pair, [174: [0, 1, 0, 0]]),
      .misplacedDirectory(file: "f", begin: 68, bytes: 256, end: 162)
    ),
    ("second part", changed(pair, [166: [1, 0]]), .severalParts(file: "f")),
    ("list in another part", changed(pair, [168: [1, 0]]), .severalParts(file: "f")),
    ("an entry in another part", changed(pair, [170: [1, 0]]), .severalParts(file: "f")),
    ("an entry of another part", changed(pair, [68 + 34: [1, 0]]), .severalParts(file: "f")),
    ("locator in another part", changed(pair64, [222: [1, 0, 0, 0]]), .severalParts(file: "f")),
    ("locator of two parts", changed(pair64, [234: [2, 0, 0, 0]]), .severalParts(file: "f")),
    ("ZIP64 part", changed(pair64, [178: [1, 0, 0, 0]]), .severalParts(file: "f")),
    (
      "2⁶⁴−1 entries", changed(pair64, [186: [UInt8](repeating: 0xFF, count: 16)]),
      .tooManyEntries(file: "f", entries: .max, limit: 1 << 20)
    ),
    (
      "a list of 2³² bytes",
      changed(pair64, [202: [0, 0, 0, 0, 1, 0, 0, 0], 250: [0xFF, 0xFF, 0xFF, 0xFF]]),
      .directoryTooLarge(file: "f", bytes: 1 << 32, limit: 100_000_000)
    ),
    (
      "ZIP64 list elsewhere than the plain one", changed(pair64, [210: [69]]),
      .malformed(file: "f", byte: 210, expected: "68 as in the end record", found: "69")
    ),
    (
      "locator to a place past itself", changed(pair64, [226: [163]]),
      .malformed(
        file: "f", byte: 226, expected: "a ZIP64 end record before the locator", found: "one at byte 163")
    ),
    (
      "locator to another record", changed(pair64, [226: [68]]),
      .malformed(file: "f", byte: 68, expected: "a ZIP64 end record", found: "50 4b 01 02")
    ),
    (
      "ZIP64 record of another length", changed(pair64, [166: [45]]),
      .malformed(file: "f", byte: 166, expected: "a ZIP64 end record of 44 bytes", found: "45")
    ),
    (
      "more entries than the list has", changed(pair, [170: [3, 0, 3, 0]]),
      .malformed(file: "f", byte: 162, expected: "entry 3 of 3 in the list", found: "the list's end")
    ),
    (
      "fewer entries than the list has", changed(pair, [170: [1, 0, 1, 0]]),
      .malformed(file: "f", byte: 115, expected: "the list's end after 1 entries", found: "47 bytes more")
    ),
    (
      "another mark in the list", changed(pair, [117: [9]]),
      .malformed(file: "f", byte: 115, expected: "entry 2 of 2 in the list", found: "50 4b 09 02")
    ),
    (
      "name past the list's end", changed(pair, [115 + 28: [2]]),
      .malformed(
        file: "f", byte: 115, expected: "entry 2 of 2 in the list",
        found: "one that reaches past the list's end")
    ),
    (
      "extra field past its end", changed(wide, [103: [17]]),
      .malformed(file: "f", byte: 101, expected: "an extra field of at most 16 bytes", found: "17")
    ),
    (
      "full sizes without a ZIP64 field", changed(wide, [101: [2]]),
      .malformed(
        file: "f", byte: 101, expected: "a ZIP64 field with what is full for entry 'a'", found: "its end")
    ),
    (
      "ZIP64 field too short", changed(wide, [103: [8], 113: [0, 0, 4, 0]]),
      .malformed(
        file: "f", byte: 113, expected: "a ZIP64 field with what is full for entry 'a'", found: "its end")
    ),
    (
      "two ZIP64 fields", changed(wide, [103: [8], 113: [1, 0, 4, 0]]),
      .malformed(file: "f", byte: 113, expected: "one ZIP64 field", found: "a second")
    ),
    (
      "size of 2⁶⁴−1", changed(wide, [105: [UInt8](repeating: 0xFF, count: 16)]),
      .outOfBounds(file: "f", entry: "a", end: .max, available: 54)
    ),
    (
      "one name twice", changed(pair, [115 + 46: [0x61]]),
      .duplicateEntry(file: "f", entry: "a")
    ),
    (
      "header past the end", changed(pair, [68 + 42: [0, 0, 0, 0x7F]]),
      .outOfBounds(file: "f", entry: "a", end: 0x7F00_001F, available: 68)
    ),
    (
      "header in the list", changed(pair, [68 + 42: [38]]),
      .outOfBounds(file: "f", entry: "a", end: 69, available: 68)
    ),
    (
      "header inside a header", changed(pair, [68 + 42: [1]]),
      .malformed(file: "f", byte: 1, expected: "the header of entry 'a'", found: "4b 03 04 14")
    ),
    (
      "two entries of one header", changed(pair, [115 + 42: [0]]),
      .nameMismatch(file: "f", entry: "b", found: "a")
    ),
    (
      "name of another length in the header", changed(pair, [26: [0]]),
      .nameMismatch(file: "f", entry: "a", found: "")
    ),
    (
      "name with the first bytes of the data", changed(pair, [26: [3]]),
      .nameMismatch(file: "f", entry: "a", found: "a…")
    ),
    (
      "another method in the header", changed(pair, [8: [8]]),
      .methodMismatch(file: "f", entry: "a", expected: 0, found: 8)
    ),
    (
      "data past the list's begin", changed(pair, [115 + 20: [4, 0, 0, 0, 4]]),
      .outOfBounds(file: "f", entry: "b", end: 69, available: 68)
    ),
    (
      "extra field past the list's begin", changed(pair, [28: [0xFF, 0xFF]]),
      .outOfBounds(file: "f", entry: "a", end: 65569, available: 68)
    ),
    (
      "entry over the next one", changed(pair, [68 + 20: [4, 0, 0, 0, 4]]),
      .overlap(file: "f", entry: "b", previous: "a")
    ),
    (
      "stored with two sizes", changed(pair, [68 + 24: [2]]),
      .sizeMismatch(file: "f", entry: "a", expected: 2, found: 3)
    ),
    (
      "more bytes than deflate gives", changed(deflated, [38 + 24: [0x39, 0x1C]]),
      .impossibleSize(file: "f", entry: "a", bytes: 7225, compressed: 7)
    ),
    (
      "more bytes than are accepted", changed(deflated, [38 + 24: [0xE9, 3]]),
      .tooLarge(file: "f", entry: "a", bytes: 1001, limit: 1000)
    ),
    ("encrypted", changed(pair, [68 + 8: [1]]), .encrypted(file: "f", entry: "a")),
    ("strongly encrypted", changed(pair, [68 + 8: [0x40]]), .encrypted(file: "f", entry: "a")),
    ("hidden numbers", changed(pair, [68 + 9: [0x20]]), .encrypted(file: "f", entry: "a")),
    (
      "LZMA", changed(pair, [8: [14], 68 + 10: [14]]),
      .unsupportedMethod(file: "f", entry: "a", method: 14)
    ),
    (
      "another checksum", changed(pair, [68 + 16: [0x1E]]),
      .wrongChecksum(file: "f", entry: "a", expected: 0x55BC_801E, found: 0x55BC_801D)
    ),
    (
      "another byte", changed(pair, [31: [2]]),
      .wrongChecksum(file: "f", entry: "a", expected: 0x55BC_801D, found: 0x57FA_3E44)
    ),
    (
      "damaged deflate", changed(deflated, [31: [7]]),
      .corrupt(file: "f", entry: "a", reason: "invalid block type")
    ),
    (
      "deflate cut short", changed(deflated, [38 + 20: [6]]),
      .truncated(file: "f", entry: "a")
    ),
    (
      "more bytes than declared", changed(deflated, [38 + 24: [39]]),
      .sizeMismatch(file: "f", entry: "a", expected: 39, found: 40)
    ),
    (
      "fewer bytes than declared", changed(deflated, [38 + 24: [41]]),
      .sizeMismatch(file: "f", entry: "a", expected: 41, found: 40)
    ),
    (
      "deflate ends before the entry", changed(deflated, [31: [3, 0]]),
      .trailingBytes(file: "f", entry: "a", count: 5)
    ),
  ]

  @Test("Each attack is refused with its own error, from memory and from disk", arguments: attacks.map(\.0))
  func refuses(name: String) throws {
    let (_, bytes, expected) = try #require(Self.attacks.first { $0.0 == name })
    #expect(throws: expected) { try ZipArchive(data: bytes, file: "f", limit: 1000).bytes("a") }
    #expect(!expected.description.contains("\n"))
    #expect(expected.description.hasPrefix("f: "))
    let path = try Scratch.init().write(bytes, as: "f")
    #expect(throws: ZipError.self) { try ZipArchive(path: path, limit: 1000).bytes("a") }
  }

  @Test("An entry that can't be read leaves the others readable")
  func others() throws {
    let bytes = Self.changed(Self.pair, [68 + 8: [1]])
    #expect(try ZipArchive(data: bytes, file: "f").bytes("b") == [4, 5, 6])
  }

  @Test("Absent entries, entries of other archives and missing files are errors")
  func missing() throws {
    let archive = try ZipArchive(data: Array(Self.pair.encode()), file: "f")
    #expect(throws: ZipError.missingEntry(file: "f", entry: "c")) { try archive.bytes("c") }
    let other = try ZipArchive(data: Array(Self.deflated.encode()), file: "g")
    #expect(throws: ZipError.missingEntry(file: "f", entry: "a")) {
      try archive.bytes(of: #require(other["a"]))
    }
    let absent = try Scratch().file("absent")
    #expect(throws: ZipError.file(.missing(file: absent))) { try ZipArchive(path: absent) }
  }

  @Test("The limit is one of all compressed entries together; stored ones don't count")
  func limit() throws {
    let zeros = [UInt8](repeating: 0, count: 1000)
    var writer = ZipArchive.Writer()
    writer.add("stored", bytes: zeros)
    writer.add("first", bytes: zeros, isCompressed: true)
    writer.add("second", bytes: zeros, isCompressed: true)
    let bytes = Array(writer.encode())
    #expect(throws: ZipError.tooLarge(file: "f", entry: "second", bytes: 2000, limit: 1999)) {
      try ZipArchive(data: bytes, file: "f", limit: 1999)
    }
    #expect(try ZipArchive(data: bytes, file: "f", limit: 2000).bytes("second") == zeros)
    #expect(throws: ZipError.tooLarge(file: "f", entry: "first", bytes: 1000, limit: -1)) {
      try ZipArchive(data: bytes, file: "f", limit: -1)
    }
  }

  @Test("A hostile name cannot break the one-line message")
  func oneLine() {
    let name = "a\nb\u{1B}[31m\u{2028}" + String(repeating: "x", count: 10_000)
    let text = ZipError.missingEntry(file: "f", entry: name).description
    #expect(!text.contains { $0.isNewline || $0 == "\u{1B}" })
    #expect(text.count < 250)
  }

  @Test("Each truncation and each change of a byte opens or throws, and never crashes")
  func everyByte() throws {
    for writer in [Self.pair64, Self.deflated, Self.wide] {
      let valid = Array(writer.encode())
      for place in valid.indices {
        #expect(throws: ZipError.self) { try ZipArchive(data: Array(valid[..<place]), file: "f") }
        for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
          var bytes = valid
          bytes[place] = value
          Self.readAll(bytes)
        }
      }
    }
  }

  /// Reads what can be read: it must be as long as declared.
  private static func readAll(_ bytes: [UInt8]) {
    guard let archive = try? ZipArchive(data: bytes, file: "f", limit: 10_000) else { return }
    for entry in archive.entries {
      guard let content = try? archive.bytes(of: entry) else { continue }
      #expect(content.count == entry.size)
    }
  }

  @Test("Random mutations of valid files are read or throw, and never crash", arguments: 0..<4)
  func fuzz(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed))
    let files = [
      Array(Self.pair64.encode()), Array(Self.deflated.encode()), Array(Self.wide.encode()),
      try ZipArchiveTests.decode(ZipArchiveTests.streamed),
      try ZipArchiveTests.decode(ZipArchiveTests.commented),
    ]
    for _ in 0..<1000 {
      var bytes = files.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(.random(in: 0...255, using: &random), at: place)
        default:
          let end = min(bytes.count, place + Int.random(in: 1...46, using: &random))
          bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
        }
        if bytes.isEmpty { break }
      }
      Self.readAll(bytes)
    }
  }
}
