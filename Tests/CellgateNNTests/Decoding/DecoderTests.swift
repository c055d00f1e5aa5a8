import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

/// The laws of decoding layers, over every way in which they are put together.
@Suite("Decoders")
struct DecoderTests {
  private static let V = 7, E = 3, H = 4, F = 5, S = 3, B = 3
  private static let start: Int32 = 1, end: Int32 = 0

  static func symbols(tied: Bool = false) -> SymbolOptions {
    var options = SymbolOptions(vocabularySize: V, embeddingSize: tied ? H : E)
    options.tiesWeights = tied
    return options
  }

  static func recurrent(
    _ subject: RecurrentDecoder.Subject, cell: Cell = .lstm, layers: Int = 1, tied: Bool = false
  ) -> RecurrentDecoder.Options {
    var own = RecurrentOptions(cell: cell, units: H)
    own.layers = layers
    return .init(symbols: symbols(tied: tied), recurrent: own, subject: subject)
  }

  static func attending(
    _ placement: AttentionDecoder.Placement, cell: Cell = .lstm, layers: Int = 1,
    attention: any AttentionLayer = AdditiveAttention(6)
  ) -> AttentionDecoder.Options {
    var own = RecurrentOptions(cell: cell, units: H)
    own.layers = layers
    func options(_ attention: some AttentionLayer) -> AttentionDecoder.Options {
      .init(
        symbols: symbols(), recurrent: own, attention: attention, placement: placement,
        second: placement == .between ? RecurrentOptions(cell: .gru, units: H) : nil)
    }
    return options(attention)
  }

  /// A decoder, what it writes about, and its name in the tests.
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let make: @Sendable () -> any DecodingLayer
    let subjects: @Sendable () -> [LayerValue]

    /// The decoder as a model.
    func model() throws -> DecodingModel {
      let layer = make()
      let words = Input(.sequence(), name: "words")
      let inputs = subjects().enumerated().map { index, value in
        let shape = value.tensor.shape
        return Input(
          LayerShape(isSequence: shape.count == 3, features: [shape[shape.count - 1]]), name: "x\(index)")
      }
      let model = try Model(inputs: inputs + [words], outputs: [layer([words] + inputs)], seed: 4)
      for (name, parameter) in model.namedParameters() {
        parameter.assign(random(parameter.shape, name, in: -0.9..<0.9))
      }
      return try DecodingModel(model)
    }
  }

  private static func picture() -> [LayerValue] { [LayerValue(random([B, F], "picture"))] }
  private static func regions() -> [LayerValue] { [LayerValue(random([S, B, F], "regions"))] }
  private static func masked() -> [LayerValue] {
    [
      LayerValue(random([S, B, F], "regions"), mask: .lengths([3, 1, 2])),
      LayerValue(random([B, 2], "summary")),
    ]
  }

  static let cases: [Case] = {
    var cases: [Case] = []
    for subject in [RecurrentDecoder.Subject.firstInput, .firstStates] {
      for (cell, layers, tied) in [(Cell.lstm, 1, false), (.lstmWM, 2, true), (.gru, 1, true)] {
        cases.append(
          Case(testDescription: "\(subject) \(cell.name) × \(layers)\(tied ? ", tied" : "")") {
            RecurrentDecoder(recurrent(subject, cell: cell, layers: layers, tied: tied))
          } subjects: {
            picture()
          })
      }
    }
    for placement in AttentionDecoder.Placement.allCases {
      for (cell, layers) in [(Cell.lstm, 1), (.lstmWM, 2)] {
        for isMasked in [false, true] {
          cases.append(
            Case(testDescription: "\(placement) \(cell.name) × \(layers)\(isMasked ? ", masked" : "")") {
              var options = attending(placement, cell: cell, layers: layers)
              options.firstStates = isMasked ? .summary : .zeros
              options.gatesContext = isMasked && placement == .before
              options.feedsOutput = isMasked && placement == .after
              return AttentionDecoder(options)
            } subjects: {
              isMasked ? masked() : regions()
            })
        }
      }
    }
    let kinds: [@Sendable () -> any AttentionLayer] = [
      { GeneralAttention() }, { MultiHeadAttention(heads: 2) },
    ]
    for (index, kind) in kinds.enumerated() {
      cases.append(
        Case(testDescription: "attention \(index)") {
          AttentionDecoder(attending(.before, attention: kind()))
        } subjects: {
          masked()
        })
    }
    return cases
  }()

  private static let sentences: [[Int32]] = [[2, 3, 4, 5], [], [6, 2]]

  private func expectNear(_ found: [Float], _ expected: [Float], _ name: String, within: Float = 3e-6) {
    #expect(found.count == expected.count)
    let error = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(error <= within, "\(name) is off by \(error)")
  }

  /// The logits after each symbol of a sentence and its beginning, by steps.
  private func stepped(_ model: DecodingModel, _ subjects: [LayerValue], _ row: Int, _ symbols: [Int32])
    -> [Tensor]
  {
    let decoder = model.decoder(subjects)
    var states = decoder.select(decoder.start, rows: [Int32(row)])
    return ([Self.start] + symbols).map { token in
      let step = decoder.step(states, tokens: [token])
      states = step.states
      return step.logits[0]
    }
  }

  @Test(
    "Known symbols give what steps give, in any batch, and the layer of the graph the same", arguments: cases)
  func steps(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    let steps = 5
    let tokens = (0..<steps).flatMap { step in
      Self.sentences.map { sentence -> Int32 in
        step == 0 ? Self.start : step <= sentence.count ? sentence[step - 1] : 6
      }
    }
    let lengths = Self.sentences.map { $0.count + 1 }
    let result = model.outputs(DecodedSymbols(tokens, lengths: lengths), subjects)
    #expect(result.places.count == lengths.reduce(0, +))
    let logits = result.spread(model.layer.logits(result.outputs), over: steps)
    let graph = model.model(
      subjects + [
        LayerValue(Tensor(tokens.map { Float($0) }, shape: [steps, Self.B]), mask: .lengths(lengths))
      ])[0]
    #expect(graph.tensor.shape == [steps, Self.B, Self.V] && graph.mask == .lengths(lengths))
    for (row, sentence) in Self.sentences.enumerated() {
      for (step, expected) in stepped(model, subjects, row, sentence).enumerated() {
        expectNear(logits[step][row].scalars, expected.scalars, "logits \(step), \(row)")
        expectNear(graph.tensor[step][row].scalars, expected.scalars, "output \(step), \(row)")
      }
      for step in sentence.count + 1..<max(steps, sentence.count + 1) {
        #expect(logits[step][row].scalars.allSatisfy { $0 == 0 })
      }
    }
    if let weights = result.weights {
      let sums = weights.sum(axis: 1).scalars
      #expect(sums.allSatisfy { abs($0 - 1) < 1e-6 })
    }
  }

  @Test("Several sequences about one subject are as if it were repeated", arguments: cases)
  func owners(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    let owners: [Int32] = [2, 0, 0, 1, 2]
    let sentences: [[Int32]] = [[2], [3, 4, 5], [], [6, 6], [5, 4, 3, 2]]
    let repeated = subjects.map { value in
      let isSequence = value.tensor.rank == 3
      return LayerValue(
        value.tensor.gathered(owners, axis: isSequence ? 1 : 0),
        mask: value.mask.map { mask in
          guard case .lengths(let lengths) = mask else { return mask }
          return .lengths(owners.map { lengths[Int($0)] })
        })
    }
    for share in [Float(0), 1] {
      var options = DecodingModel.LossOptions()
      options.drawnShare = share
      options.attentionPenalty = 0.5
      options.labelSmoothing = 0.1
      func loss(_ subjects: [LayerValue], _ owners: [Int32]?) -> (Float, [[Float]]) {
        for (_, parameter) in model.model.namedParameters() { parameter.zeroGradient() }
        let loss = model.loss(
          of: sentences, about: subjects, owners: owners, start: Self.start, end: Self.end, options: options,
          .training(seed: 3, step: 1))
        #expect(loss.weight == 15)
        loss.mean.backward()
        return (loss.mean.item, model.model.namedParameters().map(\.parameter.gradient.scalars))
      }
      let (one, gradients) = loss(subjects, owners), (other, expected) = loss(repeated, nil)
      #expect(abs(one - other) < 1e-5)
      for (found, expected) in zip(gradients, expected) {
        expectNear(found, expected, "gradient", within: 1e-5)
      }
    }
  }

  @Test("Inputs that are put side by side give what products of their parts give", arguments: cases)
  func sideBySide(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    // Symbols that come often, so that their products are computed once.
    let sentences: [[Int32]] = [[2, 2, 2, 3], [2, 3, 2], [3, 3, 3, 2, 2]]
    func run(_ context: ForwardContext, share: Float) -> (Float, [[Float]]) {
      for (_, parameter) in model.model.namedParameters() { parameter.zeroGradient() }
      var options = DecodingModel.LossOptions()
      (options.drawnShare, options.attentionPenalty) = (share, 0.2)
      let loss = model.loss(
        of: sentences, about: subjects, start: Self.start, end: Self.end, options: options, context)
      loss.mean.backward()
      return (loss.mean.item, model.model.namedParameters().map(\.parameter.gradient.scalars))
    }
    for share in [Float(0), 0.5] {
      let (found, gradients) = run(.training(seed: 2, step: 0), share: share)
      // An observer sees the cell's own products.
      let (expected, exact) = run(.training(seed: 2, step: 0) { _, _ in }, share: share)
      #expect(abs(found - expected) < 2e-6)
      for (one, other) in zip(gradients, exact) { expectNear(one, other, "gradient") }
    }
  }

  @Test("The loss is the mean −ln p of symbols and ends by steps", arguments: cases)
  func loss(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    var terms: [Double] = []
    for (row, sentence) in Self.sentences.enumerated() {
      for (logits, target) in zip(stepped(model, subjects, row, sentence), sentence + [Self.end]) {
        terms.append(-DoubleArray(logits).logSoftmax[Int(target)])
      }
    }
    let loss = model.loss(
      of: Self.sentences, about: subjects, start: Self.start, end: Self.end, .inference())
    #expect(loss.weight == 9)
    #expect(abs(Double(loss.mean.item) - terms.reduce(0, +) / 9) < 2e-6)
  }

  @Test("Parameters have the gradients of central differences", arguments: cases)
  func gradients(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    var options = DecodingModel.LossOptions()
    options.attentionPenalty = 0.3
    options.labelSmoothing = 0.2
    let parameters = model.model.namedParameters().map(\.parameter)
    // A loss of size 2 in Float32: the differences are good to some 1e-5.
    let error = directionalError(of: parameters) {
      model.loss(
        of: Self.sentences, about: subjects, start: Self.start, end: Self.end, options: options,
        .training(seed: 1, step: 0)
      ).mean
    }
    #expect(error < 1e-4)
    #expect(parameters.allSatisfy { $0.gradient.scalars.contains { $0 != 0 } })
  }

  @Test(
    "Scores of beams are the model's ln p, and a beam is the same in any batch, to the last bit",
    arguments: cases)
  func beams(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    let rules = DecodingRules(end: Self.end, maximumLength: 5)
    let search = BeamSearch(width: 3, lengthPower: 0.7, count: 3)
    let decoder = model.decoder(subjects)
    let found = decoder.beamSearch(after: Self.start, rules: rules, search: search)
    for row in 0..<Self.B {
      let alone = decoder.beamSearch(
        from: decoder.select(decoder.start, rows: [Int32(row)]), after: [Self.start], rules: rules,
        search: search)
      #expect(alone[0] == found[row])
      for hypothesis in found[row] {
        let targets = hypothesis.tokens + (hypothesis.isComplete ? [Self.end] : [])
        let logits = stepped(model, subjects, row, hypothesis.tokens)
        for (place, target) in targets.enumerated() {
          let exact = DoubleArray(logits[place]).logSoftmax[Int(target)]
          #expect(abs(hypothesis.logProbabilities[place] - exact) < 1e-5)
        }
        #expect(abs(hypothesis.score - hypothesis.logProbability / pow(Double(targets.count), 0.7)) < 1e-12)
      }
      #expect(found[row].count == 3 && Set(found[row].map(\.tokens)).count == 3)
    }
  }

  @Test(
    "With dropout everywhere training is the same for the same seed and step, and else another",
    arguments: [false, true])
  func dropout(_ attends: Bool) throws {
    let own = Case(testDescription: "") {
      func options(_ cell: Cell) -> RecurrentOptions {
        var options = RecurrentOptions(cell: cell, units: Self.H)
        (options.layers, options.dropout, options.recurrentDropout) = (2, 0.3, 0.3)
        return options
      }
      var symbols = Self.symbols()
      (symbols.dropout, symbols.embeddingDropout) = (0.4, 0.4)
      if attends {
        var own = Self.attending(.between)
        (own.symbols, own.recurrent, own.second) = (symbols, options(.lstm), options(.gru))
        return AttentionDecoder(own)
      }
      return RecurrentDecoder(.init(symbols: symbols, recurrent: options(.lstm)))
    } subjects: {
      attends ? Self.regions() : Self.picture()
    }
    let (model, subjects) = (try own.model(), own.subjects())
    func loss(_ step: UInt64?, share: Float = 0) -> Float {
      var options = DecodingModel.LossOptions()
      options.drawnShare = share
      return model.loss(
        of: Self.sentences, about: subjects, start: Self.start, end: Self.end, options: options,
        step.map { .training(seed: 1, step: $0) } ?? .inference()
      ).mean.item
    }
    #expect(loss(0) == loss(0) && loss(0) != loss(1) && loss(0) != loss(nil))
    #expect(loss(0, share: 0.5) == loss(0, share: 0.5) && loss(0, share: 0.5) != loss(0))
    #expect(loss(nil, share: 0.5) == loss(nil))
  }

  @Test(
    "Symbols that are drawn are the model's own",
    arguments: cases.filter { !$0.testDescription.contains("tied") })
  func drawn(_ own: Case) throws {
    let (model, subjects) = (try own.model(), own.subjects())
    // A model that is sure: what it draws is what greedy search finds.
    for (name, parameter) in model.model.namedParameters()
    where name.contains("head") {
      parameter.assign(parameter.value * 3000)
    }
    var rules = DecodingRules(end: nil, maximumLength: 4)
    rules.minimumLength = 4
    let greedy = model.decoder(subjects).greedy(after: Self.start, rules: rules)
    try #require(greedy.allSatisfy { $0.logProbabilities.allSatisfy { $0 > -1e-4 } })
    let given = greedy.map { _ in [Int32](repeating: 2, count: 4) }
    func outputs(_ sentences: [[Int32]], share: Float) -> [Float] {
      let tokens = (0..<5).flatMap { step in sentences.map { step == 0 ? Self.start : $0[step - 1] } }
      let symbols = DecodedSymbols(
        tokens, lengths: sentences.map { _ in 5 }, drawnShare: share)
      let result = model.outputs(symbols, subjects, .training(seed: 5, step: 0))
      return result.spread(result.outputs, over: 5).scalars
    }
    expectNear(
      outputs(given, share: 1), outputs(greedy.map(\.tokens), share: 0), "outputs", within: 1e-4)
  }

  @Test("The weights of attention are those of the steps, a row for each symbol")
  func attention() throws {
    let own = try #require(Self.cases.first { $0.testDescription == "before lstm × 1, masked" })
    let (model, subjects) = (try own.model(), own.subjects())
    let sentences: [[Int32]] = [[2, 3], [], [4, 5, 6]]
    let weights = try #require(model.attention(sentences, about: subjects, start: Self.start))
    #expect(weights.map(\.shape) == [[2, Self.S], [0, Self.S], [3, Self.S]])
    for row in weights[0].scalars.indices where row % Self.S == 0 {
      #expect(abs(weights[0].scalars[row..<row + Self.S].reduce(0, +) - 1) < 1e-6)
    }
    // Of the third picture two regions can be seen.
    #expect((0..<3).allSatisfy { weights[2].scalars[$0 * Self.S + 2] == 0 })
    let plain = try #require(Self.cases.first { $0.testDescription.hasPrefix("firstInput") })
    #expect(try plain.model().attention(sentences, about: plain.subjects(), start: Self.start) == nil)
  }

  @Test("The doubly stochastic penalty is that of its formula, of places that can be seen")
  func penalty() throws {
    let weights = Tensor([0.5, 0.5, 0, 1, 0, 0, 0.25, 0.75, 0], shape: [3, 3])
    // Two symbols of the first sequence and one of the second, which sees two places.
    let result = DecoderOutputs(
      outputs: .zeros([3, 1]), places: [0, 1, 2], count: 2, weights: weights,
      visible: Tensor([1, 1, 1, 1, 1, 0], shape: [2, 3]))
    let first = 0.25 * 0.25 + 0.25 * 0.25 + 1.0
    let second = 0 * 0 + 1.0
    let found = try #require(result.doublyStochasticPenalty).item
    #expect(abs(Double(found) - (first + second) / 2) < 1e-6)
    #expect(
      DecoderOutputs(outputs: .zeros([0, 1]), places: [], count: 0).doublyStochasticPenalty == nil)
    #expect(
      gradientError(at: [weights]) {
        DecoderOutputs(outputs: .zeros([3, 1]), places: [0, 1, 2], count: 2, weights: $0[0])
          .doublyStochasticPenalty ?? Tensor(0)
      } < 2e-4)
  }

  @Test("Models without one decoding layer, and options that don't fit, are refused")
  func misfits() throws {
    #expect(throws: LayerError.self) {
      try DecodingModel(try Model(Sequential(Dense(2), input: .vector(3)).description))
    }
    let words = Input(.sequence(), name: "words"), x = Input(.vector(Self.F), name: "x")
    let layer = RecurrentDecoder(Self.recurrent(.firstInput))
    let twice = try Model(
      inputs: [words, x], outputs: [layer([words, x]), RecurrentDecoder(Self.recurrent(.none))([words])])
    #expect(throws: LayerError.self) { try DecodingModel(twice) }
    let shared = try Model(
      inputs: [words, x], outputs: [layer([words, x]), Embedding(Self.V, 2)(words)])
    #expect(throws: LayerError.self) { try DecodingModel(shared) }
    #expect(throws: LayerError.self) { try layer.outputShapes([.sequence()]) }
    #expect(throws: LayerError.self) { try layer.outputShapes([.vector(3), .vector(3)]) }
    let attends = AttentionDecoder(Self.attending(.before))
    #expect(throws: LayerError.self) { try attends.outputShapes([.sequence(), .vector(3)]) }

    var options = Self.attending(.before)
    #expect(options.problem == nil)
    options.feedsOutput = true
    #expect(options.problem?.contains("feeds_output") == true)
    options = Self.attending(.between)
    options.second = nil
    #expect(options.problem?.contains("second") == true)
    options = Self.attending(.after)
    options.gatesContext = true
    #expect(options.problem?.contains("gates_context") == true)
    options = Self.attending(.after)
    options.attention = LayerDescription(Dense(3), name: "attention")
    #expect(options.problem?.contains("attention") == true)
    options = Self.attending(.after)
    options.recurrent.isBidirectional = true
    #expect(options.problem?.contains("direction") == true)
    var tied = Self.recurrent(.firstInput)
    tied.symbols.tiesWeights = true
    #expect(tied.problem?.contains("embedding_size") == true)
    tied.symbols.embeddingSize = Self.H
    #expect(tied.problem == nil)
  }
}
