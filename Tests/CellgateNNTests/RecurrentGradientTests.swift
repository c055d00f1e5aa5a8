import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// Gradients of `Recurrent` for every combination of its options: against Double, and against differences.
@Suite("Gradients of Recurrent")
struct RecurrentGradientTests {
  enum FirstState: String, CaseIterable, Sendable { case zero, given, learned }

  struct Options: Sendable, CustomTestStringConvertible {
    var cell: Cell
    var layers: Int
    var bidirectional: Bool
    var lengths: [Int]?
    var first: FirstState
    var dropout: Float
    var wantsOutput: Bool

    var testDescription: String {
      "\(layers) × \(cell.name)" + (bidirectional ? ", both directions" : "")
        + (lengths == nil ? "" : ", lengths") + ", first state \(first)" + (dropout > 0 ? ", dropout" : "")
        + (wantsOutput ? "" : ", no output")
    }

    /// All combinations, one cell after the other.
    static let all: [Options] = {
      var all: [Options] = []
      for layers in 1...3 {
        for bidirectional in [false, true] {
          for lengths in [nil, [5, 0, 3]] {
            for first in FirstState.allCases {
              for dropout: Float in [0, 0.4] {
                for wantsOutput in [true, false] {
                  // 7 is no divisor of what the other options repeat with, so each cell meets each option.
                  let cells = [
                    Cell.lstmWM, .gru, .lstmPeephole, RecurrentGradientTests.projected, .rnnTanh,
                    RecurrentGradientTests.memory, .mgu,
                  ]
                  all.append(
                    Options(
                      cell: cells[all.count % cells.count], layers: layers, bidirectional: bidirectional,
                      lengths: lengths, first: first, dropout: dropout, wantsOutput: wantsOutput))
                }
              }
            }
          }
        }
      }
      return all
    }()
  }

  private static let T = 5, B = 3, I = 2, H = 6, P = 4

  private static func cell(_ name: String, _ equations: (CellBuilder) -> Void) -> Cell {
    do throws(CellError) {
      return try Cell(name, equations: equations)
    } catch { preconditionFailure(error.description) }
  }

  /// A cell whose output has P units, and one with another state of P units.
  static let projected = cell("projected") { cell in
    let h = cell.state("h", size: .projection), c = cell.state("c")
    let W = cell.matrices("weight_ih", gates: "f", "g"), U = cell.matrices("weight_hh", gates: "f", "g")
    let R = cell.matrix("weight_hr", rows: .projection), b = cell.vectors("bias", gates: "f", "g")
    let f = sigmoid(W.f(cell.input) + U.f(h) + b.f)
    let new = cell.next(c, f * c + (1 - f) * tanh(W.g(cell.input) + U.g(h) + b.g))
    cell.next(h, R(tanh(new)))
  }
  static let memory = cell("memory") { cell in
    let h = cell.state("h"), m = cell.state("m", size: .projection)
    let W = cell.matrix("weight_ih"), M = cell.matrix("weight_mh")
    let R = cell.matrix("weight_hm", rows: .projection), b = cell.vector("bias", size: .projection)
    let new = cell.next(m, 0.5 * m + tanh(R(h) + b))
    cell.next(h, tanh(W(cell.input) + M(new)))
  }

  private static func make(_ options: Options) -> Recurrent {
    let recurrent = Recurrent(
      cell: options.cell, inputSize: I, hiddenSize: H, projectionSize: options.cell.hasProjection ? P : nil,
      layers: options.layers, bidirectional: options.bidirectional, dropout: options.dropout,
      learnsFirstStates: options.first == .learned, name: "layers",
      stream: RandomStream(seed: 5, name: "initialisation"))
    for (name, parameter) in recurrent.namedParameters() {
      parameter.assign(random(parameter.shape, name, in: -0.6..<0.6))
    }
    return recurrent
  }

  private static var context: ForwardContext { .training(seed: 8, step: 2) }

  /// Float32 against Double: sums of some dozen terms stay within a few roundings.
  @Test("Values and gradients agree with Double for every combination of options", arguments: Options.all)
  func reference(_ options: Options) throws {
    let (T, B, I) = (Self.T, Self.B, Self.I)
    let recurrent = Self.make(options)
    let stateSizes = recurrent.stateSizes
    let stack = recurrent.layers * recurrent.directions
    let x = Parameter(random([T, B, I], "x"))
    let names = zip(options.cell.states, stateSizes)
    let given = names.map { Parameter(random([stack, B, $1], $0)) }
    let outputGradient = random([T, B, recurrent.directions * recurrent.outputSize], "output gradient")
    let finalGradients = names.map { random([stack, B, $1], "gradient of " + $0) }

    let result = recurrent(
      x.tensor, states: options.first == .given ? given.map(\.tensor) : nil, lengths: options.lengths,
      context: Self.context, wantsOutput: options.wantsOutput)
    var loss = Tensor(0)
    for (final, gradient) in zip(result.finalStates, finalGradients) {
      loss = loss + (final * gradient).sum()
    }
    if let output = result.output { loss = loss + (output * outputGradient).sum() }
    loss.backward()

    // The same in Double; the masks are those of the documented noise, layer after layer.
    let context = Self.context
    let masks = (0..<recurrent.layers).map { layer -> [Double]? in
      guard layer > 0, options.dropout > 0 else { return nil }
      var noise = context.stream("layers")
      return dropoutMask(outputGradient.shape, probability: options.dropout, stream: &noise).doubles
    }
    let states =
      switch options.first {
      case .zero: given.map { [Double](repeating: 0, count: $0.value.count) }
      case .given: given.map(\.value.doubles)
      case .learned:
        try options.cell.states.map { try repeated(#require(recurrent.parameter($0 + "0")).value) }
      }
    let parameters = recurrent.namedParameters().dropLast(
      options.first == .learned ? options.cell.states.count : 0)
    let perCell = options.cell.parameters.count
    let reference = RecurrentReference(
      cell: options.cell, inputSize: I, hiddenSize: Self.H,
      projectionSize: options.cell.hasProjection ? Self.P : nil, layers: recurrent.layers,
      directions: recurrent.directions)
    let expected = reference.run(
      .init(
        steps: T, batch: B, input: x.value.doubles, states: states,
        parameters: (0..<stack).map { place in
          parameters[place * perCell..<(place + 1) * perCell].map(\.parameter.value.doubles)
        }, lengths: options.lengths, masks: masks,
        outputGradient: options.wantsOutput
          ? outputGradient.doubles : [Double](repeating: 0, count: outputGradient.count),
        finalGradients: finalGradients.map(\.doubles)))

    if let output = result.output { expectNear(output.doubles, expected.output, "output") }
    expectNear(x.gradient.doubles, expected.input, "input")
    for (index, (name, parameter)) in parameters.enumerated() {
      expectNear(parameter.gradient.doubles, expected.parameters[index / perCell][index % perCell], name)
    }
    for (index, name) in options.cell.states.enumerated() {
      expectNear(result.finalStates[index].doubles, expected.finalStates[index], name)
      switch options.first {
      case .zero: break
      case .given: expectNear(given[index].gradient.doubles, expected.states[index], name + "0")
      case .learned:
        let gradient = try #require(recurrent.parameter(name + "0")).gradient.doubles
        expectNear(gradient, summed(expected.states[index], stateSizes[index]), name + "0")
      }
    }
  }

  /// [S, H] for every sequence: [S, B, H].
  private func repeated(_ state: Tensor) -> [Double] {
    (0..<state.shape[0]).flatMap { row in (0..<Self.B).flatMap { _ in state[row].doubles } }
  }

  /// [S, B, size] summed over the sequences: [S, size].
  private func summed(_ gradient: [Double], _ size: Int) -> [Double] {
    let B = Self.B
    return (0..<gradient.count / B).map { place in
      let (row, unit) = (place / size, place % size)
      return (0..<B).reduce(0) { $0 + gradient[(row * B + $1) * size + unit] }
    }
  }

  private func expectNear(_ found: [Double], _ expected: [Double], _ name: String) {
    guard found.count == expected.count else {
      Issue.record("\(name): \(found.count) numbers instead of \(expected.count)")
      return
    }
    let scale = expected.map(abs).max() ?? 0
    let error = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(error <= 1e-5 * scale, "\(name) is off by \(error / scale) of its largest magnitude")
  }

  /// Without the reference: central differences of the layer's own values (see `gradientError`).
  @Test(
    "Gradients are those of central differences",
    arguments: [
      (Cell.lstmWM, FirstState.given, Float(0)), (.gru, .learned, 0.4), (.lstmPeepholeFull, .zero, 0.4),
    ])
  func differences(_ cell: Cell, _ first: FirstState, _ dropout: Float) {
    let options = Options(
      cell: cell, layers: 2, bidirectional: true, lengths: [5, 2, 3], first: first, dropout: dropout,
      wantsOutput: true)
    let recurrent = Self.make(options)
    let parameters = recurrent.namedParameters().map(\.parameter)
    var states: [Tensor] = []
    if first == .given { states = cell.states.map { random([4, Self.B, Self.H], $0) } }
    func run(_ x: Tensor, _ states: [Tensor]) -> Tensor {
      let result = recurrent(
        x, states: states.isEmpty ? nil : states, lengths: options.lengths, context: Self.context)
      let finals = result.finalStates.map { $0.reshaped([1, $0.count]) }
      return concatenated(finals + (result.output.map { [$0.reshaped([1, $0.count])] } ?? []))
    }
    let x = random([Self.T, Self.B, Self.I], "x")
    #expect(gradientError(at: [x] + states) { run($0[0], Array($0.dropFirst())) } < 2e-4)

    // Parameters in place: along the gradient the loss rises by its squared norm.
    for parameter in parameters { parameter.zeroGradient() }
    func loss() -> Tensor {
      let output = run(x, states)
      return (output * random(output.shape, "weights")).sum()
    }
    loss().backward()
    let gradients = parameters.map(\.gradient.scalars)
    let norm = gradients.joined().reduce(0) { $0 + Double($1) * Double($1) }
    let starts = parameters.map(\.value.scalars)
    func moved(_ step: Double) -> Double {
      for (index, parameter) in parameters.enumerated() {
        let shift = zip(starts[index], gradients[index]).map { Float(Double($0) + step * Double($1)) }
        parameter.assign(Tensor(shift, shape: parameter.shape))
      }
      let output = withoutGradient { run(x, states) }
      return zip(output.doubles, random(output.shape, "weights").doubles).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let step = 0.02 / norm.squareRoot()
    let slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step)
    #expect(abs(slope - norm) < 2e-4 * norm, "\(slope) instead of \(norm)")
  }

  @Test("Both directions contribute to the input's gradient")
  func bothDirections() throws {
    let (T, B, I, H) = (Self.T, Self.B, Self.I, Self.H)
    let options = Options(
      cell: .lstmWM, layers: 1, bidirectional: true, lengths: [5, 2, 3], first: .zero, dropout: 0,
      wantsOutput: true)
    let recurrent = Self.make(options)
    let weights = random([T, B, 2 * H], "weights").scalars
    func gradient(_ uses: (Int) -> Bool) throws -> [Float] {
      let x = Parameter(random([T, B, I], "x"))
      let output = try #require(recurrent(x.tensor, lengths: options.lengths).output)
      let used = weights.enumerated().map { uses($0.offset % (2 * H)) ? $0.element : 0 }
      output.backward(gradient: Tensor(used, shape: output.shape))
      return x.gradient.scalars
    }
    let forward = try gradient { $0 < H }
    let reverse = try gradient { $0 >= H }
    #expect(forward.contains { $0 != 0 } && reverse.contains { $0 != 0 })
    let sum = zip(forward, reverse).map { $0 + $1 }
    #expect(try gradient { _ in true } == sum)
  }

  @Test("Gradients of several passes add up")
  func addUp() throws {
    let recurrent = Self.make(Options.all[0])
    let x = random([Self.T, Self.B, Self.I], "x")
    func pass() { recurrent(x).last.sum().backward() }
    pass()
    let once = recurrent.namedParameters().map(\.parameter.gradient.scalars)
    pass()
    let twice = recurrent.namedParameters().map(\.parameter.gradient.scalars)
    #expect(twice == once.map { $0.map { 2 * $0 } })
  }
}

extension Tensor {
  fileprivate var doubles: [Double] { scalars.map { Double($0) } }
}
