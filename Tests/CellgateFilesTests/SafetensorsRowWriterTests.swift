import CellgateTestSupport
import Testing

@testable import CellgateFiles

@Suite("Rows into safetensors files")
struct SafetensorsRowWriterTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test("What was added is in the file, in any order, and names that were not are left out")
  func written() throws {
    let path = scratch.file("rows.safetensors")
    let names = ["a.jpg", "ü \"b\"\n.png", "c", "never"]
    let writer = try Safetensors.RowWriter(path, names: names, shape: [2, 3], metadata: ["network": "x"])
    try writer.add(names[1], [1, 2, 3, 4, 5, 6])
    try writer.add(names[0], [-1, -2, -3, -4, -5, -6])
    #expect(writer.count == 2 && !scratch.names().contains("rows.safetensors"))
    try writer.add(names[2], [0, 0, 0, 0, 0, 0.5])
    try writer.finish()
    #expect(scratch.names() == ["rows.safetensors"])
    let file = try Safetensors(path: path)
    #expect(file.tensors.map(\.name) == [names[1], names[0], names[2]] && file.metadata == ["network": "x"])
    #expect(try file.floats(names[1], shape: [2, 3]) == [1, 2, 3, 4, 5, 6])
    #expect(try file.floats("a.jpg") == [-1, -2, -3, -4, -5, -6])
    #expect(try file.floats("c") == [0, 0, 0, 0, 0, 0.5])
  }

  @Test("Without an end there is no file, and an old one stays")
  func abandoned() throws {
    let path = try scratch.write([1, 2], as: "rows.safetensors")
    do {
      let writer = try Safetensors.RowWriter(path, names: ["a"], shape: [1])
      try writer.add("a", [1])
    }
    #expect(scratch.names() == ["rows.safetensors"] && scratch.read("rows.safetensors") == [1, 2])
  }

  @Test(
    "A write that fails leaves nothing",
    arguments: [WriteFault.Operation.create, .write, .sync, .rename])
  func failing(_ operation: WriteFault.Operation) throws {
    let path = scratch.file("rows.safetensors")
    WriteFault.$injected.withValue({ found, _ in found == operation ? 28 : 0 }) {
      #expect(throws: FileError.self) {
        let writer = try Safetensors.RowWriter(path, names: ["a"], shape: [1])
        try writer.add("a", [1])
        try writer.finish()
      }
    }
    #expect(scratch.names().isEmpty)
  }

  @Test("Names that need more than a header may have are refused before anything is written")
  func manyNames() throws {
    let long = String(repeating: "x", count: 200)
    let names = (0..<80_000).map { "\(long)\($0)" }
    #expect(throws: FileError.self) {
      try Safetensors.RowWriter(scratch.file("many.safetensors"), names: names, shape: [1])
    }
    #expect(scratch.names().isEmpty)
  }

  @Test("A checksum of two parts is that of the whole")
  func checksums() {
    for count in [0, 1, 9, 1000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
      var (whole, first, rest) = (CRC32(), CRC32(), CRC32())
      whole.update(bytes)
      first.update(Array(bytes.prefix(count / 3)))
      rest.update(Array(bytes.dropFirst(count / 3)))
      first.append(rest, count: count - count / 3)
      #expect(first == whole)
    }
  }
}
