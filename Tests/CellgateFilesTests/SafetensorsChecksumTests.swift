import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Checksums of safetensors files")
struct SafetensorsChecksumTests {
  private func bytes() -> [UInt8] {
    var writer = Safetensors.Writer(metadata: ["step": "200", "note": "a \"b\"\n\u{1}ö"], checksum: true)
    writer.add("a", shape: [2, 2], floats: [1, -2.5, .pi, 0])
    writer.add("empty", shape: [0], floats: [])
    writer.add("b", shape: [3], int64s: [1, 2, 3])
    writer.add("c", dtype: .bf16, shape: [1], bytes: [7, 8])
    return Array(writer.encode())
  }

  @Test("A file that is whole has its checksum, on the disk and in memory")
  func whole() throws {
    let scratch = try Scratch()
    try Safetensors(data: bytes(), file: "f").verifyChecksum()
    let path = try scratch.write(bytes(), as: "f")
    let file = try Safetensors(path: path)
    try file.verifyChecksum()
    #expect(file.metadata["checksum"]?.hasPrefix("crc32:") == true)
  }

  @Test("Any bit that changes is noticed, in the numbers, the names or the metadata")
  func everyBit() throws {
    let whole = bytes()
    for bit in 0..<8 * whole.count {
      var damaged = whole
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: SafetensorsError.self, "bit \(bit)") {
        try Safetensors(data: damaged, file: "f").verifyChecksum()
      }
    }
  }

  @Test("A damaged number is reported with both checksums, and a file without one as such")
  func errors() throws {
    var damaged = bytes()
    damaged[damaged.count - 1] ^= 1
    let error = #expect(throws: SafetensorsError.self) {
      try Safetensors(data: damaged, file: "f").verifyChecksum()
    }
    guard case .wrongChecksum("f", let expected, let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(expected != found)
    #expect(error?.description == "f: damaged: expected checksum \(expected), found \(found)")
    let plain = Array(Safetensors.Writer(metadata: ["a": "b"]).encode())
    #expect(throws: SafetensorsError.missingChecksum(file: "f")) {
      try Safetensors(data: plain, file: "f").verifyChecksum()
    }
  }

  @Test("A tensor whose bytes are others when it is read than when the checksum was right is refused")
  func otherBytes() throws {
    let scratch = try Scratch()
    let path = try scratch.write(bytes(), as: "f")
    let file = try Safetensors(path: path).verified()
    let last = try #require(file.tensors.last { !$0.bytes.isEmpty })
    let numbers = try file.bytes(last.name)
    var damaged = bytes()
    damaged[damaged.count - 1] ^= 1
    // The same file, not another one of its name.
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.write(contentsOf: damaged)
    try handle.close()
    #expect(try Safetensors(path: path).bytes(last.name) != numbers)
    let error = #expect(throws: SafetensorsError.self) { try file.bytes(last.name) }
    #expect(
      error?.description.hasPrefix("\(path): tensor '\(last.name)': damaged: expected checksum crc32:")
        == true)
    for tensor in file.tensors where tensor.name != last.name { _ = try file.bytes(tensor.name) }
  }
}
