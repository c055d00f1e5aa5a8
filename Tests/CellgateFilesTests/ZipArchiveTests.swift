import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Zip files")
struct ZipArchiveTests {
  /// A folder of model files as other tools write them, good and broken ones.
  private static let models = ProcessInfo.processInfo.environment["CELLGATE_MODELS"] ?? ""

  static func decode(_ base64: String) throws -> [UInt8] { Array(try #require(Data(base64Encoded: base64))) }

  private static let text = Array(String(repeating: "ha", count: 20).utf8)

  /// By Python's zipfile, dates of 1980: a.txt deflated, the folder d/, b with an extra field of a kind that is not
  /// known, and a comment at the end.
  static let commented = """
    UEsDBBQAAAAIAAAAIQAZx6XLBwAAACgAAAAFAAAAYS50eHTLSMwgCgIAUEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAACAAAA\
    ZC9QSwMEFAAAAAAAAAAhAGe6jusDAAAAAwAAAAEABgBi/soCAHh5eHl6UEsBAhQDFAAAAAgAAAAhABnHpcsHAAAAKAAAAAUA\
    AAAAAAAAAAAAAIABAAAAAGEudHh0UEsBAhQDFAAAAAAAAAAhAAAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAIABKgAAAGQvUEsB\
    AhQDFAAAAAAAAAAhAGe6jusDAAAAAwAAAAEABgAAAAAAAAAAAIABSgAAAGL+ygIAeHlQSwUGAAAAAAMAAwCYAAAAcgAAAAkA\
    YSBjb21tZW50
    """

  /// By Python's zipfile into a stream, which can't go back to a header: sizes and checksum of a.txt (deflated) and of
  /// é (stored) are 0 there and follow the bytes.
  static let streamed = """
    UEsDBBQACAAIAAAAIQAAAAAAAAAAAAAAAAAFAAAAYS50eHTLSMwgCgIAUEsHCBnHpcsHAAAAKAAAAFBLAwQUAAgIAAAAACEA\
    AAAAAAAAAAAAAAAAAgAAAMOpeHl6UEsHCGe6jusDAAAAAwAAAFBLAQIUAxQACAAIAAAAIQAZx6XLBwAAACgAAAAFAAAAAAAA\
    AAAAAACAAQAAAABhLnR4dFBLAQIUAxQACAgAAAAAIQBnuo7rAwAAAAMAAAACAAAAAAAAAAAAAACAAToAAADDqVBLBQYAAAAA\
    AgACAGMAAABtAAAAAAA=
    """

  @Test("Files of Python's zipfile are read, with comments, extra fields, folders and data descriptors")
  func python() throws {
    let commented = try ZipArchive(data: Self.decode(Self.commented), file: "f")
    #expect(commented.entries.map(\.name) == ["a.txt", "d/", "b"])
    #expect(commented.entries.map(\.method) == [8, 0, 0])
    #expect(commented.entries.map(\.size) == [40, 0, 3])
    #expect(commented.entries.map(\.compressedSize) == [7, 0, 3])
    #expect(try commented.bytes("a.txt") == Self.text)
    #expect(try commented.bytes("d/") == [])
    #expect(try commented.bytes("b") == Array("xyz".utf8))
    let streamed = try ZipArchive(data: Self.decode(Self.streamed), file: "f")
    #expect(streamed.entries.map(\.name) == ["a.txt", "é"])
    #expect(try streamed.bytes("a.txt") == Self.text)
    #expect(try streamed.bytes("é") == Array("xyz".utf8))
  }

  static func small(isCompressed: Bool = false) -> ZipArchive.Writer {
    var writer = ZipArchive.Writer()
    writer.add("é/empty", bytes: [], isCompressed: isCompressed)
    writer.add("", bytes: [7], isCompressed: isCompressed)
    writer.add("../many", bytes: [UInt8](repeating: 5, count: 3000), isCompressed: isCompressed)
    return writer
  }

  @Test("What was written is read back, from memory and from disk", arguments: [false, true])
  func roundTrip(isCompressed: Bool) throws {
    let scratch = try Scratch()
    let path = scratch.file("a.zip")
    try Self.small(isCompressed: isCompressed).write(to: path)
    let encoded = Array(Self.small(isCompressed: isCompressed).encode())
    #expect(scratch.read("a.zip") == encoded)
    #expect(encoded.count < (isCompressed ? 500 : 3500))
    for archive in [try ZipArchive(path: path), try ZipArchive(data: encoded, file: "f")] {
      #expect(archive.entries.map(\.name) == ["é/empty", "", "../many"])
      #expect(archive.entries.allSatisfy { $0.method == (isCompressed ? 8 : 0) && !$0.isEncrypted })
      #expect(try archive.bytes("é/empty") == [])
      #expect(try archive.bytes("") == [7])
      #expect(try archive.bytes("../many") == [UInt8](repeating: 5, count: 3000))
      #expect(archive["absent"] == nil)
      #expect(archive[[0x2E, 0x2E] + Array("/many".utf8)]?.size == 3000)
    }
  }

  @Test("A file of pieces larger than the buffers is read back", arguments: [false, true])
  func large(isCompressed: Bool) throws {
    var random = SplitMix(state: 3)
    let bytes = (0..<1_300_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    var writer = ZipArchive.Writer()
    writer.add("x", bytes: bytes, isCompressed: isCompressed)
    let archive = try ZipArchive(data: Array(writer.encode()), file: "f")
    #expect(archive.entries[0].compressedSize >= bytes.count)
    #expect(try archive.bytes("x") == bytes)
  }

  @Test("The bytes are the specification's: no ZIP64 where it isn't needed, dates of 1 January 1980")
  func layout() {
    var writer = ZipArchive.Writer()
    writer.add("a", bytes: [1, 2, 3])
    let sizes: [UInt8] = [0x1D, 0x80, 0xBC, 0x55, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0]
    let local: [UInt8] = [0x50, 0x4B, 3, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0] + sizes
    let central: [UInt8] = [0x50, 0x4B, 1, 2, 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0] + sizes
    let end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, 47, 0, 0, 0, 34, 0, 0, 0, 0, 0]
    let list = central + [0, 0, 0, 0, 0, 0, 0, 0, 0xA4, 0x81, 0, 0, 0, 0, 0x61]
    #expect(Array(writer.encode()) == local + [0x61, 1, 2, 3] + list + end)
    #expect(Array(ZipArchive.Writer().encode()) == end[..<8] + [UInt8](repeating: 0, count: 14))
  }

  @Test("An archive without entries is one")
  func empty() throws {
    #expect(try ZipArchive(data: Array(ZipArchive.Writer().encode()), file: "f").entries.isEmpty)
  }

  @Test(
    "ZIP64 fields are written where a size, a place or the count needs them, and read",
    arguments: [0, 1, 40, 100, 3000, 4000], [false, true])
  func zip64(largest: UInt64, isCompressed: Bool) throws {
    var writer = Self.small(isCompressed: isCompressed)
    let plain = writer.encode().count
    writer.largestField = largest
    let encoded = Array(writer.encode())
    #expect(largest == 4000 || encoded.count > plain)
    let archive = try ZipArchive(data: encoded, file: "f")
    #expect(archive.entries.map(\.size) == [0, 1, 3000])
    for (entry, size) in zip(archive.entries, [0, 1, 3000]) {
      #expect(try archive.bytes(of: entry).count == size)
    }
    var counted = Self.small(isCompressed: isCompressed)
    counted.largestCount = 3
    #expect(counted.encode().count == plain + 76)
    #expect(try ZipArchive(data: Array(counted.encode()), file: "f").entries.count == 3)
  }

  @Test("A checksum of 0 counts as none for who asks for that, as PyTorch can leave it out")
  func noChecksum() throws {
    var bytes = Array(ZipErrorTests.pair.encode())
    bytes.replaceSubrange(68 + 16..<68 + 20, with: [0, 0, 0, 0])
    let archive = try ZipArchive(data: bytes, file: "f")
    #expect(try archive.bytes("a", acceptsNoChecksum: true) == [1, 2, 3])
    #expect(throws: ZipError.self) { try archive.bytes("a") }
    bytes[68 + 16] = 1
    #expect(throws: ZipError.self) {
      try ZipArchive(data: bytes, file: "f").bytes("a", acceptsNoChecksum: true)
    }
  }

  @Test("A write that fails leaves the old file")
  func failingWrite() throws {
    let scratch = try Scratch()
    let path = try scratch.write([1], as: "a.zip")
    WriteFault.$injected.withValue({ operation, _ in operation == .write ? 28 : 0 }) {
      #expect(throws: FileError.self) { try Self.small().write(to: path) }
    }
    #expect(scratch.read("a.zip") == [1])
    #expect(scratch.names() == ["a.zip"])
  }

  @Test(
    "Models of PyTorch and Keras are read to the last entry",
    .enabled(if: !models.isEmpty, "set CELLGATE_MODELS to a folder of model files"),
    arguments: ["torch/checkpoints", "keras/classic_embedding_lstm64_dense"])
  func foreign(folder: String) throws {
    let path = Self.models + "/" + folder
    var count = 0
    for file in try FileManager.default.contentsOfDirectory(atPath: path) {
      guard let suffix = file.split(separator: ".").last, ["pt", "ckpt", "keras"].contains(suffix),
        !file.contains("legacy")
      else { continue }
      let archive = try ZipArchive(path: path + "/" + file)
      for entry in archive.entries {
        let bytes = try archive.bytes(of: entry, acceptsNoChecksum: file == "no_crc32.pt")
        #expect(bytes.count == entry.size)
      }
      count += archive.entries.count
    }
    #expect(count > 2)
  }

  @Test(
    "Broken models of PyTorch and Keras are refused",
    .enabled(if: !models.isEmpty, "set CELLGATE_MODELS to a folder of model files"),
    arguments: [
      "torch/truncated_half.pt", "torch/truncated_end.pt", "torch/truncated_1byte.pt",
      "torch/truncated_head.pt",
      "torch/bad_crc.pt", "torch/header_offset_lies.pt", "torch/encrypted_flag.pt", "torch/overlapping.pt",
      "torch/comment_lies.pt", "torch/trailing_junk.pt", "keras/truncated.keras", "keras/truncated_end.keras",
    ])
  func broken(file: String) {
    #expect(throws: ZipError.self) {
      let archive = try ZipArchive(path: Self.models + "/broken/" + file)
      for entry in archive.entries { _ = try archive.bytes(of: entry) }
    }
  }
}
