import CellgateCells
import Testing

@Suite("Definitions of cells")
struct CellDefinitionTests {
  private func error(_ equations: @escaping (CellBuilder) -> Void) -> CellError? {
    do throws(CellError) {
      _ = try Cell("test", equations: equations)
      return nil
    } catch { return error }
  }

  @Test("A cell in ten lines is complete")
  func minimal() throws {
    let cell = try Cell("mine") { cell in
      let x = cell.input, h = cell.state("h")
      let W = cell.matrix("weight_ih"), U = cell.matrix("weight_hh"), b = cell.vector("bias")
      cell.next(h, tanh(W(x) + U(h) + b))
    }
    #expect(cell.equations() == Cell.rnnTanh.equations())
    #expect(cell.parameterCount(inputSize: 2, hiddenSize: 3) == 6 + 9 + 3)
  }

  @Test("A cell without states is refused")
  func noState() { #expect(error { _ in } == .noState(cell: "test")) }

  @Test("A state that is never assigned is named")
  func neverAssigned() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      _ = cell.state("c")
      cell.next(h, W(cell.input))
    }
    #expect(found == .stateNeverAssigned(cell: "test", state: "c"))
  }

  @Test("A state that is assigned twice is named")
  func assignedTwice() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      cell.next(h, W(cell.input))
      cell.next(h, W(cell.input))
    }
    #expect(found == .assignedTwice(cell: "test", state: "h"))
  }

  @Test("A cycle is shown as a path")
  func cycle() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      let a = cell.define("a", W(cell.input) + cell.value("b"))
      _ = cell.define("b", a * 2)
      cell.next(h, a)
    }
    #expect(found == .cycle(cell: "test", path: ["a", "b", "a"]))
    #expect(found?.description.contains("a → b → a") == true)
  }

  @Test("A value may be used before it is defined")
  func forwardReference() throws {
    let cell = try Cell("test") { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      cell.next(h, cell.value("a") * 2)
      _ = cell.define("a", W(cell.input))
    }
    #expect(cell.equations().count == 2)
  }

  @Test("An undefined value is named")
  func undefined() {
    let found = error { cell in cell.next(cell.state("h"), cell.value("a")) }
    #expect(found == .undefinedValue(cell: "test", name: "a"))
  }

  @Test("The input can't be added to a state")
  func sizes() {
    let found = error { cell in
      let h = cell.state("h")
      cell.next(h, h + cell.input)
    }
    guard case .sizeMismatch(_, let node, let expected, let message) = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(node == "an operand of add" && expected == "hidden size H" && message.contains("input"))
  }

  @Test("Values of two sizes can't be added, nor be a state of the other size")
  func twoSizes() {
    let sum = error { cell in
      let h = cell.state("h"), p = cell.state("p", size: .projection), W = cell.matrix("w")
      cell.next(p, p * 2)
      cell.next(h, W(cell.input) + p)
    }
    #expect(
      sum?.description
        == "cell 'test': an operand of add: expected hidden size H, found projection size P")
    let state = error { cell in
      let h = cell.state("h"), W = cell.matrix("w", rows: .projection)
      cell.next(h, W(cell.input))
    }
    #expect(
      state?.description
        == "cell 'test': next value of state 'h': expected hidden size H, found projection size P")
  }

  @Test("Nothing has the input's size but the input")
  func inputSize() {
    let state = error { cell in cell.next(cell.state("h", size: .input), 1) }
    #expect(
      state?.description
        == "cell 'test': state 'h': expected hidden size H or projection size P, found input size I")
    let vector = error { cell in cell.next(cell.state("h"), cell.vector("k", size: .input)) }
    #expect(vector?.description.contains("parameter 'k'") == true)
  }

  @Test("Shapes and counts follow the sizes, and P is H where none is given")
  func projection() {
    let cell = Cell.projected
    #expect(cell.hasProjection && !Cell.lstm.hasProjection)
    #expect(cell.stateSizes == [.projection, .hidden])
    let shapes = cell.parameters.map { $0.shape(inputSize: 3, hiddenSize: 8, projectionSize: 2) }
    #expect(shapes == [[32, 3], [32, 2], [2, 8], [32]])
    #expect(cell.parameterCount(inputSize: 3, hiddenSize: 8, projectionSize: 2) == 96 + 64 + 16 + 32)
    #expect(cell.multiplyAdds(inputSize: 3, hiddenSize: 8, projectionSize: 2) == 96 + 64 + 16)
    #expect(cell.parameterCount(inputSize: 3, hiddenSize: 8) == 96 + 256 + 64 + 32)
  }

  @Test("The input can't be a state's next value")
  func inputAsState() {
    let found = error { cell in cell.next(cell.state("h"), cell.input) }
    #expect(found?.description.contains("next value of state 'h'") == true)
  }

  @Test("Gates of one parameter read operands of one size")
  func mixedOperands() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrices("w", gates: "a", "b")
      cell.next(h, W.a(cell.input) + W.b(h))
    }
    #expect(found?.description.contains("parameter 'w'") == true)
  }

  @Test("A matrix can't read a vector of parameters")
  func matrixOfVector() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w"), V = cell.matrix("v"), k = cell.vector("k")
      cell.next(h, W(cell.input) + V(k))
    }
    let expected = "the input, a state or a value"
    #expect(
      found
        == .sizeMismatch(
          cell: "test", node: "operand of 'v'", expected: expected, found: "a vector of parameters"))
  }

  @Test("A matrix can't read a constant")
  func matrixOfConstant() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      cell.next(h, W(1))
    }
    #expect(found?.description.contains("operand of 'w'") == true)
  }

  @Test("An unknown gate is named")
  func unknownGate() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrices("w", gates: "a")
      cell.next(h, W.z(cell.input))
    }
    #expect(found == .unknownGate(cell: "test", parameter: "w", gate: "z"))
  }

  @Test("Names are unique, and names")
  func names() {
    #expect(
      error { cell in _ = (cell.state("h"), cell.state("h")) } == .duplicateName(cell: "test", name: "h"))
    #expect(
      error { cell in _ = cell.matrices("w", gates: "a", "a") } == .duplicateName(cell: "test", name: "w.a"))
    let twice = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      cell.next(h, cell.define("a", W(cell.input)) + cell.define("a", h))
    }
    #expect(twice == .duplicateName(cell: "test", name: "a"))
    #expect(error { cell in _ = cell.state("a b") } == .badName(cell: "test", name: "a b"))
    do throws(CellError) {
      _ = try Cell("a,b") { cell in cell.next(cell.state("h"), cell.matrix("w")(cell.input)) }
      Issue.record("a comma in a name was accepted")
    } catch { #expect(error == .badName(cell: "a,b", name: "a,b")) }
  }

  @Test("What is declared and never used is named")
  func unused() {
    let gate = error { cell in
      let h = cell.state("h"), W = cell.matrices("w", gates: "a", "b")
      cell.next(h, W.a(cell.input))
    }
    #expect(gate == .neverUsed(cell: "test", name: "w.b"))
    let value = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      _ = cell.define("a", h * 2)
      cell.next(h, W(cell.input))
    }
    #expect(value == .neverUsed(cell: "test", name: "a"))
    #expect(
      error { cell in
        let h = cell.state("h"), U = cell.matrix("u")
        cell.next(h, U(h))
      } == .ignoresInput(cell: "test"))
  }

  @Test("next(_:_:) takes a state")
  func nextOfValue() {
    let found = error { cell in
      let h = cell.state("h"), W = cell.matrix("w")
      cell.next(h * 2, W(cell.input))
    }
    #expect(found == .notAState(cell: "test"))
  }

  @Test("Every message is one line that names the cell")
  func messages() {
    let errors: [CellError] = [
      .noState(cell: "x"), .cycle(cell: "x", path: ["a", "a"]), .neverUsed(cell: "x", name: "w"),
      .tooLarge(cell: "x", nodes: 5, most: 4), .foreignExpression(cell: "x", node: "state 3"),
    ]
    for error in errors {
      #expect(error.description.hasPrefix("cell 'x': ") && !error.description.contains("\n"))
    }
  }
}
