import CellgateTestSupport
import Testing

@testable import CellgateFiles

@Suite("Tables of the user's own")
struct DataTableTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func table(
    _ text: String, as name: String = "a.csv", options: DataTable.Options = .init()
  ) throws -> DataTable { try DataTable(scratch.write(Array(text.utf8), as: name), options: options) }

  private func failure(_ text: String, as name: String = "a.csv") throws -> String {
    let path = try scratch.write(Array(text.utf8), as: name)
    return try #require(throws: TableError.self) { try DataTable(path) }.description.replacing(
      path, with: name)
  }

  @Test(
    "The same table in the forms that programs write",
    arguments: [
      "id,text,x\n7,\"a, \"\"b\"\"\nc\",1.5\n007,é,\n",
      "\u{FEFF}id;text;x\r\n7;\"a, \"\"b\"\"\nc\";1,5\r\n007;é;N/A",
      "id\ttext\tx\n7\t\"a, \"\"b\"\"\nc\"\t1.5\n\n007\té\tnan\n",
      "{\"id\": 7, \"text\": \"a, \\\"b\\\"\\nc\", \"x\": 1.5}\n{\"id\": \"007\", \"text\": \"é\"}\n",
    ])
  func forms(_ text: String) throws {
    for name in ["a.csv", "a.txt"] {
      let table = try table(text, as: name)
      #expect(table.columns.map(\.name) == ["id", "text", "x"])
      #expect(table.rows == 2)
      #expect(try table.column("text")[0] == "a, \"b\"\nc")
      #expect(try table.column("id")[1] == "007")
      #expect(try table.numbers("id") == [7, 7])
      let x = try table.numbers("x")
      #expect(x[0] == 1.5 && x[1].isNaN)
      #expect(try table.column("x").missing == 1)
      #expect(try table.column("x")[1] == nil)
      #expect(try table.column("text").kind == .texts)
    }
  }

  @Test("A gzipped table is the same one")
  func gzip() throws {
    let path = try scratch.write(Gzip.compress(Array("a,b\n1,2\n3,4\n".utf8)), as: "a.csv.gz")
    #expect(try DataTable(path).numbers("b") == [2, 4])
  }

  @Test("Lines are counted with those inside quotes and those with nothing on them")
  func lines() throws { #expect(try table("a,b\n\n\"x\ny\",1\nz,2").lines == [3, 5]) }

  @Test("A first row with numbers, repeated values or a long text is no header")
  func header() throws {
    #expect(try table("1\t2.5\n2\t3.5\n", as: "a.tsv").columns.map(\.name) == ["1", "2"])
    let texts = try table("ham\t\"Hi\" she said\nspam\tWin 5\" now\nham\tok\n", as: "a.tsv")
    #expect(texts.rows == 3)
    #expect(try texts.column("2")[0] == "\"Hi\" she said")
    #expect(try table("1,2\n3,4\n", options: .init(hasHeader: true)).columns.map(\.name) == ["1", "2"])
    #expect(try table("a,b\nc,d\n", options: .init(hasHeader: false)).rows == 2)
  }

  @Test(
    "Numbers are exact",
    arguments: [
      "0.1", "-12345.678", "1e-7", "123456789012345678", "+3.", ".5", "-inf", "2.2250738585072014e-308",
    ])
  func numbers(_ text: String) {
    #expect(
      TableColumn.number(Array(" \(text) ".utf8)[...], hasDecimalComma: false)
        == Double(text == "+3." ? "3" : text == ".5" ? "0.5" : text))
  }

  @Test("What is no number", arguments: ["", "-", ".", "1,5", "0x10", "1.2.3", "nan(1)", "12a"])
  func noNumbers(_ text: String) {
    #expect(TableColumn.number(Array(text.utf8)[...], hasDecimalComma: false) == nil)
  }

  @Test("What is wrong is one line that names the file, the line and the column")
  func errors() throws {
    #expect(try failure("a,b\n1,2\n3\n") == "a.csv: line 3: expected 2 fields as in the first line, found 1")
    #expect(
      try failure("a,b\n1,2\n3,4,5\n") == "a.csv: line 3: expected 2 fields as in the first line, found 3")
    #expect(
      try failure("a,b\n1,\"2\n3,4\n")
        == "a.csv: line 2, column 2: expected the quote that opens here to close, found the end of the file")
    #expect(
      try failure("a,b\n1,\"2\"x\n")
        == "a.csv: line 2, column 2: expected a delimiter after the closing quote, found 'x'")
    #expect(try failure("a,b\n1,\0\n") == "a.csv: line 2: expected UTF-8 text, found a zero byte")
    #expect(try failure("a,b\n") == "a.csv: expected rows of a table, found a header alone")
    #expect(try failure("") == "a.csv: expected rows of a table, found nothing")
    #expect(try failure("a,a\n1,2\n") == "a.csv: expected columns of different names, found two 'a'")
    #expect(try failure("{\"a\": [1]}\n").contains("expected a number or a string, found an array"))
    let path = try scratch.write([0x61, 0x2C, 0x62, 0x0A, 0xE9, 0x2C, 0x31, 0x0A], as: "latin.csv")
    #expect(throws: TableError.self) { try DataTable(path) }
    let wrong = try table("a,b\n1,2\n\"1,5\",3\n")
    let error = try #require(throws: TableError.self) { try wrong.numbers("a") }
    #expect(error.description.hasSuffix("a.csv: line 3, column 'a': expected a number, found '1,5'"))
    let none = try #require(throws: TableError.self) { try wrong.column("c") }
    #expect(none.description.hasSuffix("a.csv: expected a column 'c', found 'a'; 'b'"))
  }
}
