import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Looks at a sequence")
struct AttentionHopsTests {
  static func options(_ cell: Cell?, hops: Int = 2) -> AttentionHops.Options {
    .init(
      AdditiveAttention(4), recurrent: cell.map { RecurrentOptions(cell: $0, units: 3) },
      hops: cell == nil ? 1 : hops)
  }

  private func model(_ cell: Cell?) throws -> Model {
    let question = Input(.vector(3), name: "question"), facts = Input(.sequence(2), name: "facts")
    let looks = AttentionHops(Self.options(cell)).outputs([question, facts])
    return try Model(inputs: [question, facts], outputs: looks, seed: 5)
  }

  private let question = LayerValue(random([2, 3], "question"))
  private let facts = random([4, 2, 2], "facts")

  @Test(
    "Weights of each look sum to 1 over the valid places, and padding changes nothing",
    arguments: [nil, Cell.gru])
  func weights(cell: Cell?) throws {
    let model = try model(cell), looks = cell == nil ? 1 : 2
    let whole = model([question, LayerValue(facts, mask: .lengths([4, 2]))])
    #expect(whole[0].tensor.shape == [2, cell == nil ? 2 : 3] && whole[1].tensor.shape == [4, 2, looks])
    let sums = whole[1].tensor.sum(axis: 0).scalars
    #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
    #expect(whole[1].tensor[2].scalars.suffix(looks).allSatisfy { $0 == 0 })
    // The second question and its two facts alone.
    let alone = model([
      LayerValue(question.tensor.sliced(1..<2, axis: 0)),
      LayerValue(facts.sliced(0..<2, axis: 0).sliced(1..<2, axis: 1)),
    ])
    for (one, other) in zip(alone[0].tensor.scalars, whole[0].tensor[1].scalars) {
      #expect(abs(one - other) < 1e-6)
    }
    // Without facts there is nothing to look at.
    let none = model([question, LayerValue(facts, mask: .lengths([0, 0]))])
    #expect(none[1].tensor.scalars.allSatisfy { $0 == 0 } && none[0].tensor.scalars.allSatisfy(\.isFinite))
  }

  @Test("Has the gradient of central differences, of the weights too", arguments: [nil, Cell.lstmWM])
  func gradient(cell: Cell?) throws {
    let model = try model(cell)
    let error = gradientError(of: model.namedParameters().map(\.parameter), step: 0.01) {
      let found = model([question, LayerValue(facts, mask: .lengths([4, 3]))])
      return concatenated(
        [
          found[0].tensor.reshaped([found[0].tensor.count]),
          found[1].tensor.reshaped([found[1].tensor.count]),
        ], axis: 0)
    }
    #expect(error < 2e-3)
  }

  @Test("The looks are steps of the cell from the question's states")
  func steps() throws {
    let model = try model(.gru)
    let found = model([question, LayerValue(facts)])
    let state = model.state
    func parameter(_ name: String) throws -> Tensor {
      try #require(state.entries.first { $0.name == "attention_hops." + name }?.tensor)
    }
    let attention = AdditiveAttention(4), recurrent = Recurrent(.gru, 3, returnSequences: true)
    attention.build(
      [.vector(3), .sequence(2)], BuildContext(name: "a", stream: RandomStream(seed: 0, name: "a")))
    recurrent.build([.sequence(5)], BuildContext(name: "r", stream: RandomStream(seed: 0, name: "r")))
    for (layer, part) in [(attention as any Layer, "attention"), (recurrent, "recurrent")] {
      for own in layer.namedParameters() {
        own.parameter.assign(try parameter(part + "." + own.name))
      }
    }
    var h = linear(
      question.tensor, weight: try parameter("first_states.weight"), bias: try parameter("first_states.bias")
    ).tanh()
    let memory = attention.memory(facts)
    for look in 0..<2 {
      let seen = attention.attend(h, memory)
      let weights = found[1].tensor.permuted([2, 1, 0])[look].scalars
      for (one, other) in zip(seen.weights.scalars, weights) { #expect(abs(one - other) < 1e-5) }
      let input = concatenated([question.tensor, seen.context]).unsqueezed(axis: 0)
      h = recurrent([LayerValue(input)] + [LayerValue(h)], .inference())[0].tensor[0]
    }
    for (one, other) in zip(h.scalars, found[0].tensor.scalars) { #expect(abs(one - other) < 1e-5) }
  }

  @Test("Options that make no sense are named")
  func problems() {
    #expect(Self.options(.gru).problem == nil)
    var options = Self.options(nil)
    options.hops = 2
    #expect(options.problem?.contains("without recurrent layers") == true)
    options.hops = 0
    #expect(options.problem?.contains("hops") == true)
    options = Self.options(.gru)
    options.recurrent?.isBidirectional = true
    #expect(options.problem?.contains("direction") == true)
    options = Self.options(.gru)
    options.attention = LayerDescription(Dense(3), name: "attention")
    #expect(options.problem?.contains("dense") == true)
  }

  @Test("Places are counted from either end, masked steps left out")
  func places() throws {
    let zeros = Tensor.zeros([4, 2, 1])
    for fromEnd in [false, true] {
      let x = Input(.sequence(1))
      let model = try Model(inputs: x, outputs: PositionEmbedding(3, fromEnd: fromEnd)(x), seed: 1)
      let vectors = try #require(model.state.entries.first?.tensor.scalars)
      let found = model([LayerValue(zeros, mask: .lengths([4, 2]))])[0].tensor
      let columns = (0..<2).map { column in (0..<4).map { found[$0][column].scalars[0] } }
      let (a, b, c) = (vectors[0], vectors[1], vectors[2])
      #expect(columns[0] == (fromEnd ? [c, c, b, a] : [a, b, c, c]))
      #expect(columns[1].prefix(2) == (fromEnd ? [b, a] : [a, b]))
    }
  }
}
