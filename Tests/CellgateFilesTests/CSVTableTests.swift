import CellgateTestSupport
import Testing

@testable import CellgateFiles

@Suite("CSV tables")
struct CSVTableTests {
  @Test("What a writer wrote is read back, whatever stands in its fields")
  func roundTrip() {
    let rows = [["a,b", "say \"x\"", ""], ["", "\"", "two\nlines"], ["plain é", "\"\"", "cr\rlf"]]
    let text = CSVWriter.line(["one", "two", "three"]) + rows.map(CSVWriter.line).joined()
    let table = CSVTable(bytes: Array(text.utf8))
    #expect(table.header == ["one", "two", "three"])
    #expect(table.rows == rows)
  }

  @Test("Lines may end with a carriage return and a line feed")
  func carriageReturns() {
    let table = CSVTable(bytes: Array("a,b\r\n1,2\r\n".utf8))
    #expect(table.header == ["a", "b"])
    #expect(table.rows == [["1", "2"]])
  }

  @Test(
    "What a spreadsheet saves is the same table: a byte-order mark, other line ends, lines with nothing on them"
  )
  func spreadsheet() {
    let table = CSVTable(header: ["a", "b"], rows: [["1", "2"], ["", ""], ["cr\r", "\r\n"]])
    let texts = [
      "\u{FEFF}a,b\n1,2\n,\n\"cr\r\",\"\r\n\"\n", "a,b\r\n1,2\r\n,\r\n\"cr\r\",\"\r\n\"\r\n",
      "\n\r\na,b\n\n1,2\n\r\n,\n\"cr\r\",\"\r\n\"\n\n\n",
    ]
    for text in texts { #expect(CSVTable(bytes: Array(text.utf8)) == table, "\(text.debugDescription)") }
  }

  @Test("A row of one empty field is not a line with nothing on it")
  func emptyField() {
    let text = CSVWriter.line(["a"]) + CSVWriter.line([""]) + CSVWriter.line(["1"])
    #expect(CSVTable(bytes: Array(text.utf8)).rows == [[""], ["1"]])
  }

  @Test("A last line without its end is left out", arguments: ["1", "1,2", "\"1\n"])
  func unfinished(_ rest: String) {
    #expect(CSVTable(bytes: Array(("a,b\n3,4\n" + rest).utf8)).rows == [["3", "4"]])
    #expect(CSVTable(bytes: Array(rest.utf8)).rows == [])
  }

  @Test("A file with another header is named, with both")
  func header() throws {
    let path = try Scratch().write(Array("step;loss\n".utf8), as: "metrics.csv")
    #expect(throws: CSVError.self) { try CSVTable(path, header: ["step", "loss"]) }
  }

  @Test("A file that is missing is named")
  func missing() throws {
    let error = try #require(throws: FileError.self) { try CSVTable("/nowhere/metrics.csv") }
    #expect(error.description.contains("/nowhere/metrics.csv"))
    #expect(throws: CSVError.file(error)) { try CSVTable("/nowhere/metrics.csv", header: ["a"]) }
  }
}
