import CellgateCells
import CellgateTensor
import Testing

/// Executions that are given the products on x instead of x.
@Suite("Products on the input")
struct InputProductsTests {
  @Test("Every cell of the registry reads its input by matrices that read nothing else")
  func maps() {
    for cell in Cell.core {
      let maps = cell.inputMaps?.map { cell.parameters[$0].name }
      #expect(maps == ["weight_ih"], "\(cell.name)")
    }
  }

  @Test("Given products give the values and the gradients of the input", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) throws {
    guard let maps = cell.inputMaps else { return }
    for reversed in [false, true] {
      let problem = Problem.uneven(cell, reversed: reversed)
      let (T, B, I) = (problem.T, problem.B, problem.I)
      let parameters = problem.parameterTensors
      // The rows of all matrices that read x, one under another.
      let rows = maps.flatMap { index in
        let values = parameters[index].scalars
        return (0..<values.count / I).map { Array(values[$0 * I..<($0 + 1) * I]) }
      }
      let x = problem.input
      let products = (0..<T * B).flatMap { place -> [Float] in
        rows.map { row -> Float in
          var sum = 0.0
          for i in 0..<I { sum += Double(row[i]) * x[place * I + i] }
          return Float(sum)
        }
      }
      for saving in [CellExecution.Saving.everything, .states(every: 2)] {
        let expected = problem.fast(saving: saving)
        let execution = problem.execution().takingInputProducts()
        let output = Tensor.full([T, B, problem.outputSize], .nan)
        let forward = execution.forward(
          input: Tensor(products, shape: [T, B, rows.count]), states: problem.stateTensors,
          parameters: parameters,
          sequences: .init(steps: T, batch: B, lengths: problem.lengths, reversed: reversed),
          output: .init(output), saving: saving)
        let gradients = execution.backward(
          try #require(forward.saved),
          outputGradient: .init(problem.tensor(problem.outputGradient, [T, B, problem.outputSize])),
          finalStateGradients: problem.stateTensors(problem.finalGradients), needsInputGradient: true)
        func expectNear(_ found: Tensor, _ exact: [Double], _ name: String) {
          // Products are rounded before the others are added.
          #expect(relativeError(found.scalars.map(Double.init), exact) < 3e-6, "\(cell.name): \(name)")
        }
        expectNear(output, expected.output, "output")
        for (state, found) in forward.finalStates.enumerated() {
          expectNear(found, expected.finalStates[state], "state \(state)")
        }
        for (state, found) in gradients.states.enumerated() {
          expectNear(found, expected.states[state], "dL/dstate \(state)")
        }
        for (index, found) in gradients.parameters.enumerated() where !maps.contains(index) {
          expectNear(found, expected.parameters[index], cell.parameters[index].name)
        }
        // What arrives at the products gives the gradients of x and of the matrices.
        let arriving = try #require(gradients.input).scalars.map(Double.init)
        var inputs = [Double](repeating: 0, count: T * B * I)
        var weights = [Double](repeating: 0, count: rows.count * I)
        for place in 0..<T * B {
          for (row, weight) in rows.enumerated() {
            let delta = arriving[place * rows.count + row]
            for i in 0..<I {
              inputs[place * I + i] += delta * Double(weight[i])
              weights[row * I + i] += delta * problem.input[place * I + i]
            }
          }
        }
        #expect(relativeError(inputs, expected.input) < 3e-6, "\(cell.name): dL/dx")
        #expect(
          relativeError(weights, maps.flatMap { expected.parameters[$0] }) < 3e-6, "\(cell.name): dL/dW")
      }
    }
  }
}
