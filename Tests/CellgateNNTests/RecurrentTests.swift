import CellgateCells
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("Recurrent")
struct RecurrentTests {
  static let stream = RandomStream(seed: 3, name: "initialisation")
  private var stream: RandomStream { Self.stream }

  // MARK: Values

  @Test("Outputs, states and the last output have the documented shapes", arguments: [false, true])
  func shapes(_ bidirectional: Bool) throws {
    let D = bidirectional ? 2 : 1
    let recurrent = Recurrent(
      cell: .lstm, inputSize: 3, hiddenSize: 5, layers: 2, bidirectional: bidirectional, stream: stream)
    let result = recurrent(random([4, 6, 3]))
    #expect(try #require(result.output).shape == [4, 6, D * 5])
    #expect(result.finalStates.map(\.shape) == [[2 * D, 6, 5], [2 * D, 6, 5]])
    #expect(result.last.shape == [6, D * 5])
    #expect(recurrent.directions == D && recurrent.layers == 2)
  }

  @Test("The last output is that of each sequence's last valid step", arguments: Cell.core)
  func last(_ cell: Cell) throws {
    let (T, H) = (5, 6)
    let lengths = [5, 1, 3, 4]
    for bidirectional in [false, true] {
      let recurrent = Recurrent(
        cell: cell, inputSize: 2, hiddenSize: H, layers: 2, bidirectional: bidirectional, stream: stream)
      let result = recurrent(random([T, 4, 2]), lengths: lengths)
      let output = try #require(result.output).scalars
      let width = recurrent.directions * H
      for (sequence, length) in lengths.enumerated() {
        func row(_ time: Int) -> ArraySlice<Float> {
          let start = (time * 4 + sequence) * width
          return output[start..<start + width]
        }
        let last = result.last[sequence].scalars
        #expect(Array(last.prefix(H)) == Array(row(length - 1).prefix(H)))
        // The reverse direction ends at the first step.
        if bidirectional { #expect(Array(last.suffix(H)) == Array(row(0).suffix(H))) }
        for time in length..<T { #expect(row(time).allSatisfy { $0 == 0 }) }
      }
    }
  }

  @Test("Fixed parameters are kept with the others, start as the cell says, and get no gradient")
  func fixed() throws {
    let cell = try #require(Cell.named("mtrnn"))
    for start in [Recurrent.Initialization.cellgate, .pytorch, .keras, .init(forgetBias: 3)] {
      let recurrent = Recurrent(
        cell: cell, inputSize: 2, hiddenSize: 3, layers: 2, initialization: start, stream: stream)
      let learned = recurrent.namedParameters().map(\.name)
      #expect(
        learned == [0, 1].flatMap { layer in ["weight_ih", "weight_hh", "bias"].map { "\($0)_l\(layer)" } })
      let state = recurrent.state,
        shapes = recurrent.parameterShapes([LayerShape(isSequence: true, features: [2])])
      #expect(state.names == shapes.map(\.name))
      #expect(try #require(state["tau_l1"]).scalars == [2, 36, 70])
      let parameters = ParameterSet(recurrent, withBuffers: true)
      #expect(parameters.count - parameters.learnedCount == 6)
      recurrent(random([4, 2, 2]), context: .training(seed: 1, step: 1)).last.sum().backward()
      for entry in parameters.entries {
        #expect(entry.parameter.gradient.scalars.contains { $0 != 0 } == learned.contains(entry.name))
      }
    }
  }

  @Test("The reverse direction runs as the forward one over the reversed sequence")
  func reverse() throws {
    let both = Recurrent(
      cell: .lstmWM, inputSize: 2, hiddenSize: 4, layers: 1, bidirectional: true, stream: stream)
    let forward = Recurrent(cell: .lstmWM, inputSize: 2, hiddenSize: 4, stream: stream)
    for (name, parameter) in forward.namedParameters() {
      parameter.assign(try #require(both.parameter(name + "_reverse")).value)
    }
    let x = random([5, 3, 2])
    let reversed = Tensor((0..<5).reversed().flatMap { x[$0].scalars }, shape: [5, 3, 2])
    let expected = try #require(forward(reversed).output)
    let found = try #require(both(x).output)
    for time in 0..<5 {
      for sequence in 0..<3 {
        let half = Array(found[time][sequence].scalars.suffix(4))
        #expect(half == expected[4 - time][sequence].scalars)
      }
    }
  }

  @Test("Gradient checkpointing changes no bit, through layers and directions", arguments: [false, true])
  func recomputing(_ bidirectional: Bool) throws {
    func gradients(_ recomputeEvery: Int?) throws -> [[Float]] {
      let recurrent = Recurrent(
        cell: .lstmWM, inputSize: 3, hiddenSize: 5, layers: 2, bidirectional: bidirectional,
        recomputeEvery: recomputeEvery, stream: stream)
      let parameters = ParameterSet(recurrent)
      let x = random([30, 9, 3])
      try #require(
        recurrent(x, lengths: [30, 1, 7, 0, 30, 28, 3, 30, 12], context: .training(seed: 1, step: 1)).output
      )
      .backward(gradient: random([30, 9, recurrent.directions * 5]))
      return [parameters.gradients.scalars]
    }
    let expected = try gradients(nil)
    for steps in [1, 6, 30] { #expect(try gradients(steps) == expected) }
  }

  @Test("Without an output the states are the same", arguments: Cell.core)
  func withoutOutput(_ cell: Cell) {
    let recurrent = Recurrent(
      cell: cell, inputSize: 2, hiddenSize: 7, layers: 2, bidirectional: true, stream: stream)
    let x = random([6, 3, 2])
    let (with, without) = (recurrent(x), recurrent(x, wantsOutput: false))
    #expect(without.output == nil)
    #expect(without.finalStates.map(\.scalars) == with.finalStates.map(\.scalars))
    #expect(without.last.scalars == with.last.scalars)
  }

  @Test("A sequence of no steps keeps its first state, and outputs zeros")
  func empty() throws {
    let recurrent = Recurrent(cell: .gru, inputSize: 2, hiddenSize: 3, stream: stream)
    let first = random([1, 2, 3], "first")
    let result = recurrent(random([4, 2, 2]), states: [first], lengths: [0, 4])
    #expect(result.last[0].scalars == first[0][0].scalars)
    for time in 0..<4 { #expect(try #require(result.output)[time][0].scalars == [0, 0, 0]) }
  }

  @Test("Learned first states start at zero and are the same for every sequence")
  func learnedStates() throws {
    let recurrent = Recurrent(
      cell: .lstm, inputSize: 2, hiddenSize: 3, layers: 2, learnsFirstStates: true, stream: stream)
    let plain = Recurrent(cell: .lstm, inputSize: 2, hiddenSize: 3, layers: 2, stream: stream)
    let x = random([4, 2, 2])
    #expect(recurrent(x).last.scalars == plain(x).last.scalars)
    let (h0, c0) = (random([2, 3], "h0"), random([2, 3], "c0"))
    try #require(recurrent.parameter("h0")).assign(h0)
    try #require(recurrent.parameter("c0")).assign(c0)
    let given = [h0, c0].map { state in
      Tensor((0..<2).flatMap { state[$0].scalars + state[$0].scalars }, shape: [2, 2, 3])
    }
    #expect(recurrent(x).last.scalars == plain(x, states: given).last.scalars)
    #expect(recurrent(x).last.scalars != plain(x).last.scalars)
    // States that are given come before learned ones.
    let zeros = [Tensor.zeros([2, 2, 3]), .zeros([2, 2, 3])]
    #expect(recurrent(x, states: zeros).last.scalars == plain(x).last.scalars)
  }

  // MARK: Dropout

  @Test("Dropout is off in inference, and repeats its masks for the same seed and step")
  func dropout() {
    let x = random([5, 4, 2])
    func layers(_ count: Int, dropout: Float) -> Recurrent {
      Recurrent(
        cell: .lstmWM, inputSize: 2, hiddenSize: 8, layers: count, dropout: dropout, stream: stream)
    }
    func run(_ recurrent: Recurrent, _ context: ForwardContext) -> [Float] {
      recurrent(x, context: context).output?.scalars ?? []
    }
    let (plain, dropping) = (layers(2, dropout: 0), layers(2, dropout: 0.5))
    let clean = run(plain, .inference())
    #expect(run(dropping, .inference()) == clean)
    #expect(run(plain, .training(seed: 1, step: 0)) == clean)
    let noisy = run(dropping, .training(seed: 1, step: 0))
    #expect(noisy != clean)
    #expect(run(dropping, .training(seed: 1, step: 0)) == noisy)
    #expect(run(dropping, .training(seed: 1, step: 1)) != noisy)
    #expect(run(dropping, .training(seed: 2, step: 0)) != noisy)
    // It lies between layers: one layer has nothing to drop.
    let single = run(layers(1, dropout: 0.5), .training(seed: 1, step: 0))
    #expect(single == run(layers(1, dropout: 0), .inference()))
  }

  // MARK: Parameters

  @Test("Parameters bear PyTorch's names, layer by layer")
  func names() {
    let recurrent = Recurrent(
      cell: .lstmWM, inputSize: 3, hiddenSize: 4, layers: 2, bidirectional: true, learnsFirstStates: true,
      stream: stream)
    let kinds = ["weight_ih", "weight_hh", "weight_mh", "bias"]
    let suffixes = ["_l0", "_l0_reverse", "_l1", "_l1_reverse"]
    let expected = suffixes.flatMap { suffix in kinds.map { $0 + suffix } } + ["h0", "c0"]
    #expect(recurrent.namedParameters().map(\.name) == expected)
    #expect(recurrent.parameter("weight_ih_l0")?.shape == [16, 3])
    #expect(recurrent.parameter("weight_ih_l1_reverse")?.shape == [16, 8])
    #expect(recurrent.parameter("weight_mh_l1")?.shape == [12, 4])
    #expect(recurrent.parameter("c0")?.shape == [4, 4])
  }

  @Test("The parameters are as many as the cell says", arguments: Cell.core)
  func count(_ cell: Cell) {
    let recurrent = Recurrent(cell: cell, inputSize: 3, hiddenSize: 5, layers: 2, stream: stream)
    let count = recurrent.namedParameters().reduce(0) { $0 + $1.parameter.value.count }
    let perLayer = [3, 5].map { cell.parameterCount(inputSize: $0, hiddenSize: 5) }
    #expect(count == perLayer[0] + perLayer[1])
  }

  @Test("Forget gates start open and other biases at zero", arguments: [Cell.lstm, .lstmPeephole, .lstmWM])
  func forgetBias(_ cell: Cell) throws {
    let H = 5
    let recurrent = Recurrent(cell: cell, inputSize: 3, hiddenSize: H, layers: 2, stream: stream)
    for layer in 0..<2 {
      let bias = try #require(recurrent.parameter("bias_l\(layer)")).value.scalars
      let (i, f, rest) = (bias[..<H], bias[H..<2 * H], bias[(2 * H)...])
      #expect(f.allSatisfy { $0 == 1 })
      #expect(i.allSatisfy { $0 == 0 } && rest.allSatisfy { $0 == 0 })
    }
  }

  /// Orthonormal to Float32's rounding of sums of 16 products.
  @Test("Recurrent matrices start orthogonal, each gate's for itself", arguments: Cell.core)
  func orthogonal(_ cell: Cell) throws {
    let H = 16
    let recurrent = Recurrent(cell: cell, inputSize: 3, hiddenSize: H, stream: stream)
    let weight = try #require(recurrent.parameter("weight_hh_l0")).value
    var blocks: [[Float]] = []
    for gate in 0..<weight.shape[0] / H {
      let rows = (0..<H).map { weight[gate * H + $0].scalars }
      for i in 0..<H {
        for j in 0...i {
          let product = zip(rows[i], rows[j]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
          #expect(abs(product - (i == j ? 1 : 0)) < 1e-6)
        }
      }
      blocks.append(rows.flatMap { $0 })
    }
    #expect(Set(blocks).count == blocks.count)
  }

  @Test("Chrono initialisation opens the forget gate by log U(1, T − 1) and closes the input gate by as much")
  func chrono() throws {
    let (H, steps) = (200, 100)
    let recurrent = Recurrent(
      cell: .lstmWM, inputSize: 3, hiddenSize: H, initialization: .init(chronoSteps: steps), stream: stream)
    let bias = try #require(recurrent.parameter("bias_l0")).value.scalars
    let (i, f, rest) = (Array(bias[..<H]), Array(bias[H..<2 * H]), bias[(2 * H)...])
    #expect(i == f.map { -$0 })
    #expect(f.allSatisfy { $0 >= 0 && $0 < log(Float(steps - 1)) })
    #expect(Set(f).count > H / 2)
    #expect(rest.allSatisfy { $0 == 0 })
    let coupled = Recurrent(
      cell: .lstmCoupled, inputSize: 3, hiddenSize: H, initialization: .init(chronoSteps: steps),
      stream: stream)
    #expect(try #require(coupled.parameter("bias_l0")).value.scalars.prefix(H).allSatisfy { $0 <= 0 })
  }

  @Test("With the same seed, cells start from the same values of what they share")
  func sharedValues() throws {
    func parameters(_ cell: Cell) -> [String: [Float]] {
      let recurrent = Recurrent(cell: cell, inputSize: 3, hiddenSize: 5, layers: 2, stream: Self.stream)
      return Dictionary(
        uniqueKeysWithValues: recurrent.namedParameters().map { ($0.name, $0.parameter.value.scalars) })
    }
    let lstm = parameters(.lstm)
    for cell in [Cell.lstmWM, .lstmPeephole, .lstmPeepholeFull, .lstmWMStale, .lstmWMInner] {
      let other = parameters(cell)
      for (name, values) in lstm { #expect(other[name] == values, "\(cell.name): \(name)") }
    }
    #expect(parameters(.lstmWM) == parameters(.lstmWM))
    #expect(lstm["weight_hh_l0"] != lstm["weight_hh_l1"])
  }

  @Test("A save and load changes nothing", arguments: Cell.core)
  func saveAndLoad(_ cell: Cell) throws {
    func make(_ seed: UInt64) -> Recurrent {
      Recurrent(
        cell: cell, inputSize: 3, hiddenSize: 5, layers: 2, bidirectional: true, learnsFirstStates: true,
        stream: RandomStream(seed: seed, name: "initialisation"))
    }
    let (saved, loaded) = (make(1), make(2))
    var writer = Safetensors.Writer()
    for (name, parameter) in saved.namedParameters() {
      writer.add(name, shape: parameter.shape, floats: parameter.value.scalars)
    }
    let file = try Safetensors(data: Array(writer.encode()), file: "model.safetensors")
    let x = random([4, 3, 3])
    let expected = saved(x)
    #expect(loaded(x).output?.scalars != expected.output?.scalars)
    for (name, parameter) in loaded.namedParameters() {
      parameter.assign(Tensor(try file.floats(name, shape: parameter.shape), shape: parameter.shape))
    }
    let found = loaded(x)
    #expect(found.output?.scalars == expected.output?.scalars)
    #expect(found.finalStates.map(\.scalars) == expected.finalStates.map(\.scalars))
  }

  // MARK: What only a programmer gets wrong

  @Test("Sizes and settings out of range stop the program")
  func badSettings() async {
    await #expect(processExitsWith: .failure) {
      _ = Recurrent(cell: .lstm, inputSize: 0, hiddenSize: 4, stream: RecurrentTests.stream)
    }
    await #expect(processExitsWith: .failure) {
      _ = Recurrent(cell: .lstm, inputSize: 2, hiddenSize: 4, layers: 0, stream: RecurrentTests.stream)
    }
    await #expect(processExitsWith: .failure) {
      _ = Recurrent(cell: .lstm, inputSize: 2, hiddenSize: 4, dropout: 1, stream: RecurrentTests.stream)
    }
  }

  @Test("Inputs, states and lengths of a wrong shape stop the program")
  func badShapes() async {
    await #expect(processExitsWith: .failure) { _ = RecurrentTests.small(.zeros([4, 2, 5])) }
    await #expect(processExitsWith: .failure) { _ = RecurrentTests.small(.zeros([8, 3])) }
    await #expect(processExitsWith: .failure) {
      _ = RecurrentTests.small(.zeros([4, 2, 3]), states: [.zeros([1, 2, 4])])  // the cell state is missing
    }
    await #expect(processExitsWith: .failure) {
      _ = RecurrentTests.small(.zeros([4, 2, 3]), states: [.zeros([2, 4]), .zeros([2, 4])])
    }
    await #expect(processExitsWith: .failure) {
      _ = RecurrentTests.small(.zeros([4, 2, 3]), lengths: [4])
    }
    await #expect(processExitsWith: .failure) {
      _ = RecurrentTests.small(.zeros([4, 2, 3]), lengths: [4, 5])
    }
    // What these calls have in common is right.
    await #expect(processExitsWith: .success) {
      _ = RecurrentTests.small(
        .zeros([4, 2, 3]), states: [.zeros([1, 2, 4]), .zeros([1, 2, 4])], lengths: [4, 0])
    }
  }

  @Test("Lengths that don't fit are named beside those that would")
  func message() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = RecurrentTests.small(.zeros([3, 2, 3]), lengths: [4, 1])
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("sequences: expected 2 lengths of 0...3, found [4, 1]"), "\(text)")
  }

  private static func small(
    _ x: Tensor, states: [Tensor]? = nil, lengths: [Int]? = nil
  ) -> Recurrent.Result {
    Recurrent(cell: .lstm, inputSize: 3, hiddenSize: 4, stream: stream)(x, states: states, lengths: lengths)
  }
}

extension Recurrent {
  /// The parameter of this name.
  func parameter(_ name: String) -> Parameter? {
    namedParameters().first { $0.name == name }?.parameter
  }
}
