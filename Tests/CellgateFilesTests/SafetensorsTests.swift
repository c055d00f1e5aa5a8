import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("Safetensors")
struct SafetensorsTests {
  static func small() -> Safetensors.Writer {
    var writer = Safetensors.Writer(metadata: ["z": "last", "cell": "lstm-wm \"ü\"\n\u{1}"])
    writer.add("w", shape: [2, 3], floats: [1, -2, .infinity, 0.5, -0.0, .leastNonzeroMagnitude])
    writer.add("empty", shape: [0, 4], floats: [])
    writer.add("scalar", shape: [], doubles: [.pi])
    writer.add("n", shape: [2], int64s: [.min, 7])
    writer.add("flag", dtype: .bool, shape: [3], bytes: [1, 0, 1])
    return writer
  }

  @Test("What was written is read back bit for bit, from memory and from disk")
  func roundTrip() throws {
    let scratch = try Scratch()
    let path = scratch.file("a.safetensors")
    try Self.small().write(to: path)
    let fromDisk = try Safetensors(path: path)
    let fromMemory = try Safetensors(data: Array(Self.small().encode()), file: "memory")
    for file in [fromDisk, fromMemory] {
      #expect(file.metadata == ["z": "last", "cell": "lstm-wm \"ü\"\n\u{1}"])
      #expect(file.tensors.map(\.name) == ["w", "empty", "scalar", "n", "flag"])
      let w = try file.floats("w", shape: [2, 3])
      #expect(
        w.map(\.bitPattern) == [Float(1), -2, .infinity, 0.5, -0.0, .leastNonzeroMagnitude].map(\.bitPattern))
      #expect(try file.floats("empty").isEmpty)
      #expect(try file.doubles("scalar", shape: []) == [.pi])
      #expect(try file.doubles("w") == w.map(Double.init))
      #expect(try file.int64s("n") == [.min, 7])
      #expect(try file.bytes("flag") == [1, 0, 1])
      #expect(file["absent"] == nil)
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Self.small().encode())
  }

  @Test("The header is the one of the specification: sorted metadata, given order, padded to eight bytes")
  func layout() {
    var writer = Safetensors.Writer(metadata: ["b": "2", "a": "1"])
    writer.add("x", shape: [1], floats: [1])
    let json =
      #"{"__metadata__":{"a":"1","b":"2"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    let padded = json + String(repeating: " ", count: (8 - json.utf8.count % 8) % 8)
    let expected = [UInt8(padded.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(padded.utf8) + [0, 0, 0x80, 0x3F]
    #expect(Array(writer.encode()) == expected)
  }

  @Test("An I32 tensor widens to Int64")
  func widening() throws {
    var writer = Safetensors.Writer()
    writer.add("n", dtype: .i32, shape: [2], bytes: [0xFF, 0xFF, 0xFF, 0xFF, 5, 0, 0, 0])
    let file = try Safetensors(data: Array(writer.encode()), file: "f")
    #expect(try file.int64s("n") == [-1, 5])
  }

  @Test(
    "A tensor of another type leaves the others readable; asked for, it is refused by name, and its bytes are given",
    arguments: [("F8_E4M3", 6), ("C64", 48), ("F4", 3), ("F6_E3M2", 6), ("F8_E8M0", 6), ("MX\u{1B}\"9", 5)])
  func otherTypes(_ dtype: String, _ size: Int) throws {
    let count = dtype == "F6_E3M2" ? 8 : 6
    let name = dtype.replacing("\"", with: "\\\"").replacing("\u{1B}", with: "\\u001b")
    let header =
      #"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"\#(name)","shape":[\#(count)],"#
      + #""data_offsets":[8,\#(8 + size)]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    let last = (0..<UInt8(size)).map { $0 }
    let file = try Safetensors(
      data: length + Array(header.utf8) + [0, 0, 128, 63, 0, 0, 0, 64] + last, file: "f")
    #expect(try file.floats("b") == [1, 2])
    #expect(try file.bytes("w") == last)
    #expect(throws: SafetensorsError.wrongDtype(file: "f", tensor: "w", expected: "F32", found: dtype)) {
      try file.floats("w", shape: [count])
    }
    let error = try #require(throws: SafetensorsError.self) { try file.doubles("w") }
    #expect(!error.description.unicodeScalars.contains("\u{1B}"))
  }

  @Test("A wrong name, dtype or shape names the tensor, what was expected and what was found")
  func wrongAccess() throws {
    let file = try Safetensors(data: Array(Self.small().encode()), file: "f")
    #expect(throws: SafetensorsError.missingTensor(file: "f", tensor: "v")) { try file.floats("v") }
    #expect(throws: SafetensorsError.wrongShape(file: "f", tensor: "w", expected: [3, 2], found: [2, 3])) {
      try file.floats("w", shape: [3, 2])
    }
    #expect(throws: SafetensorsError.wrongDtype(file: "f", tensor: "scalar", expected: "F32", found: "F64")) {
      try file.floats("scalar")
    }
    #expect(
      throws: SafetensorsError.wrongDtype(file: "f", tensor: "n", expected: "F64 or F32", found: "I64")
    ) { try file.doubles("n") }
    let error = SafetensorsError.wrongShape(file: "f", tensor: "w", expected: [3, 2], found: [2, 3])
    #expect(error.description == "f: tensor 'w': expected shape [3, 2], found [2, 3]")
  }

  @Test("A file that shrinks after it was opened is an error, not a crash")
  func shrinks() throws {
    let scratch = try Scratch()
    let bytes = Array(Self.small().encode())
    let path = try scratch.write(bytes, as: "a.safetensors")
    let file = try Safetensors(path: path)
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: UInt64(bytes.count - 40))
    #expect(throws: SafetensorsError.self) { try file.int64s("n") }
  }

  @Test("A missing file and a folder are errors that name the path")
  func missing() throws {
    let scratch = try Scratch()
    let path = scratch.file("no.safetensors")
    #expect(throws: SafetensorsError.file(.missing(file: path))) { try Safetensors(path: path) }
    #expect(throws: SafetensorsError.file(.cannotOpen(file: scratch.path, reason: "is a folder"))) {
      try Safetensors(path: scratch.path)
    }
  }

  @Test("A shape that does not fit its values, and a name used twice, stop the program")
  func preconditions() async {
    await #expect(processExitsWith: .failure) {
      var writer = Safetensors.Writer()
      writer.add("x", shape: [3], floats: [1])
    }
    await #expect(processExitsWith: .failure) {
      var writer = Safetensors.Writer()
      writer.add("x", shape: [1], floats: [1])
      writer.add("x", shape: [1], floats: [1])
    }
  }
}
