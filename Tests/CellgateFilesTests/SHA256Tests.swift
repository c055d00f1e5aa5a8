import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("SHA-256")
struct SHA256Tests {
  @Test(
    "NIST's example messages have the published digests",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
          + "mnopqrstnopqrstu", "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
      ),
      (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      ),
    ])
  func vectors(message: String, digest: String) {
    #expect(SHA256.hex(Array(message.utf8)) == digest)
  }

  @Test(
    "A message in pieces of any length has the digest of the whole", arguments: [1, 3, 63, 64, 65, 127, 200])
  func pieces(length: Int) {
    let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var hash = SHA256()
    for start in stride(from: 0, to: message.count, by: length) {
      hash.update(Array(message[start..<min(start + length, message.count)]))
    }
    #expect(hash.finish() == SHA256.hex(message))
  }

  @Test("A file has the digest of its bytes")
  func file() throws {
    let scratch = try Scratch()
    let message = [UInt8](repeating: 9, count: (1 << 20) + 77)
    #expect(try SHA256.hex(ofFile: try scratch.write(message, as: "m")) == SHA256.hex(message))
    let absent = scratch.file("absent")
    #expect(throws: FileError.missing(file: absent)) { try SHA256.hex(ofFile: absent) }
  }
}
