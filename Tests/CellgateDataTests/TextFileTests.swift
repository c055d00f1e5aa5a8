import CellgateFiles
import CellgateTestSupport
import CellgateTraining
import Testing

@testable import CellgateData

@Suite("Text files")
struct TextFileTests {
  @Test("A UTF-8 text is read as it is, gzipped or not")
  func reads() throws {
    let scratch = try Scratch()
    let text = "\u{FEFF}Zeile\r\nnaïve\n\t🙂\0"
    let bytes = Array(text.utf8)
    try scratch.write(bytes, as: "plain.txt")
    try scratch.write(Gzip.compress(bytes), as: "packed.gz")
    let plain = try TextFile(scratch.path + "/plain.txt")
    #expect(plain.scalars.elementsEqual(text.unicodeScalars))
    #expect(plain.hasMark && plain.text.elementsEqual(text.unicodeScalars.dropFirst()))
    #expect(plain.sha256 == SHA256.hex(bytes))
    #expect(try TextFile(scratch.path + "/packed.gz").scalars.elementsEqual(plain.scalars))
  }

  @Test(
    "Bytes that are no UTF-8 are reported by the first one that is wrong",
    arguments: [
      ([0x61, 0xFF], 1), ([0xC3], 0), ([0x61, 0xC3, 0xA9, 0xC3, 0x28], 3), ([0xED, 0xA0, 0x80], 0),
      ([0xC0, 0x80], 0),
      ([0x61, 0x62, 0xF0, 0x9F, 0x99], 2),
    ] as [([UInt8], Int)])
  func notUTF8(bytes: [UInt8], offset: Int) {
    #expect(throws: TaskDataError.notUTF8(file: "f", offset: offset)) {
      try TextFile.text(bytes, file: "f")
    }
  }

  @Test("A folder, a missing file and a damaged gzip file are named")
  func wrong() throws {
    let scratch = try Scratch()
    #expect(throws: TaskDataError.folder(path: scratch.path)) { try TextFile(scratch.path) }
    let none = scratch.path + "/none"
    #expect(throws: TaskDataError.file(.missing(file: none))) { try TextFile(none) }
    try scratch.write(Array(Gzip.compress(Array("abc".utf8)).dropLast(4)), as: "cut.gz")
    let cut = scratch.path + "/cut.gz"
    #expect(throws: TaskDataError.gzip(.truncated(file: cut))) { try TextFile(cut) }
  }
}
