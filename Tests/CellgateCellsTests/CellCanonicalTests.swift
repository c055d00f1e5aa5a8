import Testing

@testable import CellgateCells

@Suite("Canonical text of cells")
struct CellCanonicalTests {
  private func cell(
    _ name: String = "mine", value: String = "a", bias: String = "bias", swapped: Bool = false
  ) throws -> Cell {
    try Cell(name) { cell in
      let x = cell.input, h = cell.state("h")
      let W = cell.matrix("weight_ih"), U = cell.matrix("weight_hh"), b = cell.vector(bias)
      let a = cell.define(value, swapped ? U(h) + W(x) : W(x) + U(h))
      cell.next(h, tanh(a + b))
    }
  }

  @Test("Names of the cell and of its values change nothing; equations and parameters do")
  func names() throws {
    let text = try cell().canonicalText
    #expect(try cell("other", value: "sum").canonicalText == text)
    #expect(try cell(swapped: true).canonicalText != text)
    #expect(try cell(bias: "b").canonicalText != text)
    #expect(
      text == """
        parameter weight_ih input \n\
        parameter weight_hh hidden \n\
        parameter bias vector \n\
        0 input
        1 product:weight_ih. 0
        2 state0
        3 product:weight_hh. 2
        4 add 1 3
        5 vector:bias.
        6 add 4 5
        7 tanh 6
        next 7

        """)
  }

  @Test("No two of the cells there are have the same text")
  func differ() {
    #expect(Set(Cell.allAndOdd.map(\.canonicalText)).count == Cell.allAndOdd.count)
  }
}
