import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// Recorded single steps on weights packed once, against passes over whole sequences.
@Suite("Steps of a recurrent layer")
struct RecurrentStepperTests {
  private static let T = 4, B = 11, I = 3, H = 5

  private static func layer(_ options: RecurrentOptions) -> Recurrent {
    let layer = Recurrent(options)
    layer.build(
      [.sequence(I)], BuildContext(name: "layer", stream: RandomStream(seed: 5, name: "layer")))
    for (name, parameter) in layer.namedParameters() {
      parameter.assign(random(parameter.shape, name, in: -0.6..<0.6))
    }
    return layer
  }

  private static var context: ForwardContext { .training(seed: 8, step: 2) }

  /// Outputs `[T, B, H]`, each final state, and the gradients of the inputs, the first states and the parameters.
  private struct Outcome {
    var values: [(name: String, numbers: [Double])] = []

    mutating func add(_ name: String, _ tensor: Tensor) { values.append((name, tensor.doubles)) }

    /// Both sum in Float32, the whole pass over all steps of a chunk at once: some dozen terms of rounding.
    func expectNear(_ expected: Outcome, _ within: Double = 1e-6) {
      #expect(values.map(\.name) == expected.values.map(\.name))
      for (own, other) in zip(values, expected.values) {
        #expect(own.numbers.count == other.numbers.count)
        let scale = other.numbers.map(abs).max() ?? 0
        let error = zip(own.numbers, other.numbers).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= within * scale, "\(own.name) is off by \(error / scale) of its largest magnitude")
      }
    }
  }

  /// One update: what `run` gives for inputs and first states, and the gradients of random weights of it all.
  private static func outcome(
    _ layer: Recurrent, givesStates: Bool,
    _ run: (_ x: Tensor, _ states: [Tensor]?) -> (output: Tensor, states: [Tensor])
  ) -> Outcome {
    let x = Parameter(random([T, B, I], "x"))
    let states = zip(layer.cell.states, layer.stateSizes).map {
      Parameter(random([layer.layers, B, $1], $0))
    }
    for (_, parameter) in layer.namedParameters() { parameter.zeroGradient() }
    let result = run(x.tensor, givesStates ? states.map(\.tensor) : nil)
    var loss = (result.output * random(result.output.shape, "weights")).sum()
    for (name, state) in zip(layer.cell.states, result.states) {
      loss = loss + (state * random(state.shape, "weights of " + name)).sum()
    }
    loss.backward()
    var outcome = Outcome()
    outcome.add("output", result.output)
    for (name, state) in zip(layer.cell.states, result.states) { outcome.add(name, state) }
    outcome.add("gradient of x", x.gradient)
    if givesStates {
      for (name, state) in zip(layer.cell.states, states) {
        outcome.add("gradient of " + name, state.gradient)
      }
    }
    for (name, parameter) in layer.namedParameters() {
      outcome.add("gradient of " + name, parameter.gradient)
    }
    return outcome
  }

  /// The layer's steps one by one.
  private static func stepped(_ layer: Recurrent, _ context: ForwardContext) -> (Tensor, [Tensor]?) -> (
    output: Tensor, states: [Tensor]
  ) {
    { x, first in
      let step = layer.stepper(context)
      var (states, outputs): ([Tensor]?, [Tensor]) = (first, [])
      for time in 0..<T {
        let result = step(x[time], states: states)
        states = result.states
        outputs.append(result.output)
      }
      return (stacked(outputs), states ?? [])
    }
  }

  /// The layer as in a model, with its dropout of the input.
  private static func whole(_ layer: Recurrent, _ context: ForwardContext) -> (Tensor, [Tensor]?) -> (
    output: Tensor, states: [Tensor]
  ) {
    { x, first in
      let given = (0..<layer.layers).flatMap { place in first.map { $0.map { LayerValue($0[place]) } } ?? [] }
      let results = layer([LayerValue(x)] + given, context).map(\.tensor)
      let count = layer.cell.states.count
      let states = (0..<count).map { state in
        stacked((0..<layer.layers).map { results[1 + $0 * count + state] })
      }
      return (results[0], states)
    }
  }

  /// All cells, with layers, dropouts and first states of each kind.
  @Test("Steps have the values and the gradients of the whole sequence", arguments: Cell.core)
  func equal(_ cell: Cell) {
    for layers in 1...2 {
      for (input, recurrent, zoneout, drop) in [
        (Float(0), Float(0), nil, nil), (0.4, 0, nil, nil), (0, 0.4, nil, 0.5),
        (0.3, 0.5, Zoneout.all(0.3), Float(0.4)),
      ] {
        for givesStates in [false, true] {
          var options = RecurrentOptions(cell: cell, units: Self.H)
          options.layers = layers
          options.inputDropout = input
          options.recurrentDropout = recurrent
          (options.zoneout, options.weightDrop) = (zoneout, drop)
          options.learnsFirstStates = !givesStates && layers == 2
          (options.returnSequences, options.returnState) = (true, true)
          let layer = Self.layer(options)
          let expected = Self.outcome(layer, givesStates: givesStates, Self.whole(layer, Self.context))
          let found = Self.outcome(layer, givesStates: givesStates, Self.stepped(layer, Self.context))
          found.expectNear(expected)
          #expect(found.values.allSatisfy { $0.numbers.contains { $0 != 0 } })
        }
      }
    }
  }

  @Test("Each layer's dropout has one mask for the sequence", arguments: [Cell.lstmWM, .gru])
  func betweenLayers(_ cell: Cell) throws {
    var options = RecurrentOptions(cell: cell, units: Self.H)
    options.layers = 2
    options.dropout = 0.5
    (options.returnSequences, options.returnState) = (true, true)
    let layer = Self.layer(options)
    // The same two layers, one after the other, with the mask of the documented noise between them.
    options.layers = 1
    options.dropout = 0
    let first = Self.layer(options), second = Recurrent(options)
    second.build(
      [.sequence(Self.H)], BuildContext(name: "layer", stream: RandomStream(seed: 5, name: "layer")))
    for (index, part) in [first, second].enumerated() {
      for (name, parameter) in part.namedParameters() {
        parameter.assign(try #require(layer.parameter(name.replacing("_l0", with: "_l\(index)"))).value)
      }
    }
    var noise = Self.context.stream("layer")
    let mask = dropoutMask([1, Self.B, Self.H], probability: 0.5, stream: &noise)
    let x = random([Self.T, Self.B, Self.I])
    let expected = second(try #require(first(x).output) * mask)
    let found = Self.stepped(layer, Self.context)(x, nil)
    for (one, other) in zip(found.output.scalars, try #require(expected.output).scalars) {
      #expect(abs(one - other) < 1e-6)
    }
    // Outside training nothing is dropped.
    let plain = Self.stepped(layer, .inference())(x, nil).output.scalars
    let whole = try #require(layer(x).output).scalars
    #expect(zip(plain, whole).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("What stands between steps has its gradient: an input made of the last output")
  func between() {
    var options = RecurrentOptions(cell: .lstmWM, units: Self.H)
    (options.returnSequences, options.returnState) = (true, true)
    let layer = Self.layer(options)
    let mix = Parameter(random([Self.H, Self.I], "mix"))
    func run(_ next: (Tensor, [Tensor]?) -> (Tensor, [Tensor])) -> Outcome {
      mix.zeroGradient()
      var outcome = Self.outcome(layer, givesStates: true) { x, first in
        var (states, outputs): ([Tensor]?, [Tensor]) = (first, [])
        for time in 0..<Self.T {
          var input = x[time]
          if let last = outputs.last { input = input + matmul(last, mix.tensor) }
          let (output, after) = next(input, states)
          states = after
          outputs.append(output)
        }
        return (stacked(outputs), states ?? [])
      }
      outcome.add("gradient of mix", mix.gradient)
      return outcome
    }
    let expected = run { x, states in
      let result = layer(x.unsqueezed(axis: 0), states: states)
      return (result.last, result.finalStates)
    }
    let step = layer.stepper(Self.context)
    let found = run { x, states in
      let result = step(x, states: states)
      return (result.output, result.states)
    }
    found.expectNear(expected)
  }

  @Test("After an update a new stepper has the new weights")
  func updated() throws {
    var options = RecurrentOptions(cell: .gru, units: Self.H)
    (options.returnSequences, options.returnState) = (true, true)
    let layer = Self.layer(options)
    var outputs: [[Float]] = []
    for _ in 0..<3 {
      let expected = Self.outcome(layer, givesStates: true, Self.whole(layer, Self.context))
      Self.outcome(layer, givesStates: true, Self.stepped(layer, Self.context)).expectNear(expected)
      outputs.append(expected.values[0].numbers.map { Float($0) })
      for (_, parameter) in layer.namedParameters() {
        parameter.assign(parameter.value - parameter.gradient * 0.1)
      }
    }
    #expect(outputs[0] != outputs[1] && outputs[1] != outputs[2])
  }

  @Test("Batches that are cut into slices, and steps of fewer sequences, add up the same gradients")
  func slices() {
    var options = RecurrentOptions(cell: .lstm, units: Self.H)
    (options.returnSequences, options.returnState) = (true, true)
    let layer = Self.layer(options)
    let x = random([2, 70, Self.I]), counts = [70, 3]
    func gradients(_ step: (Tensor) -> Tensor) -> Outcome {
      for (_, parameter) in layer.namedParameters() { parameter.zeroGradient() }
      var loss = Tensor(0)
      for (time, count) in counts.enumerated() {
        let output = step(x[time][0..<count])
        loss = loss + (output * random(output.shape, "weights")).sum()
      }
      loss.backward()
      var outcome = Outcome()
      for (name, parameter) in layer.namedParameters() { outcome.add(name, parameter.gradient) }
      return outcome
    }
    let expected = gradients { layer($0.unsqueezed(axis: 0)).last }
    let step = layer.stepper(Self.context)
    gradients { step($0).output }.expectNear(expected)
  }

  @Test("Steps that are not recorded keep nothing and have the same values")
  func inference() {
    let layer = Self.layer(RecurrentOptions(cell: .lstmWM, units: Self.H))
    let x = random([Self.T, Self.B, Self.I])
    let recorded = Self.stepped(layer, .inference())(x, nil)
    let plain = withoutGradient { Self.stepped(layer, .inference())(x, nil) }
    #expect(recorded.output.needsGradient && !plain.output.needsGradient)
    #expect(recorded.output.scalars == plain.output.scalars)
  }

  @Test("A batch without sequences gives an empty output")
  func empty() {
    let layer = Self.layer(RecurrentOptions(cell: .lstm, units: Self.H))
    let result = layer.stepper()(Tensor.zeros([0, Self.I]))
    #expect(result.output.shape == [0, Self.H])
    #expect(result.states.map(\.shape) == [[1, 0, Self.H], [1, 0, Self.H]])
  }
}

extension Tensor {
  fileprivate var doubles: [Double] { scalars.map { Double($0) } }
}
