import Foundation
import Testing

@testable import CellgateFormats

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

  @Test("Continuing keeps the rows told and cuts off later ones, quoted line breaks and half lines included")
  func continues() throws {
    let writer = try CSVWriter(creating: path, header: ["step", "note"])
    try writer.append(["1", "a\nb"])
    try writer.append(["2", "c"])
    try writer.append(["3", "\"d\"\n"])
    try Data((content + "4,half").utf8).write(to: URL(fileURLWithPath: path))
    let resumed = try CSVWriter(continuing: path, header: ["step", "note"], keeping: 2)
    #expect(content == "step,note\n1,\"a\nb\"\n2,c\n")
    try resumed.append(["3", "again"])
    #expect(content == "step,note\n1,\"a\nb\"\n2,c\n3,again\n")
    #expect(resumed.rows == 3)
    _ = try CSVWriter(continuing: path, header: ["step", "note"], keeping: 0)
    #expect(content == "step,note\n")
  }

  @Test("A file with another header or too few rows is refused and left alone")
  func refuses() throws {
    try CSVWriter(creating: path, header: ["step", "loss"]).append(["1", "2"])
    let before = content
    #expect(throws: CSVError.wrongHeader(file: path, expected: "step,accuracy", found: "step,loss")) {
      try CSVWriter(continuing: path, header: ["step", "accuracy"], keeping: 0)
    }
    #expect(throws: CSVError.missingRows(file: path, expected: 2, found: 1)) {
      try CSVWriter(continuing: path, header: ["step", "loss"], keeping: 2)
    }
    #expect(content == before)
    let absent = scratch.file("absent.csv")
    #expect(throws: CSVError.file(.missing(file: absent))) {
      try CSVWriter(continuing: absent, header: ["step"], keeping: 0)
    }
    #expect(throws: CSVError.self) { try CSVWriter(creating: scratch.file("no/x.csv"), header: ["a"]) }
  }
}
