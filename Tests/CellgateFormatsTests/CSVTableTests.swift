import Foundation
import Testing

@testable import CellgateFormats

@Suite("CSV tables")
struct CSVTableTests {
  private let scratch: Scratch
  private let path: String

  init() throws {
    scratch = try Scratch()
    path = scratch.file("table.csv")
  }

  private func table(_ text: String) throws -> CSVTable {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try CSVTable(path)
  }

  @Test("What the writer wrote is read back, quotes, commas and line breaks too")
  func roundTrip() throws {
    let rows = [["1", "a,b"], ["2", "say \"x\""], ["3", "two\nlines"], ["", "é\"\""]]
    #expect(try table("step,value\n" + rows.map(CSVWriter.line).joined()).rows == rows)
    #expect(try table("step,value\n").header == ["step", "value"])
    #expect(try table("step,value\r\n1,2\r\n").rows == [["1", "2"]])
  }

  @Test("A last line that is not finished is left out")
  func unfinished() throws {
    #expect(try table("step,value\n1,2\n3,").rows == [["1", "2"]])
    #expect(try table("step,val").header.isEmpty)
  }
}
