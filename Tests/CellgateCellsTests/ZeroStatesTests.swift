import CellgateCells
import CellgateTensor
import Testing

/// First states of zeros, whose products are left out.
@Suite("Zero states")
struct ZeroStatesTests {
  /// Problems of which all states, the first or the last one begin with zeros, in all sequences or in all but one.
  static func problems(_ cell: Cell) -> [Problem] {
    var whole = Problem(cell, T: 4, B: 70, I: 16, H: 20)
    whole.states = whole.states.map { $0.map { _ in 0 } }
    var first = Problem.uneven(cell), last = Problem.uneven(cell, reversed: true)
    first.states[0] = first.states[0].map { _ in 0 }
    last.states[last.states.count - 1] = last.states[last.states.count - 1].map { _ in 0 }
    var one = whole
    one.states[0][3] = 0.5
    return [whole, first, last, one]
  }

  /// Sums of some dozen products, rounded in Float32.
  @Test("Passes from zeros agree with the reference", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.reference().parts(cell)
      for saving in [CellExecution.Saving.everything, .states(every: 2)] {
        for (found, part) in zip(problem.fast(saving: saving).parts(cell), expected) {
          #expect(relativeError(found.1, part.1) < 1e-5, "\(cell.name): \(part.0)")
        }
      }
    }
  }

  @Test("Without gradients of first states the others are the same bits", arguments: Cell.allAndOdd)
  func withoutStates(_ cell: Cell) throws {
    for problem in Self.problems(cell) {
      let execution = problem.execution()
      func backward(_ needsStates: Bool) throws -> CellExecution.Gradients {
        let forward = execution.forward(
          input: problem.tensor(problem.input, [problem.T, problem.B, problem.I]),
          states: problem.stateTensors, noise: problem.noise, parameters: problem.parameterTensors,
          sequences: .init(
            steps: problem.T, batch: problem.B, lengths: problem.lengths, reversed: problem.reversed),
          output: nil, saving: .everything)
        return execution.backward(
          try #require(forward.saved), outputGradient: nil,
          finalStateGradients: problem.stateTensors(problem.finalGradients), needsInputGradient: true,
          needsStateGradients: needsStates, addingTo: nil)
      }
      let (all, some) = (try backward(true), try backward(false))
      #expect(some.states.isEmpty && all.states.count == problem.states.count)
      #expect(some.input?.scalars == all.input?.scalars)
      #expect(some.parameters.map(\.scalars) == all.parameters.map(\.scalars))
    }
  }
}
