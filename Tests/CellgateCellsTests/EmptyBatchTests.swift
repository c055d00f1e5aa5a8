import CellgateCells
import CellgateTensor
import Testing

/// No steps, or no sequences.
@Suite("Empty batches")
struct EmptyBatchTests {
  static let sizes = [(T: 0, B: 3), (T: 4, B: 0), (T: 0, B: 0)]

  @Test(
    "Without steps or sequences the fast execution gives what the reference gives: states that stay, no gradient",
    arguments: Cell.allAndOdd)
  func executions(_ cell: Cell) {
    for (T, B) in Self.sizes {
      for (input, hidden) in [(3, 7), (20, 33)] {
        for lengths in [nil, Array(repeating: 0, count: B)] {
          for reversed in [false, true] {
            let problem = Problem(
              cell, T: T, B: B, I: input, H: hidden, lengths: lengths, reversed: reversed)
            let expected = problem.reference()
            #expect(expected.output.isEmpty && expected.input.isEmpty)
            #expect(expected.finalStates == problem.states)
            #expect(expected.states == problem.finalGradients)
            #expect(expected.parameters.allSatisfy { $0.allSatisfy { $0 == 0 } })
            for instructions in InstructionSet.all {
              for saving in [CellExecution.Saving.everything, .states(every: 2)] {
                for (part, other) in zip(
                  problem.fast(instructions, saving: saving).parts(cell), expected.parts(cell))
                {
                  #expect(part.1 == other.1, "\(cell.name) T=\(T) B=\(B) \(instructions): \(part.0)")
                }
              }
            }
          }
        }
      }
    }
  }

  @Test("A stream takes no steps, and steps of no sequences", arguments: Cell.allAndOdd)
  func streams(_ cell: Cell) {
    let problem = Problem(cell, T: 2, B: 1, I: 3, H: 5)
    let stream = CellStream(problem.execution(), parameters: problem.parameterTensors)
    let one = stream.session()
    one.states = problem.stateTensors
    #expect(one.run([]).isEmpty)
    #expect(one.states.map(\.scalars) == problem.stateTensors.map(\.scalars))
    let none = stream.session(batch: 0)
    #expect(none.step([]).isEmpty && none.run([]).isEmpty)
    #expect(none.states.map(\.shape) == problem.stateSizes.map { [0, $0] })
    none.states = problem.stateSizes.map { .zeros([0, $0]) }
    none.reset()
  }
}
