import Testing

@testable import CellgateFormats

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

  @Test("A last line without its end is left out", arguments: ["1", "1,2", "\"1\n"])
  func unfinished(_ rest: String) {
    #expect(CSVTable(bytes: Array(("a,b\n3,4\n" + rest).utf8)).rows == [["3", "4"]])
    #expect(CSVTable(bytes: Array(rest.utf8)).rows == [])
  }

  @Test("A file that is missing is named")
  func missing() throws {
    let error = try #require(throws: FileError.self) { try CSVTable("/nowhere/metrics.csv") }
    #expect(error.description.contains("/nowhere/metrics.csv"))
  }
}
