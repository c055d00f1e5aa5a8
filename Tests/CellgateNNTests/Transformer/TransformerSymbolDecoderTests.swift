import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

/// A Transformer that writes symbols about a sequence.
@Suite("TransformerSymbolDecoder")
struct TransformerSymbolDecoderTests {
  private static let V = 7, D = 8, B = 3, S = 5

  private static func layer(_ positions: TransformerPositions, tied: Bool = true) -> TransformerSymbolDecoder
  {
    var symbols = SymbolOptions(vocabularySize: V, embeddingSize: D)
    symbols.tiesWeights = tied
    var stack = TransformerEncoder.Options(layers: 2, heads: 2, units: D)
    stack.positions = positions
    let layer = TransformerSymbolDecoder(.init(symbols: symbols, decoder: stack))
    layer.build(
      [.sequence(), .sequence(6)], BuildContext(name: "decoder", stream: RandomStream(seed: 3, name: "d")))
    for (name, parameter) in layer.namedParameters() {
      parameter.assign(parameter.value + random(parameter.shape, name, in: -0.3..<0.3))
    }
    return layer
  }

  private static var memory: LayerValue {
    LayerValue(random([S, B, 6], "memory"), mask: .lengths([5, 1, 3]))
  }
  /// [T, B]
  private static let tokens: [Int32] = [1, 2, 3, 4, 5, 6, 0, 1, 2, 6, 6, 6]

  private func difference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(
    "A step at a time gives what known symbols give at once, for rows in any order",
    arguments: TransformerPositions.allCases, [true, false])
  func steps(_ positions: TransformerPositions, tied: Bool) throws {
    let layer = Self.layer(positions, tied: tied)
    let x = Tensor(Self.tokens.map(Float.init), shape: [4, Self.B])
    let whole = layer([LayerValue(x), Self.memory], .inference())[0].tensor
    let known = layer.outputs(DecodedSymbols(Self.tokens, lengths: [4, 4, 4]), [Self.memory], .inference())
    let looked = try #require(known.weights)
    let decoder = layer.decoder([Self.memory], .inference())
    // The rows are those of the third, first, first and second sequence.
    let owners: [Int32] = [2, 0, 0, 1]
    var states = decoder.select(decoder.start, rows: owners)
    for step in 0..<4 {
      let own = owners.map { Self.tokens[step * Self.B + Int($0)] }
      let result = decoder.step(states, tokens: own)
      for (row, owner) in owners.enumerated() {
        #expect(difference(result.logits[row].scalars, whole[step][Int(owner)].scalars) < 1e-5)
        let weights = looked[step * Self.B + Int(owner)].scalars
        #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
      }
      states = result.states
    }
  }

  @Test("What stands after an end changes nothing, and rows may be about any of the sequences")
  func lengths() {
    let layer = Self.layer(.rotary)
    let symbols = DecodedSymbols(Self.tokens, lengths: [2, 4, 1])
    var other = Self.tokens
    other[6] = 3
    (other[5], other[8]) = (0, 0)
    let found = layer.outputs(symbols, [Self.memory], .training(seed: 1, step: 0))
    let changed = layer.outputs(
      DecodedSymbols(other, lengths: [2, 4, 1]), [Self.memory], .training(seed: 1, step: 0))
    #expect(found.outputs.shape == [7, Self.D] && found.places == [0, 1, 2, 3, 4, 7, 10])
    #expect(found.outputs.scalars == changed.outputs.scalars && found.weights == nil)
    let first = DecodedSymbols([1, 4, 0, 6].map { Int32($0) }, lengths: [4], sequences: [0])
    let alone = layer.outputs(first, [Self.memory], .inference()).outputs
    let all = layer.outputs(
      DecodedSymbols(Self.tokens, lengths: [4, 4, 4]), [Self.memory], .inference()
    ).outputs
    for step in 0..<4 { #expect(difference(alone[step].scalars, all[step * Self.B].scalars) < 1e-5) }
  }

  @Test("Gradients reach every parameter, and drawn symbols are those of the same seed")
  func training() {
    let layer = Self.layer(.sinusoidal)
    let symbols = DecodedSymbols(Self.tokens, lengths: [2, 4, 1], drawnShare: 0.5)
    let drawn = layer.outputs(symbols, [Self.memory], .training(seed: 1, step: 0)).outputs.scalars
    #expect(drawn == layer.outputs(symbols, [Self.memory], .training(seed: 1, step: 0)).outputs.scalars)
    let parameters = layer.namedParameters()
    let error = directionalError(of: parameters.map(\.parameter), directions: 1) {
      layer.logits(
        layer.outputs(DecodedSymbols(Self.tokens, lengths: [4, 2, 4]), [Self.memory], .inference()).outputs
      ).tanh().sum()
    }
    #expect(error < 1e-3)
    #expect(
      parameters.map { ParameterShape($0.name, $0.parameter.shape) }
        == Array(layer.parameterShapes([.sequence(), .sequence(6)])))
  }

  @Test("What doesn't fit is said in a line")
  func problems() {
    let symbols = SymbolOptions(vocabularySize: 5, embeddingSize: 6)
    var tied = symbols
    tied.tiesWeights = true
    func problem(_ symbols: SymbolOptions, _ units: Int?) -> String? {
      TransformerSymbolDecoder.Options(symbols: symbols, decoder: .init(layers: 1, heads: 2, units: units))
        .problem
    }
    #expect(problem(symbols, 8) == nil)
    #expect(problem(symbols, nil)?.hasPrefix("units: expected an even number for each of 2 heads") == true)
    #expect(problem(tied, 8)?.hasPrefix("embedding_size: expected the outputs' size 8") == true)
    #expect(throws: LayerError.self) { try Self.layer(.none).outputShapes([.sequence()]) }
  }
}
