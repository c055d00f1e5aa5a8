import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateData
@testable import CellgateTasks

@Suite("Encodings of texts")
struct TextEncodingTests {
  private static let line = "Ein Café, früher als andere.\n"

  private func error(_ bytes: [UInt8]) throws -> TaskDataError? {
    let scratch = try Scratch()
    try scratch.write(bytes, as: "f")
    do throws(TaskDataError) {
      _ = try TextFile(scratch.path + "/f")
    } catch { return error }
    return nil
  }

  private func name(_ bytes: [UInt8]) throws -> String? {
    guard case .otherEncoding(_, _, let encoding, _)? = try error(bytes) else { return nil }
    return encoding
  }

  private func encoded(_ encoding: String.Encoding, _ text: String = line) throws -> [UInt8] {
    Array(try #require(text.data(using: encoding)))
  }

  @Test("UTF-16, UTF-32, Latin-1 and Windows-1252 are named, with or without a mark")
  func named() throws {
    #expect(try name([0xFF, 0xFE] + encoded(.utf16LittleEndian)) == "UTF-16")
    #expect(try name([0xFE, 0xFF] + encoded(.utf16BigEndian)) == "UTF-16")
    #expect(try name(encoded(.utf16LittleEndian)) == "UTF-16LE")
    #expect(try name(encoded(.utf16BigEndian)) == "UTF-16BE")
    #expect(try name([0xFF, 0xFE, 0, 0] + encoded(.utf32LittleEndian)) == "UTF-32")
    #expect(try name(encoded(.isoLatin1)) == "Latin-1")
    #expect(try name(encoded(.isoLatin1) + [0x93]) == "Windows-1252")
    let text = try #require(try error(encoded(.isoLatin1))).description
    #expect(
      text.hasSuffix(
        ": expected UTF-8 text, found other bytes at byte 7, as in Latin-1; "
          + "convert it, such as with: iconv -f LATIN1 -t UTF-8"))
  }

  @Test("A UTF-8 text that is damaged or cut off, and bytes that are no text, are no other encoding")
  func damaged() throws {
    let good = Array(Self.line.utf8)
    for bytes in [
      good + [0xE9, 0x20], Array("abc".utf8) + [0xF0, 0x9F, 0x99], [0, 1, 2, 0xFF, 0xE9, 0x41],
    ] {
      guard case .notUTF8? = try error(bytes) else {
        Issue.record("\(bytes)")
        continue
      }
    }
    #expect(try error(good) == nil)
  }

  @Test("UTF-16 that is valid UTF-8 by chance is refused for a new run, and a few NULs are not")
  func unmarked() throws {
    let scratch = try Scratch()
    func prepare(_ bytes: [UInt8]) throws(TaskDataError) -> TrainingSettings {
      do { try scratch.write(bytes, as: "f") } catch { Issue.record("\(error)") }
      return try TextTask.prepared(TextTaskTests.settings(), data: .file(scratch.path + "/f"))
    }
    let error = #expect(throws: TaskDataError.self) {
      try prepare(try self.encoded(.utf16LittleEndian, TextTaskTests.text.replacing("é", with: "e")))
    }
    #expect(error?.description.contains("as in UTF-16LE; convert it") == true)
    _ = try prepare(Array((TextTaskTests.text + "\0\0\0").utf8))
  }
}
