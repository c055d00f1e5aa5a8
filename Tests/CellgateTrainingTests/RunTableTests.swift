import CellgateFormats
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
    func bad(_ expected: String, _ found: String) -> RunError {
      .badState(file: path, name: "row 2", expected: expected, found: found)
    }
    #expect(throws: bad("2 fields", "1")) { try table("step,value\n1,2\n1\n") }
    let whole = try table("step,value\n1,nan\n-1,x\n")
    #expect(throws: bad("a whole number", "-1")) { try whole.count(1, 0) }
    #expect(throws: bad("a number", "x")) { try whole.number(1, 1) }
    #expect(throws: RunError.file(.missing(file: path + "x"))) { try RunTable(path + "x", header: []) }
  }
}
