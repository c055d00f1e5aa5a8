import CellgateCells
import CellgateTensor
import Testing

/// What every cell must obey, run over the registry and one odd cell.
@Suite("Laws of cells")
struct CellLawsTests {
  /// Float32 against Double: sums of some hundred terms stay within a few roundings.
  @Test("The fast execution agrees with the reference on every instruction set", arguments: Cell.allAndOdd)
  func agreement(_ cell: Cell) {
    let problems = [
      Problem(cell, T: 6, B: 5, I: 3, H: 7),
      Problem(cell, T: 5, B: 9, I: 20, H: 33, reversed: true, seed: 2),  // hoisted input, odd sizes
      Problem(cell, T: 1, B: 1, I: 1, H: 1),
      Problem(cell, T: 40, B: 12, I: 13, H: 16),  // several chunks
      Problem(cell, T: 1, B: 1, I: 2, H: 530),  // rows wider than a tile
      Problem.uneven(cell), Problem.uneven(cell, reversed: true),
    ]
    for problem in problems {
      let expected = problem.reference().parts(cell)
      // So many numbers take long to compare: all instruction sets with one cell.
      let isLarge = problem.H > 100 && cell.name != Cell.lstmWM.name
      for instructions in isLarge ? [InstructionSet.active] : InstructionSet.all {
        for (found, part) in zip(problem.fast(instructions).parts(cell), expected) {
          let error = relativeError(found.1, part.1)
          #expect(
            error < 1e-5,
            "\(cell.name) T=\(problem.T) B=\(problem.B) I=\(problem.I) H=\(problem.H) \(instructions): \(part.0)"
          )
        }
      }
    }
  }

  @Test("The symbolic gradient is the derivative of the reference", arguments: Cell.allAndOdd)
  func gradient(_ cell: Cell) {
    Problem(cell, T: 3, B: 2, I: 2, H: 3, lengths: [3, 2], seed: 5).checkGradient()
  }

  @Test("A batch of N equals N batches of one", arguments: Cell.allAndOdd, Precision.supported)
  func batches(_ cell: Cell, _ precision: Precision) {
    let whole = Problem(cell, T: 5, B: 19, I: 4, H: 10, seed: 7)
    let together = whole.fast(.active, precision)
    for row in 0..<whole.B {
      var one = Problem(cell, T: 5, B: 1, I: 4, H: 10)
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
      let (size, sizes) = (whole.outputSize, whole.stateSizes)
      one.states = zip(whole.states, sizes).map { rows($0, $1) }
      one.outputGradient = rows(whole.outputGradient, size)
      one.finalGradients = zip(whole.finalGradients, sizes).map { rows($0, $1) }
      let alone = one.fast(.active, precision)
      #expect(alone.output == rows(together.output, size), "\(cell.name)")
      #expect(alone.input == rows(together.input, 4), "\(cell.name)")
    }
  }

  @Test("T steps equal some, then the rest with the states carried", arguments: Cell.allAndOdd)
  func split(_ cell: Cell) {
    let whole = Problem(cell, T: 9, B: 3, I: 2, H: 6, seed: 11)
    let execution = whole.execution()
    func run(_ range: Range<Int>, _ states: [Tensor]) -> (output: [Float], states: [Tensor]) {
      let input = whole.tensor(
        Array(whole.input[range.lowerBound * 6..<range.upperBound * 6]), [range.count, 3, 2])
      let output = Tensor.zeros([range.count, 3, whole.outputSize])
      let forward = execution.forward(
        input: input, states: states, parameters: whole.parameterTensors,
        sequences: .init(steps: range.count, batch: 3), output: .init(output), saving: .nothing)
      return (output.scalars, forward.finalStates)
    }
    let all = run(0..<9, whole.stateTensors)
    let first = run(0..<4, whole.stateTensors)
    let second = run(4..<9, first.states)
    #expect(all.output == first.output + second.output)
    #expect(all.states.map(\.scalars) == second.states.map(\.scalars))
  }

  @Test("Steps past a length change nothing", arguments: Cell.allAndOdd)
  func padding(_ cell: Cell) {
    var problem = Problem.uneven(cell)
    let before = problem.fast()
    guard let lengths = problem.lengths else { return }
    for (row, length) in lengths.enumerated() {
      for step in length..<problem.T {
        let start = (step * problem.B + row) * problem.I
        for index in start..<start + problem.I { problem.input[index] = .nan }
        let output = (step * problem.B + row) * problem.outputSize
        for index in output..<output + problem.outputSize { problem.outputGradient[index] = .nan }
      }
    }
    let after = problem.fast()
    for (part, other) in zip(before.parts(cell), after.parts(cell)) {
      #expect(part.1 == other.1, "\(cell.name): \(part.0)")
    }
  }

  @Test("Stepping one at a time equals the sequence", arguments: Cell.allAndOdd, Precision.supported)
  func streaming(_ cell: Cell, _ precision: Precision) {
    for (batch, inputSize) in [(1, 3), (4, 20)] {
      let problem = Problem(cell, T: 6, B: batch, I: inputSize, H: 18, seed: 13)
      let session = CellStream(problem.execution(.active, precision), parameters: problem.parameterTensors)
        .session(batch: batch)
      session.states = problem.stateTensors
      var output: [Double] = []
      for step in 0..<problem.T {
        let size = batch * inputSize
        let x = problem.input[step * size..<(step + 1) * size].map { Float($0) }
        output += session.step(x).map { Double($0) }
      }
      let expected = problem.fast(.active, precision)
      // A plan that keeps values rounds others than one that keeps none, which may tip a factor in bfloat16.
      let bound = precision == .float32 ? 1e-6 : 0x1p-9
      #expect(relativeError(output, expected.output) < bound)
      for (state, final) in zip(session.states, expected.finalStates) {
        #expect(relativeError(state.scalars.map { Double($0) }, final) < bound)
      }
    }
  }

  @Test(
    "Many steps in one call are the same bits as single steps", arguments: Cell.allAndOdd,
    Precision.inference)
  func manySteps(_ cell: Cell, _ precision: Precision) {
    // More steps than a session takes at once; small inputs join the recurrent product, large ones don't.
    for (batch, inputSize, steps) in [(1, 3, 100), (1, 20, 100), (20, 20, 5)] {
      let problem = Problem(cell, T: steps, B: batch, I: inputSize, H: 18, seed: 14)
      let stream = CellStream(problem.execution(.active, precision), parameters: problem.parameterTensors)
      let (one, many) = (stream.session(batch: batch), stream.session(batch: batch))
      let x = problem.input.map { Float($0) }
      let size = batch * inputSize
      for session in [one, many] { session.states = problem.stateTensors }
      let expected = (0..<steps).flatMap { one.step(Array(x[$0 * size..<($0 + 1) * size])) }
      // In calls of 2 steps, of none, and of the rest.
      var found: [Float] = []
      for part in [0..<2, 2..<2, 2..<steps] {
        found += many.run(Array(x[part.lowerBound * size..<part.upperBound * size]))
      }
      #expect(found == expected)
      #expect(one.states.map(\.scalars) == many.states.map(\.scalars))
    }
  }

  @Test("Gradient checkpointing changes no bit", arguments: Cell.allAndOdd)
  func recomputing(_ cell: Cell) {
    let long = Problem(cell, T: 40, B: 9, I: 3, H: 5, seed: 19)
    for problem in [long, .uneven(cell), .uneven(cell, reversed: true)] {
      let expected = problem.fast().parts(cell)
      for steps in [1, 7, 1000] {
        let found = problem.fast(saving: .states(every: steps)).parts(cell)
        for (part, other) in zip(found, expected) {
          #expect(part.1 == other.1, "\(cell.name): \(part.0), every \(steps) steps")
        }
      }
    }
  }

  @Test("Parameter names are unique, and the count is of what is learned", arguments: Cell.allAndOdd)
  func parameters(_ cell: Cell) {
    #expect(Set(cell.parameters.map(\.name)).count == cell.parameters.count)
    let projection = cell.hasProjection ? 2 : nil
    let sum = cell.parameters.filter { !$0.isFixed }.reduce(0) {
      $0 + $1.shape(inputSize: 3, hiddenSize: 5, projectionSize: projection).reduce(1, *)
    }
    #expect(cell.parameterCount(inputSize: 3, hiddenSize: 5, projectionSize: projection) == sum)
  }

  @Test(
    "Zero memory weights make the plain LSTM",
    arguments: [Cell.lstmWM, .lstmPeephole, .lstmPeepholeFull, .lstmWMStale, .lstmWMInner])
  func zeroMemory(_ cell: Cell) throws {
    var with = Problem(cell, T: 8, B: 3, I: 2, H: 9)
    let memory = try #require(cell.parameters.firstIndex { $0.name == "weight_mh" || $0.name == "weight_ph" })
    with.parameters[memory] = with.parameters[memory].map { _ in 0 }
    var without = Problem(.lstm, T: 8, B: 3, I: 2, H: 9)
    without.parameters = Cell.lstm.parameters.map { definition in
      with.parameters[cell.parameters.firstIndex { $0.name == definition.name } ?? 0]
    }
    without.states = with.states
    without.input = with.input
    #expect(with.fast().output == without.fast().output)
  }

  @Test("A saturated gate gives no NaN", arguments: Cell.core)
  func saturation(_ cell: Cell) {
    for scale in [100.0, 1e6, 1e30] {
      var problem = Problem(cell, T: 5, B: 2, I: 3, H: 8)
      problem.parameters = problem.parameters.map { $0.map { Double(Float($0 * scale)) } }
      problem.input = problem.input.map { $0.sign == .minus ? -1 : 1 }
      if cell.name == "rnn-relu" { problem.states[0] = problem.states[0].map { _ in 0 } }
      let outcome = problem.fast()
      if cell.name == "rnn-relu" && scale > 100 { continue }  // it has no gate and grows without bound
      #expect(outcome.output.allSatisfy { !$0.isNaN }, "\(cell.name) × \(scale)")
    }
  }

  @Test("NaN in the input reaches the output")
  func notANumber() {
    var problem = Problem(.lstmWM, T: 3, B: 2, I: 2, H: 4)
    problem.input[0] = .nan
    let outcome = problem.fast()
    #expect(outcome.output[0..<4].allSatisfy { $0.isNaN })
    #expect(outcome.output[4..<8].allSatisfy { $0.isFinite })
  }
}

/// Apart from the others: the number of threads is a property of the process.
@Suite("Threads", .serialized)
struct ThreadLawTests {
  @Test(
    "One thread equals two, three and five, bit for bit", arguments: Cell.allAndOdd, Precision.supported)
  func threads(_ cell: Cell, _ precision: Precision) {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    // Many microbatches; a microbatch that two or three threads share, with and without products on x of their own.
    let problems = [
      Problem(cell, T: 6, B: 70, I: 4, H: 20, seed: 17),
      Problem(cell, T: 5, B: 3, I: 20, H: 72, lengths: [2, 5, 4], seed: 18),
      Problem(cell, T: 4, B: 4, I: 3, H: 93, reversed: true, seed: 19),
    ]
    let onGrid = [
      Problem(cell, T: 2, B: 12, I: 3, H: 70, grid: CellGrid(height: 3, width: 4, kernel: 3), seed: 20),
      Problem(cell, T: 2, B: 390, I: 2, H: 6, grid: CellGrid(height: 10, width: 13, kernel: 3), seed: 21),
    ]
    for problem in problems + (precision == .float32 ? onGrid : []) {
      ThreadPool.shared.threads = 1
      let one = problem.fast(.active, precision).parts(cell)
      for count in [2, 3, 5] {
        ThreadPool.shared.threads = count
        for saving in [CellExecution.Saving.everything, .states(every: 2)] {
          let found = problem.fast(.active, precision, saving: saving).parts(cell)
          for (part, other) in zip(one, found) { #expect(part.1 == other.1, "\(part.0), \(count) threads") }
        }
      }
    }
  }
}
