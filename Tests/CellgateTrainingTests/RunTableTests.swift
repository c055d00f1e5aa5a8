import CellgateFiles
import CellgateTestSupport
import Testing

@testable import CellgateTraining

@Suite("Tables of a run")
struct RunTableTests {
  private let scratch: Scratch
  private let path: String

  init() throws {
    scratch = try Scratch()
    path = scratch.file("table.csv")
  }

  private func table(_ text: String) throws -> RunTable {
    try scratch.write(Array(text.utf8), as: "table.csv")
    return try RunTable(path, header: ["step", "value"])
  }

  @Test("Fields are read as numbers, NaN too, and as whole numbers")
  func fields() throws {
    let table = try table("step,value\n1,nan\n2,1e-3\n3")
    #expect(table.rows.count == 2)
    #expect(try table.count(0, 0) == 1)
    #expect(try table.number(0, 1).isNaN)
    #expect(try table.number(1, 1) == 0.001)
  }

  @Test("Another header, a row of other length and a field that is no number are named")
  func errors() throws {
    #expect(throws: RunError.metrics(.wrongHeader(file: path, expected: "step,value", found: "a,b"))) {
      try table("a,b\n")
    }
    func bad(_ name: String, _ expected: String, _ found: String) -> RunError {
      .badState(file: path, name: name, expected: expected, found: found)
    }
    #expect(throws: bad("row 2", "2 fields", "1")) { try table("step,value\n1,2\n1\n") }
    let whole = try table("step,value\n1,nan\n-1,x\n")
    #expect(throws: bad("row 2: step", "a whole number", "-1")) { try whole.count(1, 0) }
    #expect(throws: bad("row 2: value", "a number", "x")) { try whole.number(1, 1) }
    #expect(throws: RunError.file(.missing(file: path + "x"))) { try RunTable(path + "x", header: []) }
  }

  @Test("What a spreadsheet saved is read")
  func spreadsheet() throws {
    let table = try table("\u{FEFF}step,value\r\n1,0.5\r\n\r\n2,nan\r\n")
    #expect(table.rows == [["1", "0.5"], ["2", "nan"]])
  }

  @Test("Of a file that is continued the checkpoint's rows are read, whatever follows them")
  func extent() throws {
    try scratch.write(Array("step,value\n2,1\n4,2\n6,3\nx\n".utf8), as: "table.csv")
    func rows(_ rows: Int, most: Int) throws -> [String] {
      try RunTable(path, header: ["step", "value"], keeping: .init(rows: rows, most: most)).rows.map { $0[0] }
    }
    #expect(try rows(0, most: -1) == [])
    #expect(try rows(2, most: 5) == ["2", "4"])
    #expect(try rows(3, most: 6) == ["2", "4", "6"])
    #expect(throws: RunError.metrics(.missingRows(file: path, expected: 5, found: 4))) {
      try rows(5, most: 9)
    }
    for (count, most) in [(3, 5), (2, 6), (0, 2)] {
      #expect(throws: RunError.self) { try rows(count, most: most) }
    }
  }
}
