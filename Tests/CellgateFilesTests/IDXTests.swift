import CellgateData
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("IDX files")
struct IDXTests {
  private static let dataFolder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""

  private static func file(_ dimensions: [UInt32], bytes: Int, type: UInt8 = 8) -> [UInt8] {
    [0, 0, type, UInt8(dimensions.count)]
      + dimensions.flatMap { size in (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * UInt32($0))) }
      }
      + (0..<bytes).map { UInt8(truncatingIfNeeded: $0) }
  }

  @Test("A file loads plain and gzipped, recognised by its bytes and not by its name")
  func loads() throws {
    let scratch = try Scratch()
    let content = Self.file([2, 3, 2], bytes: 12)
    let expected = try IDX.parse(content, file: "f")
    #expect(expected.dimensions == [2, 3, 2])
    #expect(expected.bytes == Array(0..<12))
    #expect(try IDX.load(scratch.write(content, as: "plain.gz"), rank: 3) == expected)
    #expect(try IDX.load(scratch.write(Gzip.compress(content), as: "packed"), rank: 3) == expected)
  }

  @Test("A name is found plain or with .gz, and both are named when neither exists")
  func lookUp() throws {
    let scratch = try Scratch()
    let tried = [scratch.file("x"), scratch.file("x.gz")]
    #expect(throws: IDXError.missing(tried: tried)) { try IDX.load(named: "x", in: scratch.path) }
    #expect(IDXError.missing(tried: tried).description == "\(tried[0]), nor \(tried[1]): no such file")
    try scratch.write(Gzip.compress(Self.file([1], bytes: 1)), as: "x.gz")
    #expect(try IDX.load(named: "x", in: scratch.path).dimensions == [1])
    try scratch.write(Self.file([2], bytes: 2), as: "x")
    #expect(try IDX.load(named: "x", in: scratch.path).dimensions == [2])
  }

  private static let damaged: [(String, [UInt8], IDXError)] = [
    ("empty", [], .truncated(file: "f", expected: 4, found: 0)),
    ("header cut", [0, 0, 8, 3, 0, 0], .truncated(file: "f", expected: 16, found: 6)),
    ("data cut", file([2, 3], bytes: 5), .truncated(file: "f", expected: 18, found: 17)),
    ("data too long", file([2, 3], bytes: 7), .trailingBytes(file: "f", expected: 18, found: 19)),
    (
      "floats", file([1], bytes: 4, type: 0x0D),
      .wrongMagic(file: "f", expected: "00000801 to 00000808", found: "00000d01")
    ),
    (
      "no dimensions", [0, 0, 8, 0],
      .wrongMagic(file: "f", expected: "00000801 to 00000808", found: "00000800")
    ),
    (
      "too many dimensions", [0, 0, 8, 200],
      .wrongMagic(file: "f", expected: "00000801 to 00000808", found: "000008c8")
    ),
    (
      "text", Array("<html>".utf8),
      .wrongMagic(file: "f", expected: "00000801 to 00000808", found: "3c68746d")
    ),
    (
      "a dimension of zero", file([0, 28], bytes: 0),
      .absurdDimensions(file: "f", dimensions: [0, 28], limit: 1 << 30)
    ),
    (
      "sizes that overflow", file([.max, .max, .max], bytes: 8),
      .absurdDimensions(file: "f", dimensions: [4_294_967_295, 4_294_967_295, 4_294_967_295], limit: 1 << 30)
    ),
    (
      "sizes that overflow to nothing", file([1 << 31, 1 << 31, 4], bytes: 0),
      .absurdDimensions(file: "f", dimensions: [1 << 31, 1 << 31, 4], limit: 1 << 30)
    ),
  ]

  @Test("Each damage is its own error", arguments: damaged.map(\.0))
  func damage(name: String) throws {
    let (_, content, expected) = try #require(Self.damaged.first { $0.0 == name })
    #expect(throws: expected) { try IDX.parse(content, file: "f") }
  }

  @Test("A file of the wrong rank, a damaged gzip and a missing file name the file")
  func wrongFile() throws {
    let scratch = try Scratch()
    #expect(throws: IDXError.wrongMagic(file: "f", expected: "00000803", found: "00000801")) {
      try IDX.parse(Self.file([3], bytes: 3), file: "f", rank: 3)
    }
    let packed = Gzip.compress(Self.file([3], bytes: 3))
    let path = try scratch.write(packed.dropLast(), as: "cut.gz")
    #expect(throws: IDXError.gzip(.truncated(file: path))) { try IDX.load(path) }
    let absent = scratch.file("absent")
    #expect(throws: IDXError.file(.missing(file: absent))) { try IDX.load(absent) }
    let bomb = try scratch.write(Gzip.compress([UInt8](repeating: 0, count: 5000)), as: "bomb.gz")
    #expect(throws: IDXError.gzip(.tooLarge(file: bomb, limit: 1036))) { try IDX.load(bomb, limit: 1000) }
  }

  @Test(
    "The real MNIST files load with their known sizes and label counts",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"))
  func realFiles() throws {
    let folder = Self.dataFolder + "/mnist"
    let images = try IDX.load(named: "t10k-images-idx3-ubyte", in: folder, rank: 3)
    #expect(images.dimensions == [10_000, 28, 28])
    let labels = try IDX.load(named: "t10k-labels-idx1-ubyte", in: folder, rank: 1)
    #expect(labels.dimensions == [10_000])
    #expect(labels.bytes.prefix(5).elementsEqual([7, 2, 1, 0, 4]))
    let counts = (0..<10).map { digit in labels.bytes.count { $0 == digit } }
    #expect(counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  }
}
