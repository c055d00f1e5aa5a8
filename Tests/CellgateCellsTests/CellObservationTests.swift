import CellgateCells
import CellgateTensor
import Foundation
import Testing

extension Problem {
  /// What is observed of the problem's pass, and the gradients that it gives.
  func observed(
    saving: CellExecution.Saving = .everything, observed: Bool = true, instructions: InstructionSet = .active,
    precision: Precision = .float32
  ) -> (CellObservation?, CellExecution.Gradients) {
    let execution = execution(instructions, precision)
    let forward = execution.forward(
      input: tensor(input, [T, B, I]), states: stateTensors, noise: noise, parameters: parameterTensors,
      sequences: .init(steps: T, batch: B, lengths: lengths, reversed: reversed), output: nil, saving: saving,
      observed: observed)
    guard let saved = forward.saved else { preconditionFailure("nothing was saved") }
    let gradients = execution.backward(
      saved, outputGradient: .init(tensor(outputGradient, [T, B, outputSize])),
      finalStateGradients: stateTensors(finalGradients), needsInputGradient: true)
    return (gradients.observation, gradients)
  }

  /// The loss whose derivatives are the problem's cotangents, of sequences of full length.
  func loss(_ cell: Cell, input: [Double], inputSize: Int, parameters: [[Double]]) -> Double {
    let forward = ReferenceExecution(cell: cell, inputSize: inputSize, hiddenSize: H).forward(
      input: input, steps: T, batch: B, states: states, parameters: parameters)
    var sum = zip(forward.output, outputGradient).reduce(0) { $0 + $1.0 * $1.1 }
    for (state, gradient) in zip(forward.finalStates, finalGradients) {
      sum += zip(state, gradient).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return sum
  }
}

extension CellObservation {
  /// Names and values of a quantity.
  subscript(quantity: Quantity) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: values.filter { $0.quantity == quantity }.map { ($0.name, $0.value) })
  }
}

@Suite("Observations of cells")
struct CellObservationTests {
  // MARK: Names

  @Test(
    "Gates are the sigmoids, and memory products bear the name of the gate that they feed",
    arguments: [
      ("rnn-tanh", "", ""), ("gru", "r z", ""), ("lstm", "i f o", ""), ("lstm-ph", "i f o", "i f o"),
      ("lstm-ph-full", "i f o", "i f o"), ("lstm-wm", "i f o", "i f o"), ("lstm-coupled", "i o", ""),
      ("mgu", "f", ""), ("lstm-wm-stale", "i f o", "i f o"), ("lstm-wm-inner", "i f o", "i f o"),
    ])
  func names(_ cell: String, gates: String, memories: String) throws {
    let cell = try #require(Cell.named(cell))
    let observation = try #require(Problem(cell, T: 2, B: 2, I: 2, H: 3).observed().0)
    func list(_ quantity: CellObservation.Quantity) -> String {
      observation.values.filter { $0.quantity == quantity }.map(\.name).joined(separator: " ")
    }
    #expect(list(.saturatedGate) == gates)
    #expect(list(.meanAbsState) == cell.states.joined(separator: " "))
    for quantity in [CellObservation.Quantity.meanAbsMemory, .saturatedMemory, .memoryGradientNorm] {
      #expect(list(quantity) == memories, "\(quantity)")
    }
  }

  /// States, gates and parameters of other names; gates without any; two memories, and a product that feeds no gate.
  static let own: Cell = {
    do throws(CellError) {
      return try Cell("own") { cell in
        let x = cell.input
        let out = cell.state("out"), slow = cell.state("slow"), fast = cell.state("fast")
        let W = cell.matrices("from_input", gates: "write", "erase", "new")
        let U = cell.matrices("from_output", gates: "write", "erase", "new")
        let M = cell.matrices("from_slow", gates: "write", "new"), N = cell.matrix("from_fast")
        let p = cell.vectors("peephole", gates: "erase", "show")

        let write = sigmoid(W.write(x) + U.write(out) + tanh(M.write(slow)) + N(fast))
        let erase = sigmoid(W.erase(x) + U.erase(out) + p.erase * fast)
        let new = tanh(W.new(x) + U.new(out) + M.new(slow))
        let next = cell.next(slow, (1 - erase) * slow + write * new)
        cell.next(fast, 0.5 * fast + sigmoid(fast) * next)
        cell.next(out, sigmoid(p.show * next) * tanh(next))
      }
    } catch { preconditionFailure(error.description) }
  }()

  @Test("A cell of one's own is observed under its own names")
  func ownNames() throws {
    let observation = try #require(Problem(Self.own, T: 3, B: 2, I: 2, H: 3).observed().0)
    #expect(Set(observation[.meanAbsState].keys) == ["out", "slow", "fast"])
    #expect(Set(observation[.saturatedGate].keys) == ["write", "erase", "gate3", "show"])
    #expect(
      Set(observation[.meanAbsMemory].keys)
        == ["from_slow.write", "from_fast", "erase", "from_slow.new", "show"])
    #expect(observation.stateGradients.map(\.state) == ["out", "slow", "fast"])
  }

  // MARK: Values

  @Test("Means and shares of LSTM-WM are those of its equations, written out in Double")
  func values() throws {
    var problem = Problem(.lstmWM, T: 5, B: 9, I: 2, H: 4)
    // Large enough that some values are saturated and others are not.
    for index in problem.parameters.indices {
      problem.parameters[index] = problem.parameters[index].map { 4 * $0 }
    }
    problem.parameters = problem.parameters.map { $0.map { Double(Float($0)) } }
    let observation = try #require(problem.observed().0)
    let (T, B, I, H) = (problem.T, problem.B, problem.I, problem.H)
    let W = problem.parameters[0], U = problem.parameters[1], M = problem.parameters[2]
    let bias = problem.parameters[3]
    #expect(problem.cell.parameters.map(\.name) == ["weight_ih", "weight_hh", "weight_mh", "bias"])

    var u: [String: [Double]] = [:], gates: [String: [Double]] = [:], states: [String: [Double]] = [:]
    for b in 0..<B {
      var h = Array(problem.states[0][b * H..<(b + 1) * H])
      var c = Array(problem.states[1][b * H..<(b + 1) * H])
      for t in 0..<T {
        let x = Array(problem.input[(t * B + b) * I..<(t * B + b + 1) * I])
        func product(_ matrix: [Double], _ row: Int, _ v: [Double]) -> Double {
          v.indices.reduce(0) { $0 + matrix[row * v.count + $1] * v[$1] }
        }
        func sum(_ gate: Int, _ unit: Int) -> Double {
          product(W, gate * H + unit, x) + product(U, gate * H + unit, h) + bias[gate * H + unit]
        }
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        let ui = (0..<H).map { product(M, $0, c) }, uf = (0..<H).map { product(M, H + $0, c) }
        let i = (0..<H).map { sigmoid(sum(0, $0) + tanh(ui[$0])) }
        let f = (0..<H).map { sigmoid(sum(1, $0) + tanh(uf[$0])) }
        let g = (0..<H).map { tanh(sum(2, $0)) }
        c = (0..<H).map { f[$0] * c[$0] + i[$0] * g[$0] }
        let uo = (0..<H).map { product(M, 2 * H + $0, c) }
        let o = (0..<H).map { sigmoid(sum(3, $0) + tanh(uo[$0])) }
        h = (0..<H).map { o[$0] * tanh(c[$0]) }
        for (name, value) in [("i", ui), ("f", uf), ("o", uo)] { u[name, default: []] += value }
        for (name, value) in [("i", i), ("f", f), ("o", o)] { gates[name, default: []] += value }
        for (name, value) in [("h", h), ("c", c)] { states[name, default: []] += value }
      }
    }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(T * B * H) }
    func share(_ values: [Double], _ isSaturated: (Double) -> Bool) -> Double {
      Double(values.count(where: isSaturated)) / Double(T * B * H)
    }
    func near(_ found: [String: Double], _ expected: [String: Double]) -> Bool {
      found.keys == expected.keys && found.allSatisfy { abs($1 - expected[$0, default: 0]) < 1e-5 }
    }
    #expect(near(observation[.meanAbsState], states.mapValues { mean($0.map(abs)) }))
    #expect(near(observation[.meanAbsMemory], u.mapValues { mean($0.map(abs)) }))
    let memories = u.mapValues { share($0) { abs(tanh($0)) > 0.95 } }
    let saturated = gates.mapValues { share($0) { $0 < 0.05 || $0 > 0.95 } }
    #expect(near(observation[.saturatedMemory], memories))
    #expect(near(observation[.saturatedGate], saturated))
    #expect((Array(memories.values) + Array(saturated.values)).allSatisfy { $0 > 0 && $0 < 1 })
  }

  @Test("Saturation begins at 0.05 and 0.95 of a gate, and at |tanh u| = 0.95")
  func thresholds() throws {
    // One unit whose gate is σ(x) and whose memory product is u = c, with c = x of the step before.
    let cell = try Cell("thresholds") { cell in
      let x = cell.input, h = cell.state("h"), c = cell.state("c")
      let W = cell.matrix("w"), M = cell.matrix("m")
      cell.next(c, W(x))
      cell.next(h, cell.define("k", sigmoid(W(x))) + tanh(M(c)) + 0 * h)
    }
    var problem = Problem(cell, T: 1, B: 6, I: 1, H: 1)
    let edge = log(0.95 / 0.05), memory = atanh(0.95)
    problem.parameters = [[1], [1]]
    problem.input = [edge - 1e-4, edge + 1e-4, -edge + 1e-4, -edge - 1e-4, 0, 1]
    problem.states[1] = [memory - 1e-4, memory + 1e-4, -memory - 1e-4, -memory - 1e-4, 0, -1]
    let observation = try #require(problem.observed().0)
    #expect(observation[.saturatedGate] == ["k": 2.0 / 6])
    #expect(observation[.saturatedMemory] == ["m": 3.0 / 6])
  }

  @Test("Norms of memory gradients are those of the gates' rows", arguments: ["lstm-wm", "lstm-ph", "own"])
  func memoryGradients(_ name: String) throws {
    let problem = Problem(Cell.named(name) ?? Self.own, T: 4, B: 3, I: 2, H: 5)
    let expected = problem.reference().parameters
    let found = try #require(problem.observed().0)[.memoryGradientNorm]
    func norm(_ parameter: String, _ gate: String) throws -> Double {
      let index = try #require(problem.cell.parameters.firstIndex { $0.name == parameter })
      let definition = problem.cell.parameters[index]
      let place = try #require(definition.gates.firstIndex(of: gate))
      let size = expected[index].count / definition.gates.count
      return expected[index][place * size..<(place + 1) * size].reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    let places =
      switch name {
      case "lstm-wm": ["i", "f", "o"].map { ($0, "weight_mh", $0) }
      case "lstm-ph": ["i", "f", "o"].map { ($0, "weight_ph", $0) }
      default:
        [
          ("from_slow.write", "from_slow", "write"), ("from_slow.new", "from_slow", "new"),
          ("from_fast", "from_fast", ""), ("erase", "peephole", "erase"), ("show", "peephole", "show"),
        ]
      }
    #expect(Set(found.keys) == Set(places.map(\.0)))
    for (name, parameter, gate) in places {
      let value = try norm(parameter, gate)
      #expect(abs(try #require(found[name]) - value) < 1e-5 * value, "\(name)")
    }
  }

  // MARK: Gradients by time

  /// LSTM-WM and full peepholes whose states can be pushed: E.c x is added to c_t, E.h x to h_t.
  private func pushed(working: Bool) throws -> Cell {
    try Cell("pushed") { cell in
      let x = cell.input, h = cell.state("h"), c = cell.state("c")
      let W = cell.matrices("weight_ih", gates: "i", "f", "g", "o")
      let U = cell.matrices("weight_hh", gates: "i", "f", "g", "o")
      let M = cell.matrices("memory", gates: "i", "f", "o")
      let b = cell.vectors("bias", gates: "i", "f", "g", "o")
      let E = cell.matrices("push", gates: "h", "c")
      typealias Value = CellExpression
      func u(_ product: Value) -> Value { working ? tanh(product) : product }
      let i = sigmoid(W.i(x) + U.i(h) + u(M.i(c)) + b.i)
      let f = sigmoid(W.f(x) + U.f(h) + u(M.f(c)) + b.f)
      let g = tanh(W.g(x) + U.g(h) + b.g)
      let c1 = cell.next(c, f * c + i * g + E.c(x))
      let o = sigmoid(W.o(x) + U.o(h) + u(M.o(c1)) + b.o)
      cell.next(h, o * tanh(c1) + E.h(x))
    }
  }

  @Test("‖dL/ds_t‖ is what a small push of s_t changes, by central differences", arguments: [true, false])
  func centralDifferences(_ working: Bool) throws {
    let problem = Problem(working ? .lstmWM : .lstmPeepholeFull, T: 4, B: 2, I: 2, H: 3)
    let (T, B, I, H) = (problem.T, problem.B, problem.I, problem.H)
    let pushed = try pushed(working: working)
    // The input gets a channel for each unit of h and of c, which the gates don't see.
    let wide = I + 2 * H
    var parameters = problem.parameters
    let zeros = [Double](repeating: 0, count: 2 * H)
    var weights: [Double] = []
    for row in 0..<4 * H { weights += problem.parameters[0][row * I..<(row + 1) * I] + zeros }
    parameters[0] = weights
    var identity: [Double] = []
    for row in 0..<2 * H { for column in 0..<wide { identity.append(column == I + row ? 1 : 0) } }
    parameters.append(identity)
    func input(_ push: (place: Int, channel: Int, by: Double)) -> [Double] {
      var input: [Double] = []
      for place in 0..<T * B { input += problem.input[place * I..<(place + 1) * I] + zeros }
      input[push.place * wide + I + push.channel] = push.by
      return input
    }
    let observation = try #require(problem.observed().0)
    #expect(observation.stateGradients.map(\.state) == ["h", "c"])
    for (state, found) in observation.stateGradients.enumerated() {
      #expect(found.norms.count == T)
      for time in 0..<T {
        var squares = 0.0
        for sequence in 0..<B {
          for unit in 0..<H {
            let step = 1e-5
            let losses = [step, -step].map {
              problem.loss(
                pushed, input: input((time * B + sequence, state * H + unit, $0)), inputSize: wide,
                parameters: parameters)
            }
            let derivative = (losses[0] - losses[1]) / (2 * step)
            squares += derivative * derivative
          }
        }
        let expected = squares.squareRoot()
        #expect(abs(found.norms[time] - expected) < 1e-5 * expected, "\(found.state) at \(time)")
      }
    }
  }

  @Test(
    "Gradients of the output's state add what arrives from the rest of the sequence",
    arguments: Cell.allAndOdd)
  func restOfSequence(_ cell: Cell) throws {
    let problem = Problem(cell, T: 5, B: 9, I: 3, H: 4)
    let norms = try #require(problem.observed().0).stateGradients[0].norms
    let (T, B, I, size) = (problem.T, problem.B, problem.I, problem.outputSize)
    let execution = problem.referenceExecution()
    for time in 0..<T {
      func part(_ values: [Double], _ steps: Range<Int>, _ size: Int) -> [Double] {
        Array(values[steps.lowerBound * B * size..<steps.upperBound * B * size])
      }
      let first = execution.forward(
        input: part(problem.input, 0..<time + 1, I), steps: time + 1, batch: B, states: problem.states,
        parameters: problem.parameters)
      let rest = execution.forward(
        input: part(problem.input, time + 1..<T, I), steps: T - time - 1, batch: B, states: first.finalStates,
        parameters: problem.parameters)
      let arriving = execution.backward(
        rest, steps: T - time - 1, batch: B, parameters: problem.parameters,
        outputGradient: part(problem.outputGradient, time + 1..<T, size),
        finalStateGradients: problem.finalGradients
      ).states[0]
      let own = part(problem.outputGradient, time..<time + 1, size)
      let expected = zip(arriving, own).reduce(0) { $0 + ($1.0 + $1.1) * ($1.0 + $1.1) }.squareRoot()
      #expect(abs(norms[time] - expected) < 1e-5 * expected, "at \(time)")
    }
  }

  // MARK: All cells

  @Test("Observing changes no bit of the gradients, with any way of saving", arguments: Cell.allAndOdd)
  func changesNothing(_ cell: Cell) throws {
    for problem in [
      Problem.uneven(cell), Problem.uneven(cell, reversed: true), Problem(cell, T: 6, B: 2, I: 17, H: 33),
    ] {
      let (nothing, plain) = problem.observed(observed: false)
      #expect(nothing == nil)
      var observations: [CellObservation?] = []
      for saving in [CellExecution.Saving.everything, .states(every: 2)] {
        let (observation, gradients) = problem.observed(saving: saving)
        observations.append(observation)
        #expect(gradients.input?.scalars == plain.input?.scalars)
        #expect(gradients.parameters.map(\.scalars) == plain.parameters.map(\.scalars))
        #expect(gradients.states.map(\.scalars) == plain.states.map(\.scalars))
      }
      let observation = try #require(observations[0])
      #expect(observation == observations[1])
      #expect(observation.values.allSatisfy { $0.value.isFinite })
      #expect(observation.stateGradients.map(\.state) == cell.states)
    }
  }

  @Test("Sequences of unequal lengths are observed as each one alone", arguments: [false, true])
  func lengths(_ reversed: Bool) throws {
    let problem = Problem.uneven(.lstmWM, reversed: reversed)
    let lengths = try #require(problem.lengths)
    let all = try #require(problem.observed().0)
    var sums: [String: Double] = [:]
    var squares = problem.cell.states.map { _ in [Double](repeating: 0, count: problem.T) }
    for (sequence, length) in lengths.enumerated() where length > 0 {
      func column(_ values: [Double], _ size: Int, steps: Int) -> [Double] {
        (0..<steps).flatMap { time in
          let start = (time * problem.B + sequence) * size
          return Array(values[start..<start + size])
        }
      }
      var one = Problem(problem.cell, T: length, B: 1, I: problem.I, H: problem.H, reversed: reversed)
      one.parameters = problem.parameters
      one.input = column(problem.input, problem.I, steps: length)
      one.outputGradient = column(problem.outputGradient, problem.H, steps: length)
      one.states = problem.states.map { column($0, problem.H, steps: 1) }
      one.finalGradients = problem.finalGradients.map { column($0, problem.H, steps: 1) }
      let observation = try #require(one.observed().0)
      for value in observation.values where value.quantity != .memoryGradientNorm {
        sums["\(value.quantity) \(value.name)", default: 0] += value.value * Double(length)
      }
      for (state, gradient) in observation.stateGradients.enumerated() {
        for (time, norm) in gradient.norms.enumerated() { squares[state][time] += norm * norm }
      }
    }
    let steps = Double(lengths.reduce(0, +))
    for value in all.values where value.quantity != .memoryGradientNorm {
      let mean = try #require(sums["\(value.quantity) \(value.name)"]) / steps
      #expect(abs(value.value - mean) < 1e-6, "\(value.quantity) \(value.name)")
    }
    for (state, gradient) in all.stateGradients.enumerated() {
      for (time, norm) in gradient.norms.enumerated() {
        #expect(abs(norm - squares[state][time].squareRoot()) < 1e-5 * max(1, norm))
      }
    }
  }
}
