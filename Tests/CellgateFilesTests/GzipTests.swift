import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Gzip")
struct GzipTests {
  private static let text = Array("the quick brown fox, the lazy dog and the fox again".utf8)

  @Test("Compressing and decompressing changes nothing", arguments: [0, 1, 1000, 300_000])
  func roundTrip(count: Int) throws {
    var random = SplitMix(state: 1)
    let bytes = (0..<count).map { _ in UInt8.random(in: 0..<20, using: &random) }
    #expect(try Gzip.decompress(Gzip.compress(bytes), file: "f", limit: count) == bytes)
  }

  @Test("Members one after the other are decompressed as one")
  func members() throws {
    let bytes = Gzip.compress(Self.text) + Gzip.compress([]) + Gzip.compress([1, 2])
    #expect(try Gzip.decompress(bytes, file: "f", limit: 1000) == Self.text + [1, 2])
  }

  @Test("Zeros after a member are padding; other bytes after them are none", arguments: [1, 512, 300_000])
  func padding(count: Int) throws {
    let zeros = [UInt8](repeating: 0, count: count)
    let member = Gzip.compress(Self.text)
    #expect(try Gzip.decompress(member + zeros, file: "f", limit: 1000) == Self.text)
    #expect(
      try Gzip.decompress(member + zeros + member + zeros, file: "f", limit: 1000) == Self.text + Self.text)
    #expect(throws: GzipError.trailingBytes(file: "f", count: count + 2)) {
      try Gzip.decompress(member + zeros + [0x1F, 7], file: "f", limit: 1000)
    }
    #expect(throws: GzipError.truncated(file: "f")) {
      try Gzip.decompress(member + zeros + member.dropLast(), file: "f", limit: 1000)
    }
  }

  @Test("Each truncation is an error", arguments: 0..<Gzip.compress(text).count)
  func truncated(count: Int) {
    let expected: GzipError = count < 2 ? .notGzip(file: "f") : .truncated(file: "f")
    #expect(throws: expected) {
      try Gzip.decompress(Array(Gzip.compress(Self.text)[..<count]), file: "f", limit: 1000)
    }
  }

  @Test("A wrong checksum, a wrong length, damage and trailing bytes are distinguished")
  func damage() {
    let good = Gzip.compress(Self.text)
    func decompress(_ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
      var bytes = good
      change(&bytes)
      return try Gzip.decompress(bytes, file: "f", limit: 1000)
    }
    #expect(throws: GzipError.wrongChecksum(file: "f")) { try decompress { $0[good.count - 8] ^= 1 } }
    #expect(throws: GzipError.wrongLength(file: "f")) { try decompress { $0[good.count - 1] ^= 1 } }
    #expect(throws: GzipError.corrupt(file: "f", reason: "invalid block type")) {
      try decompress { $0[10] |= 6 }
    }
    #expect(throws: GzipError.trailingBytes(file: "f", count: 3)) { try decompress { $0 += [0x1F, 0, 0] } }
    #expect(throws: GzipError.truncated(file: "f")) { try decompress { $0 += [0x1F, 0x8B] } }
    #expect(throws: GzipError.notGzip(file: "f")) { try decompress { $0[0] = 0 } }
  }

  @Test("A bomb stops at the limit")
  func bomb() throws {
    let bytes = Gzip.compress([UInt8](repeating: 0, count: 1_000_000))
    #expect(bytes.count < 2000)
    #expect(throws: GzipError.tooLarge(file: "f", limit: 999_999)) {
      try Gzip.decompress(bytes, file: "f", limit: 999_999)
    }
    #expect(try Gzip.decompress(bytes, file: "f", limit: 1_000_000).count == 1_000_000)
  }

  @Test("Random damage throws or decompresses, and never crashes")
  func fuzz() {
    var random = SplitMix(state: 7)
    let good = Gzip.compress(Self.text)
    for _ in 0..<2000 {
      var bytes = good
      for _ in 0..<3 {
        bytes[.random(in: 2..<good.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      let result = try? Gzip.decompress(bytes, file: "f", limit: 1000)
      #expect(result == nil || result == Self.text)
    }
  }
}
