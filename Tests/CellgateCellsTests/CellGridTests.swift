import CellgateCells
import CellgateTensor
import Testing

/// What every cell obeys on a grid, where its matrices are convolutions.
@Suite("Cells on a grid")
struct CellGridTests {
  private static let grid = CellGrid(height: 3, width: 4, kernel: 3)

  /// Float32 against Double: sums of some hundred terms stay within a few roundings.
  @Test("The fast execution agrees with the reference on every instruction set", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) {
    let problems = [
      Problem(cell, T: 4, B: 24, I: 3, H: 7, grid: Self.grid),
      Problem(
        cell, T: 3, B: 30, I: 2, H: 9,
        lengths: [Int](repeating: 3, count: 10) + .init(repeating: 0, count: 10)
          + .init(repeating: 2, count: 10), reversed: true, grid: CellGrid(height: 5, width: 2, kernel: 5),
        seed: 2),
      // Pointwise products of few numbers, and a kernel larger than the grid.
      Problem(cell, T: 3, B: 8, I: 2, H: 5, grid: CellGrid(height: 2, width: 2, kernel: 1), seed: 3),
      Problem(cell, T: 2, B: 3, I: 4, H: 17, grid: CellGrid(height: 1, width: 3, kernel: 7), seed: 4),
    ]
    for problem in problems {
      let expected = problem.reference().parts(cell)
      for instructions in InstructionSet.all {
        for (found, part) in zip(problem.fast(instructions).parts(cell), expected) {
          let error = relativeError(found.1, part.1)
          #expect(error < 1e-5, "\(cell.name) B=\(problem.B) H=\(problem.H) \(instructions): \(part.0)")
        }
      }
    }
  }

  @Test("The symbolic gradient is the derivative of the reference", arguments: Cell.allAndOdd)
  func gradient(_ cell: Cell) {
    // Of cells that take the smaller or greater of two values few numbers, lest two are about equal.
    let steps = ["functions", "wide"].contains(cell.name) ? 1 : 2
    Problem(cell, T: steps, B: 4, I: 1, H: 2, grid: CellGrid(height: 2, width: 2, kernel: 3), seed: 7)
      .checkGradient()
  }

  @Test("A kernel of 1 is the cell at every place", arguments: Cell.allAndOdd)
  func pointwise(_ cell: Cell) {
    let grid = Problem(cell, T: 4, B: 24, I: 3, H: 6, grid: CellGrid(height: 3, width: 4, kernel: 1), seed: 6)
    let plain = Problem(cell, T: 4, B: 24, I: 3, H: 6, seed: 6)
    for (found, expected) in zip(grid.reference().parts(cell), plain.reference().parts(cell)) {
      #expect(relativeError(found.1, expected.1) < 1e-12, "\(cell.name): \(found.0)")
    }
    for (found, expected) in zip(grid.fast().parts(cell), plain.fast().parts(cell)) {
      // Sums over rows are taken in another order.
      #expect(relativeError(found.1, expected.1) < 1e-6, "\(cell.name): \(found.0)")
    }
  }

  @Test("Stepping one at a time equals the sequence", arguments: Cell.allAndOdd)
  func streaming(_ cell: Cell) {
    let problem = Problem(cell, T: 5, B: 24, I: 3, H: 18, grid: Self.grid, seed: 13)
    let stream = CellStream(problem.execution(), parameters: problem.parameterTensors)
    let (one, many) = (stream.session(batch: 24), stream.session(batch: 24))
    for session in [one, many] { session.states = problem.stateTensors }
    let x = problem.input.map { Float($0) }, size = 24 * 3
    let output = (0..<5).flatMap { one.step(Array(x[$0 * size..<($0 + 1) * size])) }
    #expect(output == many.run(x))
    let expected = problem.fast()
    #expect(relativeError(output.map { Double($0) }, expected.output) < 1e-6)
    for (state, final) in zip(one.states, expected.finalStates) {
      #expect(relativeError(state.scalars.map { Double($0) }, final) < 1e-6)
    }
  }

  @Test("Gradient checkpointing changes no bit", arguments: Cell.allAndOdd)
  func sameBits(_ cell: Cell) {
    let problem = Problem(cell, T: 7, B: 48, I: 3, H: 20, grid: Self.grid, seed: 19)
    let expected = problem.fast().parts(cell).map(\.1)
    #expect(problem.fast(saving: .states(every: 2)).parts(cell).map(\.1) == expected)
  }

  @Test("The equations have convolutions")
  func equations() {
    #expect(
      Cell.lstmWM.equations(onGrid: true)[0] == "iₜ = σ(W_ix * xₜ + W_ih * hₜ₋₁ + tanh(W_ic * cₜ₋₁) + b_i)")
    #expect(Cell.lstm.equations(.latex, onGrid: true)[2].contains("W_{gx} \\ast x_{t}"))
  }
}
