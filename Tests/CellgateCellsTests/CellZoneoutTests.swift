import CellgateCells
import CellgateTensor
import Testing

extension Cell {
  /// With zoneout of other rates for each state, the last of several 0.
  fileprivate func zonedOut(draws: Bool = true) -> Cell { zoningOut(rates, draws: draws) }
  fileprivate var rates: [Float] {
    states.indices.map { $0 > 0 && $0 == states.count - 1 && $0 > 1 ? 0 : [0.3, 0.5, 0.2][$0 % 3] }
  }
}

@Suite("Zoneout of cells")
struct CellZoneoutTests {
  /// The laws' problems: hoisted input, several chunks, rows wider than a tile, lengths.
  private static func problems(_ cell: Cell) -> [Problem] {
    [
      Problem(cell, T: 6, B: 5, I: 3, H: 7),
      Problem(cell, T: 5, B: 9, I: 20, H: 33, reversed: true, seed: 2),
      Problem(cell, T: 24, B: 12, I: 13, H: 16), Problem(cell, T: 2, B: 3, I: 2, H: 140),
      Problem.uneven(cell), Problem.uneven(cell, reversed: true),
    ]
  }

  @Test("The fast execution agrees with the reference under the same masks", arguments: Cell.allAndOdd)
  func agreement(_ plain: Cell) {
    let others = [plain.zonedOut(draws: false), plain.zonedOut().droppingRecurrence()]
    for problem in Self.problems(plain.zonedOut()) + others.map({ .uneven($0) }) {
      let cell = problem.cell, expected = problem.reference().parts(cell)
      for instructions in InstructionSet.all {
        for (found, part) in zip(problem.fast(instructions).parts(cell), expected) {
          #expect(
            relativeError(found.1, part.1) < 1e-5,
            "\(cell.name) T=\(problem.T) B=\(problem.B) H=\(problem.H) \(instructions): \(part.0)")
        }
      }
    }
  }

  @Test("The gradient is the derivative of the reference under the same masks", arguments: Cell.allAndOdd)
  func gradient(_ plain: Cell) {
    for cell in [plain.zonedOut(), plain.zonedOut(draws: false)] {
      // With this seed no value is so near to a kink that the differences cross it.
      Problem(cell, T: 3, B: 2, I: 2, H: 3, lengths: [3, 2], seed: 6).checkGradient()
    }
  }

  @Test("A unit keeps its last value or takes the new one, which is the plain cell's", arguments: Cell.core)
  func choice(_ plain: Cell) {
    let zoned = Problem(plain.zonedOut(), T: 1, B: 40, I: 3, H: 20)
    var new = Problem(plain, T: 1, B: 40, I: 3, H: 20)
    (new.input, new.states, new.parameters) = (zoned.input, zoned.states, zoned.parameters)
    let (found, fresh) = (zoned.fast().finalStates, new.fast().finalStates)
    var noise = zoned.noiseValues[...]
    for (state, rate) in plain.rates.enumerated() {
      let keeps = rate > 0 ? noise.removeFirst() : found[state].map { _ in 0 }
      for unit in found[state].indices {
        #expect(found[state][unit] == (keeps[unit] == 1 ? zoned.states[state][unit] : fresh[state][unit]))
      }
      // 800 numbers: five standard deviations are 0.09 at most.
      #expect(abs(keeps.reduce(0, +) / Double(keeps.count) - Double(rate)) < 0.09)
    }
  }

  @Test("Without draws the state is the expected value", arguments: Cell.core)
  func expectation(_ plain: Cell) {
    let zoned = Problem(plain.zonedOut(draws: false), T: 1, B: 2, I: 3, H: 5)
    var new = Problem(plain, T: 1, B: 2, I: 3, H: 5)
    (new.input, new.states, new.parameters) = (zoned.input, zoned.states, zoned.parameters)
    let (found, fresh) = (zoned.fast().finalStates, new.fast().finalStates)
    for (state, rate) in plain.rates.enumerated() {
      let expected = zip(zoned.states[state], fresh[state]).map {
        Double(rate) * $0 + (1 - Double(rate)) * $1
      }
      #expect(relativeError(found[state], expected) < 1e-6)
    }
  }

  @Test("Gradient checkpointing changes no bit", arguments: [Cell.lstm, .lstmWM, .gru])
  func recomputing(_ plain: Cell) {
    let cell = plain.zonedOut()
    for problem in [Problem(cell, T: 40, B: 9, I: 3, H: 5, seed: 19), .uneven(cell, reversed: true)] {
      let expected = problem.fast().parts(cell)
      for steps in [1, 7] {
        for (part, other) in zip(problem.fast(saving: .states(every: steps)).parts(cell), expected) {
          #expect(part.1 == other.1, "\(part.0), every \(steps) steps")
        }
      }
    }
  }

  @Test("T steps equal some, then the rest from their place on", arguments: [Cell.lstm, .lstmWM, .gru])
  func split(_ plain: Cell) throws {
    let whole = Problem(plain.zonedOut(), T: 9, B: 3, I: 2, H: 6, seed: 11)
    let stream = try #require(whole.noise).stream
    func run(_ range: Range<Int>, _ states: [Tensor]) -> (output: [Float], states: [Tensor]) {
      let input = whole.tensor(
        Array(whole.input[range.lowerBound * 6..<range.upperBound * 6]), [range.count, 3, 2])
      let output = Tensor.zeros([range.count, 3, 6])
      let forward = whole.execution().forward(
        input: input, states: states, noise: CellNoise(stream, firstStep: range.lowerBound),
        parameters: whole.parameterTensors, sequences: .init(steps: range.count, batch: 3),
        output: .init(output), saving: .nothing)
      return (output.scalars, forward.finalStates)
    }
    let all = run(0..<9, whole.stateTensors)
    let first = run(0..<4, whole.stateTensors), second = run(4..<9, first.states)
    #expect(all.output == first.output + second.output)
    #expect(all.states.map(\.scalars) == second.states.map(\.scalars))
  }

  @Test("Gates and memories are observed as in the plain cell", arguments: Cell.core)
  func observation(_ plain: Cell) throws {
    let zoned = Problem(plain.zonedOut(), T: 6, B: 4, I: 2, H: 9)
    let (found, expected) = (
      try #require(zoned.observed().0), try #require(Problem(plain, T: 6, B: 4, I: 2, H: 9).observed().0)
    )
    #expect(found.values.map(\.name) == expected.values.map(\.name))
    #expect(found.values.map(\.quantity) == expected.values.map(\.quantity))
    // The gradients at t that stand in the observation are those that the backward pass sends to the first states.
    #expect(found.stateGradients.allSatisfy { $0.norms.allSatisfy { $0.isFinite && $0 > 0 } })
  }
}

/// Apart from the others: the number of threads is a property of the process.
@Suite("Threads and zoneout", .serialized)
struct ZoneoutThreadTests {
  @Test(
    "One thread equals two, three and five, bit for bit", arguments: [Cell.lstm, .lstmWM, .gru],
    Precision.supported)
  func threads(_ plain: Cell, _ precision: Precision) {
    let cell = plain.zonedOut()
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    let problems = [
      Problem(cell, T: 6, B: 70, I: 4, H: 20, seed: 17),
      Problem(cell, T: 5, B: 3, I: 20, H: 72, lengths: [2, 5, 4], seed: 18),
    ]
    for problem in problems {
      ThreadPool.shared.threads = 1
      let one = problem.fast(.active, precision).parts(cell)
      for count in [2, 3, 5] {
        ThreadPool.shared.threads = count
        for (part, other) in zip(one, problem.fast(.active, precision).parts(cell)) {
          #expect(part.1 == other.1, "\(part.0), \(count) threads")
        }
      }
    }
  }
}
