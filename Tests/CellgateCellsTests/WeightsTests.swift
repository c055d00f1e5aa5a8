import CellgateCells
import CellgateTensor
import Testing

@Suite("Weights packed once")
struct WeightsTests {
  @Test("Passes on weights packed once give the bits of passes that pack their own", arguments: Cell.core)
  func bits(_ cell: Cell) throws {
    let problem = Problem.uneven(cell)
    let (T, B, I) = (problem.T, problem.B, problem.I)
    let execution = problem.execution()
    let weights = CellExecution.Weights(execution, parameters: problem.parameterTensors)
    // The same weights for passes of each kind, in any order.
    for saving in [CellExecution.Saving.everything, .states(every: 2), .everything] {
      for needsInputGradient in [false, true] {
        let expected = problem.fast(saving: saving)
        let output = Tensor.full([T, B, problem.outputSize], .nan)
        let plain = Tensor.full([T, B, problem.outputSize], .nan)
        let input = problem.tensor(problem.input, [T, B, I])
        let sequences = CellExecution.Sequences(steps: T, batch: B, lengths: problem.lengths)
        let forward = execution.forward(
          input: input, states: problem.stateTensors, weights: weights, sequences: sequences,
          output: .init(output), saving: saving)
        let gradients = execution.backward(
          try #require(forward.saved),
          outputGradient: .init(problem.tensor(problem.outputGradient, [T, B, problem.outputSize])),
          finalStateGradients: problem.stateTensors(problem.finalGradients),
          needsInputGradient: needsInputGradient)
        _ = execution.forward(
          input: input, states: problem.stateTensors, weights: weights, sequences: sequences,
          output: .init(plain), saving: .nothing)
        #expect(output.scalars.map { Double($0) } == expected.output)
        #expect(plain.scalars == output.scalars)
        #expect(gradients.parameters.map { $0.scalars.map { Double($0) } } == expected.parameters)
        #expect(gradients.states.map { $0.scalars.map { Double($0) } } == expected.states)
        #expect(
          gradients.input.map { $0.scalars.map { Double($0) } } == (needsInputGradient ? expected.input : nil)
        )
      }
    }
  }
}
