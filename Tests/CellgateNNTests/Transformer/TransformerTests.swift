import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// The laws of a Transformer's layers and stacks.
@Suite("Transformer")
struct TransformerTests {
  private static let D = 8, T = 6, B = 3
  private static let mask = SequenceMask.lengths([6, 2, 4])

  /// A stack of two layers of two heads.
  private static func encoder(
    _ positions: TransformerPositions, window: Int? = nil, normFirst: Bool = true, units: Int? = nil,
    activation: Activation = .gelu, dropout: Float = 0
  ) -> TransformerEncoder {
    var options = TransformerEncoder.Options(layers: 2, heads: 2, units: units)
    options.positions = positions
    options.layer.feedForward = 12
    options.layer.activation = activation
    options.layer.normFirst = normFirst
    options.layer.isCausal = window != nil
    options.layer.window = window
    options.layer.dropout = dropout
    return built(TransformerEncoder(options), [.sequence(D)])
  }

  private static func built<Made: Layer>(_ layer: Made, _ inputs: [LayerShape]) -> Made {
    layer.build(inputs, BuildContext(name: "transformer", stream: RandomStream(seed: 3, name: "t")))
    for (name, parameter) in layer.namedParameters() {
      parameter.assign(parameter.value + random(parameter.shape, name, in: -0.3..<0.3))
    }
    return layer
  }

  private static func x(_ steps: Int = T) -> Tensor { random([steps, B, D], "x") }

  private func difference(_ found: Tensor, _ expected: Tensor) -> Float {
    guard found.shape == expected.shape else { return .infinity }
    return zip(found.scalars, expected.scalars).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(
    "The parameters are those that are announced, under PyTorch's names", arguments: [true, false], [8, 10])
  func parameters(normFirst: Bool, units: Int) {
    let encoder = Self.encoder(.none, normFirst: normFirst, units: units)
    let found = encoder.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
    #expect(found == Array(encoder.parameterShapes([.sequence(Self.D)])))
    let names = Set(found.map(\.name))
    #expect(names.contains("layers.1.self_attn.query.weight") && names.contains("layers.0.linear2.bias"))
    #expect(names.contains("norm.weight") == normFirst && names.contains("input.weight") == (units != Self.D))
    let decoder = Self.built(TransformerDecoderLayer(heads: 2), [.sequence(Self.D), .sequence(5)])
    #expect(
      decoder.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
        == Array(decoder.parameterShapes([.sequence(Self.D), .sequence(5)])))
  }

  @Test("The gradients of all parameters and of the input agree with differences", arguments: [true, false])
  func gradients(normFirst: Bool) {
    let encoder = Self.encoder(.rotary, normFirst: normFirst, units: 4, activation: .gelu)
    let x = Parameter(random([3, 2, Self.D]))
    let mask = SequenceMask.lengths([3, 1])
    let error = gradientError(of: [x] + encoder.namedParameters().map(\.parameter)) {
      encoder([LayerValue(x.tensor, mask: mask)], .inference())[0].tensor
    }
    #expect(error < 4e-4)
    let decoder = Self.built(
      TransformerDecoderLayer(heads: 1, normFirst: normFirst), [.sequence(4), .sequence(3)])
    let (y, memory) = (Parameter(random([3, 2, 4], "y")), Parameter(random([2, 2, 3], "memory")))
    let other = gradientError(of: [y, memory] + decoder.namedParameters().map(\.parameter)) {
      decoder([LayerValue(y.tensor), LayerValue(memory.tensor, mask: .lengths([2, 1]))], .inference())[0]
        .tensor
    }
    #expect(other < 4e-4)
  }

  @Test("What is masked changes nothing and is 0", arguments: TransformerPositions.allCases)
  func masks(_ positions: TransformerPositions) {
    let encoder = Self.encoder(positions)
    let x = Self.x()
    let flags = Self.mask.flags(steps: Self.T, batch: Self.B)
    let other = Tensor(
      x.scalars.enumerated().map { flags[$0 / Self.D] ? $1 : 100 }, shape: x.shape)
    let y = encoder([LayerValue(x, mask: Self.mask)], .inference())[0]
    let z = encoder([LayerValue(other, mask: Self.mask)], .inference())[0]
    #expect(y.tensor.scalars == z.tensor.scalars && y.mask == Self.mask)
    for (place, flag) in flags.enumerated() {
      let row = y.tensor.scalars[place * Self.D..<(place + 1) * Self.D]
      #expect(row.contains { $0 != 0 } == flag)
    }
    // A sequence alone is that sequence.
    let alone = encoder([LayerValue(x.sliced(1..<2, axis: 1)[0..<2])], .inference())[0].tensor
    #expect(difference(alone, y.tensor.sliced(1..<2, axis: 1)[0..<2]) < 1e-5)
  }

  @Test("A gap is left out", arguments: [nil, 4])
  func gaps(window: Int?) {
    let encoder = Self.encoder(.none, window: window)
    let x = random([4, 1, Self.D])
    let whole = encoder([LayerValue(x, mask: .flags([true, false, true, true]))], .inference())[0].tensor
    let rows = concatenated([x[0..<1], x[2..<4]], axis: 0)
    let short = encoder([LayerValue(rows)], .inference())[0].tensor
    #expect(difference(concatenated([whole[0..<1], whole[2..<4]], axis: 0), short) < 1e-5)
  }

  @Test("A causal layer sees no later step, and a window no earlier one")
  func causality() {
    let encoder = Self.encoder(.rotary, window: 2)
    let x = Self.x()
    var numbers = x.scalars
    for index in 0..<Self.B * Self.D { numbers[3 * Self.B * Self.D + index] = 9 }
    let (y, z) = (
      encoder([LayerValue(x)], .inference())[0].tensor,
      encoder([LayerValue(Tensor(numbers, shape: x.shape))], .inference())[0].tensor
    )
    #expect(y[0..<3].scalars == z[0..<3].scalars)
    // Two layers of two steps each: the third step after it doesn't know of it.
    #expect(y[3].scalars != z[3].scalars && y[5].scalars != z[5].scalars)
    let (later, changed) = (Self.encoder(.rotary, window: 1), Self.encoder(.rotary, window: 1))
    #expect(
      later([LayerValue(x)], .inference())[0].tensor[4].scalars
        == changed([LayerValue(Tensor(numbers, shape: x.shape))], .inference())[0].tensor[4].scalars)
  }

  @Test(
    "Pieces of a sequence are the whole one, and so are steps", arguments: TransformerPositions.allCases,
    [1, 3, 5, 40])
  func pieces(_ positions: TransformerPositions, window: Int) throws {
    for normFirst in [true, false] {
      let encoder = Self.encoder(positions, window: window, normFirst: normFirst, units: 12)
      let x = Self.x(23)
      let whole = encoder([LayerValue(x)], .inference())[0].tensor
      var states: [Tensor]?
      var found: [Tensor] = []
      for range in [0..<4, 4..<5, 5..<16, 16..<23] {
        let result = encoder.run(x[range], states: states, wantsStates: true, .inference())
        #expect(result.states.map(\.shape) == encoder.stateShapes(batch: Self.B, units: 12))
        (states, found) = (result.states, found + [result.output])
      }
      #expect(difference(concatenated(found, axis: 0), whole) < 1e-5)

      let model = try Model(
        ModelDescription(
          chain: [LayerDescription(encoder, name: "transformer")], input: .init("x", .sequence(Self.D))))
      try model.loadState(of: encoder)
      #expect(difference(model(x), whole) == 0)
      let steps = try ModelStreamTests.stream(model.stream(), x)
      #expect(difference(Tensor(steps, shape: whole.shape), whole) < 1e-5)
    }
  }

  @Test("Of one step there is something to say, and of none")
  func few() {
    for positions in TransformerPositions.allCases {
      let encoder = Self.encoder(positions, window: 3)
      #expect(encoder([LayerValue(Self.x(1))], .inference())[0].tensor.scalars.allSatisfy { $0.isFinite })
      #expect(encoder([LayerValue(Self.x(0))], .inference())[0].tensor.shape == [0, Self.B, Self.D])
    }
  }

  @Test("Dropout acts while training alone")
  func dropout() {
    let encoder = Self.encoder(.rotary, dropout: 0.5), x = LayerValue(Self.x())
    let plain = encoder([x], .inference())[0].tensor
    #expect(plain.scalars == Self.encoder(.rotary)([x], .inference())[0].tensor.scalars)
    let first = encoder([x], .training(seed: 1, step: 1))[0].tensor.scalars
    #expect(first == encoder([x], .training(seed: 1, step: 1))[0].tensor.scalars && first != plain.scalars)
  }

  @Test("What a stack is not made for is said in one line")
  func problems() throws {
    func problem(_ change: (inout TransformerEncoder.Options) -> Void) -> String? {
      var options = TransformerEncoder.Options(layers: 1, heads: 4, units: 8)
      change(&options)
      return options.problem
    }
    #expect(problem { _ in } == nil)
    #expect(problem { $0.units = 10 } == "units: expected a multiple of 4 heads, found 10")
    #expect(
      problem { $0.units = 12 }
        == "units: expected an even number for each of 4 heads, as rotary positions turn pairs, found 12")
    #expect(problem { ($0.units, $0.positions) = (12, .sinusoidal) } == nil)
    #expect(problem { $0.layer.activation = .tanh } == "activation: expected relu or gelu, found tanh")
    #expect(problem { $0.layer.window = 3 }?.hasPrefix("window: expected a causal layer") == true)
    #expect(problem { $0.layer.dropout = 1 }?.hasPrefix("dropout: ") == true)
    #expect(problem { $0.layers = 0 }?.hasPrefix("layers: ") == true)
    let free = TransformerEncoder(.init(layers: 1, heads: 3))
    #expect(throws: LayerError.self) { try free.outputShapes([.sequence(8)]) }
    #expect(throws: LayerError.self) { try free.outputShapes([.vector(6)]) }
    #expect(throws: LayerError.self) {
      try TransformerDecoder(.init(layers: 1, heads: 3)).outputShapes([.sequence(6)])
    }
    let model = Sequential([TransformerEncoder(.init(layers: 1, heads: 2))], input: .sequence(8))
    try model.build(seed: 1)
    #expect(throws: StreamError.self) { try model.stream() }
  }

  @Test("A decoder sees the other sequence, and of its own what came before")
  func decoder() throws {
    var options = TransformerEncoder.Options(layers: 2, heads: 2, units: 12)
    options.positions = .sinusoidal
    let decoder = Self.built(TransformerDecoder(options), [.sequence(Self.D), .sequence(5)])
    #expect(try decoder.outputShapes([.sequence(Self.D), .sequence(5)]) == [.sequence(12)])
    #expect(
      decoder.namedParameters().map { ParameterShape($0.name, $0.parameter.shape) }
        == Array(decoder.parameterShapes([.sequence(Self.D), .sequence(5)])))
    let (x, memory) = (Self.x(), random([4, Self.B, 5], "memory"))
    let seen = SequenceMask.lengths([4, 1, 2])
    func run(_ x: Tensor, _ memory: Tensor) -> Tensor {
      decoder([LayerValue(x, mask: Self.mask), LayerValue(memory, mask: seen)], .inference())[0].tensor
    }
    let y = run(x, memory)
    var other = memory.scalars
    for index in 1 * Self.B * 5 + 5..<1 * Self.B * 5 + 10 { other[index] = 7 }
    #expect(run(x, Tensor(other, shape: memory.shape)).scalars == y.scalars)
    other[5] = 7
    #expect(run(x, Tensor(other, shape: memory.shape)).scalars != y.scalars)
    var later = x.scalars
    later[4 * Self.B * Self.D] = 7
    let z = run(Tensor(later, shape: x.shape), memory)
    #expect(z[0..<4].scalars == y[0..<4].scalars && z[4].scalars != y[4].scalars)
    #expect(
      try Model(
        ModelDescription(
          inputs: [.init("x", .sequence(Self.D)), .init("memory", .sequence(5))],
          layers: [LayerDescription(decoder, name: "decoder")],
          calls: [.init("decoder", [.init(node: 0), .init(node: 1)])], outputs: [.init(node: 2)])
      ).outputShapes == [.sequence(12)])
  }
}

extension Model {
  /// Takes the numbers of the only layer's parameters.
  fileprivate func loadState(of layer: any Layer) throws {
    for (name, parameter) in layer.namedParameters() {
      let own = try #require(
        namedParameters().first { $0.name.split(separator: ".", maxSplits: 1).last.map(String.init) == name })
      own.parameter.assign(parameter.value)
    }
  }
}
