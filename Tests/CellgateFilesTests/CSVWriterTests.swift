import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateFiles

@Suite("CSV files")
struct CSVWriterTests {
  let scratch: Scratch
  let path: String

  init() throws {
    scratch = try Scratch()
    path = scratch.file("metrics.csv")
  }

  private var content: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  @Test("Rows stand in the file as soon as they are appended")
  func appends() throws {
    let writer = try CSVWriter(creating: path, header: ["step", "loss"])
    #expect(content == "step,loss\n")
    try writer.append(["1", "0.5"])
    #expect(content == "step,loss\n1,0.5\n")
    #expect(writer.rows == 1)
  }

  @Test("Commas, quotes and line breaks are quoted as in RFC 4180")
  func quotes() {
    #expect(
      CSVWriter.line(["a,b", "say \"x\"", "two\nlines", "cr\r\nlf", "", "plain é"])
        == "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"cr\r\nlf\",,plain é\n")
  }

  @Test(
    "Continuing puts the rows of a table in place of the file's, in the form of a writer, and goes on after them"
  )
  func continues() throws {
    try Data("\u{FEFF}step,note\r\n\r\n1,\"a\nb\"\r\n2,c\r\n3,\"d\"\r\n4,half".utf8)
      .write(to: URL(fileURLWithPath: path))
    let table = try CSVTable(path, header: ["step", "note"])
    let kept = CSVTable(header: table.header, rows: Array(table.rows.prefix(2)))
    let resumed = try CSVWriter(continuing: path, as: kept)
    #expect(content == "step,note\n1,\"a\nb\"\n2,c\n")
    #expect(resumed.rows == 2)
    try resumed.append(["3", "again"])
    #expect(content == "step,note\n1,\"a\nb\"\n2,c\n3,again\n")
    #expect(resumed.rows == 3)
    _ = try CSVWriter(creating: path, header: ["step", "note"])
    #expect(content == "step,note\n")
  }

  @Test("A file that can't be replaced is left alone, and one whose folder is missing is named")
  func refuses() throws {
    try CSVWriter(creating: path, header: ["step", "loss"]).append(["1", "2"])
    let before = content
    let table = CSVTable(header: ["step", "loss"])
    WriteFault.$injected.withValue({ operation, _ in operation == .sync ? EIO : 0 }) {
      #expect(throws: CSVError.self) { try CSVWriter(continuing: path, as: table) }
    }
    #expect(content == before)
    #expect(throws: CSVError.self) { try CSVWriter(creating: scratch.file("no/x.csv"), header: ["a"]) }
  }
}
