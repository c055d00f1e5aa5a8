import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@Suite("ModelStream")
struct ModelStreamTests {
  /// Symbols or numbers, recurrent layers of a cell, and a head with softmax.
  static func model(_ cell: Cell, layers: Int, symbols: Bool, units: Int = 20) throws -> Sequential {
    var chain: [any Layer] = symbols ? [Embedding(11, 18)] : []
    for _ in 0..<layers { chain.append(Recurrent(cell, units, returnSequences: true)) }
    chain.append(Dense(7, activation: .softmax))
    let model = Sequential(chain, input: symbols ? .sequence() : .sequence(5))
    try model.build(seed: 3)
    return model
  }

  /// Inputs of T steps of B sequences.
  static func input(_ shape: LayerShape, T: Int, B: Int) -> Tensor {
    guard shape.features.isEmpty else { return random([T, B] + shape.features, "input") }
    return Tensor((0..<T * B).map { Float(1 + $0 * 7 % 10) }, shape: [T, B])
  }

  /// The largest difference, relative to numbers above 1.
  static func difference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 0
  }

  /// The outputs of a sequence step by step: of all steps one after another.
  static func stream(_ stream: ModelStream, _ x: Tensor) throws -> [Float] {
    let (steps, batch) = (x.shape[0], x.shape[1])
    var sessions = Array(repeating: stream.session(), count: batch)
    let numbers = x.scalars, size = numbers.count / steps
    return try (0..<steps).flatMap {
      try stream.step(&sessions, Array(numbers[$0 * size..<($0 + 1) * size]))
    }
  }

  @Test("Step by step the outputs are the whole sequence's", arguments: Cell.core, [1, 2])
  func agreement(_ cell: Cell, _ layers: Int) throws {
    for symbols in [false, true] {
      let model = try Self.model(cell, layers: layers, symbols: symbols)
      let x = Self.input(model.inputs[0].shape, T: 12, B: 3)
      let stream = try model.stream()
      #expect(stream.symbols == (symbols ? 11 : nil))
      #expect(stream.inputSize == (symbols ? 1 : 5))
      #expect(stream.outputSize == 7)
      let found = try Self.stream(stream, x)
      #expect(Self.difference(found, model(x).scalars) < 1e-6, "\(cell.name), symbols: \(symbols)")
    }
  }

  @Test("All layers that take a step at a time agree with the model", arguments: Activation.allCases)
  func layers(_ activation: Activation) throws {
    var options = RecurrentOptions(cell: .lstm, units: 17)
    options.layers = 2
    options.learnsFirstStates = true
    options.zoneout = ["c": 0.3]
    options.returnSequences = true
    let model = Sequential(
      Dense(18, activation: activation), LayerNormalization(), Recurrent(options), Dropout(0.3),
      TimeDistributed(Dense(9, activation: .tanh)), BatchNormalization(), ActivationLayer(activation),
      input: .sequence(4))
    try model.build(seed: 5)
    var state = model.state
    for name in state.names where name.contains("batch") || name.hasSuffix("0") || name.contains("normal") {
      guard let tensor = state[name] else { continue }
      state[name] = random(tensor.shape, name, in: 0.2..<1)
    }
    try model.load(state)
    let x = Self.input(.sequence(4), T: 6, B: 2)
    let found = try Self.stream(try model.stream(), x)
    #expect(Self.difference(found, model(x).scalars) < 2e-6)
  }

  @Test("A model of the last step gives what it would give if each step were the last")
  func lastStep() throws {
    for layer in [LSTM(6), LSTM(6, returnSequences: true)] as [Recurrent] {
      let chain: [any Layer] =
        layer.options.returnSequences ? [layer, LastStep(), Dense(2)] : [layer, Dense(2)]
      let model = Sequential(chain, input: .sequence(3))
      try model.build(seed: 2)
      let x = Self.input(.sequence(3), T: 5, B: 2)
      let found = try Self.stream(try model.stream(), x)
      for step in 0..<5 {
        let expected = model(x.sliced(0..<step + 1, axis: 0)).scalars
        #expect(Self.difference(Array(found[step * 4..<(step + 1) * 4]), expected) < 1e-6)
      }
    }
  }

  @Test("In every precision streams are as the model runs")
  func precisions() throws {
    for precision in [Precision.float32, .bfloat16] where precision.problem(on: .active) == nil {
      var options = RecurrentOptions(cell: .gru, units: 24)
      options.precision = precision
      options.returnSequences = true
      let model = Sequential(Recurrent(options), Dense(3), input: .sequence(20))
      try model.build(seed: 4)
      let x = Self.input(.sequence(20), T: 8, B: 3)
      let found = try Self.stream(try model.stream(), x)
      #expect(Self.difference(found, model(x).scalars) < (precision == .float32 ? 1e-6 : 0x1p-8))
    }
  }

  @Test("Later changes of the model don't matter")
  func packed() throws {
    let model = try Self.model(.lstm, layers: 1, symbols: false)
    let stream = try model.stream()
    let x = Self.input(.sequence(5), T: 3, B: 1)
    let before = try Self.stream(stream, x)
    var state = model.state
    for name in state.names { state[name] = state[name].map { $0 * 2 } }
    try model.load(state)
    #expect(try Self.stream(stream, x) == before)
    #expect(try model.stream().signature != stream.signature)
  }

  @Test("Any threads share a stream")
  func threads() async throws {
    let stream = try Self.model(.lstmWM, layers: 2, symbols: true).stream()
    let x: [Float] = [1, 5, 3, 2, 9, 4]
    @Sendable func run() throws -> [Float] {
      var session = stream.session()
      return try x.flatMap { try stream.step(&session, [$0]) }
    }
    let expected = try run()
    try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<8 { group.addTask { try run() } }
      for try await outputs in group { #expect(outputs == expected) }
    }
  }

  // MARK: Refusals

  private func refusal(_ layers: [any Layer], input: LayerShape = .sequence(3)) throws -> String {
    let model = Sequential(layers, input: input)
    try model.build(seed: 1)
    do { _ = try model.stream() } catch { return "\(error)" }
    return "none"
  }

  @Test("What needs the whole sequence is refused by name, in one line")
  func refusals() throws {
    let steps =
      "expected a layer that takes a step at a time: embedding, recurrent, transformer_encoder, dense, activation, normalisation, dropout, last_step, found "
    #expect(
      try refusal([Bidirectional(LSTM(2, returnSequences: true))])
        == "layer bidirectional: \(steps)bidirectional")
    let pooling = GlobalMaxPooling1D.kind
    #expect(try refusal([GlobalMaxPooling1D()]) == "layer \(pooling): \(steps)\(pooling)")
    #expect(
      try refusal([LSTM(2, returnSequences: true, goBackwards: true)])
        == "layer recurrent: expected steps from the first to the last, found go_backwards")
    var options = RecurrentOptions(cell: .gru, units: 2)
    options.isBidirectional = true
    #expect(
      try refusal([Recurrent(options)])
        == "layer recurrent: expected layers of one direction, found two directions")
    #expect(
      try refusal([Dense(2)], input: .vector(3))
        == "model: expected sequences of vectors [T, B, I] or of symbols [T, B], found [B, 3]")
    #expect(
      try refusal([ActivationLayer(.tanh)], input: .sequence())
        == "layer activation: expected vectors, as after an embedding, found [T, B]")
    #expect(throws: StreamError.badModel(expected: "one that is built", found: "one without parameters")) {
      try Sequential(Dense(2)).stream()
    }
    let (a, b) = (Input(.sequence(3), name: "a"), Input(.sequence(3), name: "b"))
    let graph = try Model(inputs: [a, b], outputs: [Add()(a, b)], seed: 1)
    #expect(
      throws: StreamError.badModel(
        expected: "a chain of layers", found: "a graph of 2 inputs, 1 calls and 1 outputs")
    ) { try graph.stream() }
  }

  @Test("Wrong inputs are refused, and the session stays")
  func inputs() throws {
    let symbols = try Self.model(.lstm, layers: 1, symbols: true).stream()
    var session = symbols.session()
    _ = try symbols.step(&session, [3])
    let before = session
    for (input, found) in [
      ([11], "symbols in 0..<11, found 11.0"), ([-1], "symbols in 0..<11, found -1.0"),
      ([0.5], "symbols in 0..<11, found 0.5"), ([.nan], "symbols in 0..<11, found nan"),
      ([.infinity], "symbols in 0..<11, found inf"), ([1, 2], "1 symbols, found 2"),
    ] as [([Float], String)] {
      do {
        _ = try symbols.step(&session, input)
        Issue.record("\(input) was taken")
      } catch { #expect("\(error)" == "step: expected \(found)") }
      #expect(session == before)
    }
    let numbers = try Self.model(.lstm, layers: 1, symbols: false).stream()
    var other = numbers.session()
    #expect(throws: StreamError.badInput(expected: "1 · 5 numbers", found: "4")) {
      try numbers.step(&other, [1, 2, 3, 4])
    }
    #expect(throws: StreamError.self) { try numbers.step(&session, [1, 2, 3, 4, 5]) }
    let padded = Sequential(Embedding(4, 2, maskZero: true), LSTM(3), input: .sequence())
    try padded.build(seed: 1)
    let stream = try padded.stream()
    var third = stream.session()
    #expect(throws: StreamError.badInput(expected: "symbols in 1..<4, as 0 is padding", found: "0.0")) {
      try stream.step(&third, [0])
    }
  }
}
