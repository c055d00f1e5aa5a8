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
    return try CSVTable(path, header: ["step", "value"])
  }

  @Test("What the writer wrote is read back, quotes, commas and line breaks too")
  func roundTrip() throws {
    let rows = [["1", "a,b"], ["2", "say \"x\""], ["3", "two\nlines"], ["", "é\"\""]]
    #expect(try table("step,value\n" + rows.map(CSVWriter.line).joined()).rows == rows)
    #expect(try table("step,value\r\n1,2\r\n").rows == [["1", "2"]])
  }

  @Test("A last line that is not finished is left out")
  func unfinished() throws {
    #expect(try table("step,value\n1,2\n3,").rows == [["1", "2"]])
    #expect(try table("step,value\n").rows.isEmpty)
  }

  @Test("Another header, a row of other length and a field that is no number are named")
  func errors() throws {
    #expect(throws: CSVError.wrongHeader(file: path, expected: "step,value", found: "a,b")) {
      try table("a,b\n")
    }
    #expect(throws: CSVError.wrongHeader(file: path, expected: "step,value", found: "")) { try table("") }
    #expect(throws: CSVError.badRow(file: path, row: 2, expected: "2 fields", found: "1")) {
      try table("step,value\n1,2\n1\n")
    }
    let whole = try table("step,value\n1,nan\n-1,x\n")
    #expect(try whole.count(0, 0) == 1)
    #expect(try whole.number(0, 1).isNaN)
    #expect(throws: CSVError.badRow(file: path, row: 2, expected: "a whole number", found: "-1")) {
      try whole.count(1, 0)
    }
    #expect(throws: CSVError.badRow(file: path, row: 2, expected: "a number", found: "x")) {
      try whole.number(1, 1)
    }
  }
}
