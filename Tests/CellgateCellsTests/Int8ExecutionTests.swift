import CellgateCells
import CellgateTensor
import Testing

extension Problem {
  /// The output `[T, B, H]` and the last states of a pass without gradients.
  func inferred(
    _ precision: Precision, _ instructions: InstructionSet = .active
  ) -> (output: [Double], states: [[Double]]) {
    let output = Tensor.full([T, B, outputSize], .nan)
    let forward = execution(instructions, precision).forward(
      input: tensor(input, [T, B, I]), states: stateTensors, noise: noise, parameters: parameterTensors,
      sequences: .init(steps: T, batch: B, lengths: lengths, reversed: reversed), output: .init(output),
      saving: .nothing)
    return (output.scalars.map { Double($0) }, forward.finalStates.map { $0.scalars.map { Double($0) } })
  }
}

@Suite("Products of signed bytes")
struct Int8ExecutionTests {
  static func problems(_ cell: Cell) -> [Problem] {
    [
      Problem(cell, T: 6, B: 5, I: 3, H: 7),
      Problem(cell, T: 5, B: 9, I: 21, H: 33, reversed: true, seed: 2),  // hoisted input, odd sizes
      Problem(cell, T: 20, B: 12, I: 13, H: 16),
      Problem.uneven(cell), Problem.uneven(cell, reversed: true),
    ]
  }

  /// Both round the same numbers, but one that lies within a rounding in Float32 of the middle between two bytes may go either
  /// way, which moves its sequence alone by a part in 254 of a row. That is rare: most sequences agree as they do in Float32,
  /// while a factor that only one of the two rounds would move all.
  @Test("What is rounded is what the reference rounds", arguments: Cell.allAndOdd)
  func rounding(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.referenceExecution(.int8).forward(
        input: problem.input, steps: problem.T, batch: problem.B, states: problem.states,
        noise: problem.noiseValues, parameters: problem.parameters, lengths: problem.lengths,
        reversed: problem.reversed
      ).output
      let found = problem.inferred(.int8).output
      let scale = max(1e-3, expected.map(abs).max() ?? 0), size = problem.outputSize
      var apart: Set<Int> = []
      for index in expected.indices where !(abs(found[index] - expected[index]) <= 2e-5 * scale) {
        apart.insert(index / size % problem.B)
      }
      #expect(
        apart.count * 3 <= problem.B, "\(cell.name) H=\(problem.H): \(apart.count) of \(problem.B) sequences")
      #expect(rootMeanSquareError(found, expected) < 0.02, "\(cell.name) H=\(problem.H)")
    }
  }

  /// Operands are off by up to 1 / 254 of the largest of their row, each way.
  @Test(
    "Rounding changes results by less than a thirtieth",
    arguments: Cell.allAndOdd.filter { !["odd", "functions", "late", "wide"].contains($0.name) })
  func agreement(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let (found, expected) = (problem.inferred(.int8), problem.inferred(.float32))
      #expect(rootMeanSquareError(found.output, expected.output) < 1 / 30, "\(cell.name) H=\(problem.H)")
      for (state, exact) in zip(found.states, expected.states) {
        #expect(rootMeanSquareError(state, exact) < 1 / 30, "\(cell.name) H=\(problem.H)")
      }
    }
  }

  @Test("Every instruction set gives the same bits", arguments: Cell.allAndOdd)
  func instructionSets(_ cell: Cell) {
    for problem in Self.problems(cell) {
      let expected = problem.inferred(.int8, InstructionSet.all[InstructionSet.all.count - 1])
      for instructions in InstructionSet.all {
        let found = problem.inferred(.int8, instructions)
        #expect(found.output == expected.output, "\(cell.name) H=\(problem.H), \(instructions)")
        #expect(found.states == expected.states, "\(cell.name) H=\(problem.H), \(instructions)")
      }
    }
  }

  @Test("Stepping one at a time gives the sequence's bits", arguments: Cell.allAndOdd)
  func streaming(_ cell: Cell) {
    for (batch, inputSize) in [(1, 3), (4, 20)] {
      let problem = Problem(cell, T: 6, B: batch, I: inputSize, H: 18, seed: 13)
      let session = CellStream(
        problem.execution(.active, .int8), parameters: problem.parameterTensors
      ).session(batch: batch)
      session.states = problem.stateTensors
      let size = batch * inputSize
      let output = (0..<problem.T).flatMap { step in
        session.step(problem.input[step * size..<(step + 1) * size].map { Float($0) })
      }
      let expected = problem.inferred(.int8)
      #expect(output.map { Double($0) } == expected.output, "\(cell.name)")
      #expect(session.states.map { $0.scalars.map { Double($0) } } == expected.states, "\(cell.name)")
    }
  }

  @Test("A batch of N equals N batches of one", arguments: Cell.allAndOdd)
  func batches(_ cell: Cell) {
    let whole = Problem(cell, T: 4, B: 11, I: 4, H: 10, seed: 7), together = whole.inferred(.int8).output
    for row in 0..<whole.B {
      var one = Problem(cell, T: 4, B: 1, I: 4, H: 10)
      one.parameters = whole.parameters
      func rows(_ values: [Double], _ size: Int) -> [Double] {
        var result: [Double] = []
        for step in 0..<values.count / (whole.B * size) {
          let start = (step * whole.B + row) * size
          result += values[start..<start + size]
        }
        return result
      }
      one.input = rows(whole.input, 4)
      one.states = zip(whole.states, whole.stateSizes).map { rows($0, $1) }
      #expect(one.inferred(.int8).output == rows(together, whole.outputSize), "\(cell.name)")
    }
  }

  @Test("NaN and infinity in the input reach the output, and no other sequence")
  func notANumber() {
    var problem = Problem(.lstmWM, T: 3, B: 3, I: 2, H: 4)
    problem.input[0] = .nan
    problem.input[2] = .infinity
    let output = problem.inferred(.int8).output
    #expect(output[0..<8].allSatisfy { $0.isNaN })
    #expect(output[8..<12].allSatisfy { $0.isFinite })
  }

  @Test("A pass that gradients are to be computed from is refused")
  func training() async {
    await #expect(processExitsWith: .failure) {
      _ = Problem(.gru, T: 2, B: 1, I: 2, H: 3).fast(.active, .int8)
    }
  }
}

extension ThreadLawTests {
  @Test("One thread equals two, three and five, bit for bit, of signed bytes", arguments: Cell.allAndOdd)
  func int8(_ cell: Cell) {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    let problems = [
      Problem(cell, T: 6, B: 70, I: 4, H: 20, seed: 17),
      Problem(cell, T: 5, B: 3, I: 20, H: 72, lengths: [2, 5, 4], seed: 18),
      Problem(cell, T: 4, B: 4, I: 3, H: 93, reversed: true, seed: 19),
    ]
    for problem in problems {
      ThreadPool.shared.threads = 1
      let one = problem.inferred(.int8)
      for count in [2, 3, 5] {
        ThreadPool.shared.threads = count
        let found = problem.inferred(.int8)
        #expect(found.output == one.output, "\(cell.name), \(count) threads")
        #expect(found.states == one.states, "\(cell.name), \(count) threads")
      }
    }
  }
}
