import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@Suite("Model")
struct ModelTests {
  /// A layer of every kind, with inputs that it takes.
  static var layers: [(layer: any Layer, inputs: [LayerShape])] {
    [
      (Embedding(7, 3), [.sequence()]),
      (Recurrent(.lstmWM, 4, returnSequences: true, returnState: true), [.sequence(3)]),
      (Bidirectional(GRU(4), mergeMode: .sum), [.sequence(3)]),
      (TimeDistributed(Dense(2)), [.sequence(3)]),
      (Dense(2, activation: .tanh), [.vector(3)]),
      (ActivationLayer(.softmax), [.sequence(3)]),
      (Dropout(0.5), [.sequence(3)]),
      (LayerNormalization(), [.sequence(3)]),
      (BatchNormalization(), [.vector(3)]),
      (Conv1D(2, 3, padding: .causal), [.sequence(3)]),
      (MaxPooling1D(2), [.sequence(3)]),
      (AveragePooling1D(2), [.sequence(3)]),
      (GlobalMaxPooling1D(), [.sequence(3)]),
      (GlobalAveragePooling1D(), [.sequence(3)]),
      (LastStep(), [.sequence(3)]),
      (Masking(), [.sequence(3)]),
      (Flatten(), [.vector(2, 3)]),
      (RepeatVector(4), [.vector(3)]),
      (Concatenate(), [.vector(3), .vector(2)]),
      (Add(), [.sequence(3), .sequence(3)]),
      (Multiply(), [.vector(3), .vector(3)]),
      (Average(), [.sequence(3), .sequence(3)]),
      (Reverse(), [.sequence(3)]),
      (MaskFrom(), [.sequence(3), .sequence(2)]),
      (AdditiveAttention(5), [.sequence(2), .sequence(3)]),
      (DotAttention(scaled: true), [.vector(3), .sequence(3)]),
      (GeneralAttention(), [.vector(2), .sequence(3)]),
      (MultiHeadAttention(heads: 2, units: 6), [.sequence(2), .sequence(3)]),
      (AttentionHops(AttentionHopsTests.options(.lstmWM)), [.vector(2), .sequence(3)]),
      (TransformerEncoderLayer(heads: 2), [.sequence(6)]),
      (TransformerDecoderLayer(heads: 2), [.sequence(6), .sequence(3)]),
      (TransformerEncoder(.init(layers: 2, heads: 2, units: 4)), [.sequence(3)]),
      (TransformerDecoder(.init(layers: 1, heads: 1)), [.sequence(2), .sequence(3)]),
      (
        TransformerSymbolDecoder(
          .init(symbols: .init(vocabularySize: 7, embeddingSize: 4), decoder: .init(layers: 1, heads: 2))),
        [.sequence(), .sequence(3)]
      ),
      (PositionEmbedding(3), [.sequence(2)]),
      (RecurrentDecoder(DecoderTests.recurrent(.firstInput)), [.sequence(), .vector(3)]),
      (AttentionDecoder(DecoderTests.attending(.between)), [.sequence(), .sequence(3)]),
      (SegmentForecaster(SegmentForecasterTests.options()), [.sequence(3)]),
      (CharacterEncoder(.init(inputDim: 7, outputDim: 3, units: 2)), [.sequence(5)]),
      (ConditionalRandomField(), [.sequence(3)]),
    ]
  }

  static func input(_ shape: LayerShape, _ name: String) -> LayerValue {
    let leading = shape.isSequence ? [4, 2] : [2]
    if shape.features.isEmpty { return LayerValue(Tensor([3, 0, 6, 1, 2, 5, 0, 4], shape: leading)) }
    return LayerValue(random(leading + shape.features, name))
  }

  @Test("Every registered layer keeps its laws: shapes, parameters known before they are made, description")
  func laws() throws {
    // Tied layers need an embedding beside them: TiedWeightsTests.
    #expect(Set(Self.layers.map { type(of: $0.layer).kind } + [TiedDense.kind]) == Set(Layers.kinds))
    for (layer, shapes) in Self.layers {
      let kind = type(of: layer).kind
      let inputs = shapes.enumerated().map { Input($1, name: "x\($0)") }
      let outputs = layer.outputs(inputs)
      let model = try Model(inputs: inputs, outputs: outputs, seed: 3)
      let expected = try Model.parameterShapes(model.description).map { $0 }
      #expect(expected == model.state.entries.map { ParameterShape($0.name, $0.tensor.shape) }, "\(kind)")

      var values = shapes.enumerated().map { Self.input($1, "x\($0)") }
      // Numbers of characters.
      if layer is CharacterEncoder { values = values.map { LayerValue(($0.tensor * 0).abs() + 3) } }
      let found = model(values)
      #expect(found.count == outputs.count)
      for (value, symbol) in zip(found, outputs) {
        let features = Array(value.tensor.shape.suffix(symbol.shape.features.count))
        #expect(value.tensor.rank == symbol.shape.rank && features == symbol.shape.features, "\(kind)")
      }

      let text = model.description.encoded()
      let read = try ModelDescription(decoding: text)
      #expect(read == model.description && read.encoded() == text, "\(kind)")
      let second = try Model(read, seed: 3)
      #expect(second(values).map(\.tensor.scalars) == found.map(\.tensor.scalars), "\(kind)")
    }
  }

  @Test("Layers have the gradients of central differences, masked or not")
  func gradients() throws {
    let flags = [true, false, true, true, false, true, true, true]
    let sequences: [any Layer] = [
      Recurrent(.lstmWM, 3, returnSequences: true),
      Bidirectional(GRU(2, returnSequences: true), mergeMode: .mul),
      LSTM(3), Recurrent(.gru, 3, returnSequences: true, goBackwards: true, maskedOutput: .previous),
      TimeDistributed(Dense(2, activation: .sigmoid)), BatchNormalization(), Conv1D(2, 3, padding: .same),
      GlobalMaxPooling1D(), GlobalAveragePooling1D(), LastStep(), AveragePooling1D(2),
      Recurrent(.lstm, 3, returnSequences: true, dropout: 0.3, recurrentDropout: 0.4),
    ]
    for layer in sequences {
      let x = Input(.sequence(3))
      let model = try Model(inputs: x, outputs: layer(x), seed: 2)
      for mask in [nil, SequenceMask(flags: flags, batch: 2), SequenceMask.lengths([2, 4])] {
        // A maximum has a kink where two numbers are equal: small steps don't reach it.
        let step: Float = layer is GlobalMaxPooling1D ? 0.004 : 0.02
        let error = gradientError(at: [random([4, 2, 3])], step: step) {
          model([LayerValue($0[0], mask: mask)], .training(seed: 1, step: 0))[0].tensor
        }
        #expect(error < 3e-4, "\(type(of: layer).kind)")
      }
    }
  }

  @Test("A chain infers its sizes from its first input, and names its layers by their kinds")
  func chain() throws {
    let model = Sequential(
      Embedding(20, 4), LSTM(5, returnSequences: true), LSTM(3), Dense(1, activation: .sigmoid))
    #expect(!model.isBuilt)
    try model.build([.sequence()])
    #expect(model.layers.map(\.name) == ["embedding", "recurrent", "recurrent_1", "dense"])
    #expect(model.outputShapes == [.vector(1)])
    #expect(model.description.isChain)
    #expect(model.namedParameters().map(\.name).suffix(2) == ["dense.weight", "dense.bias"])
    let y = model(Tensor([1, 2, 3, 19], shape: [2, 2]))
    #expect(y.shape == [2, 1] && y.scalars.allSatisfy { $0 > 0 && $0 < 1 })
  }

  @Test("What doesn't fit is reported with the layer's name and both shapes")
  func misfits() {
    let model = Sequential(LSTM(4), Dense(2), LSTM(3))
    #expect(
      throws: LayerError.badInput(
        layer: "recurrent_1", expected: "sequences [T, B, features]", found: "[B, 2]")
    ) { try model.build([.sequence(3)]) }
    #expect(!model.isBuilt)
    #expect(throws: LayerError.self) { try Sequential(Embedding(3, 4)).build([.sequence(2)]) }
    #expect(throws: LayerError.self) { try Sequential(Concatenate()).build([.sequence(2)]) }
  }

  @Test("A layer that is called twice is shared, and models have several inputs and outputs")
  func functional() throws {
    let (a, b) = (Input(.sequence(3), name: "a"), Input(.sequence(3), name: "b"))
    let encoder = GRU(4)
    let (left, right) = (encoder(a), encoder(b))
    let model = try Model(
      inputs: [a, b], outputs: [Dense(1)(Concatenate()(left, right)), Add()(left, right)])
    #expect(model.layers.map(\.name) == ["recurrent", "concatenate", "dense", "add"])
    let x = random([5, 2, 3])
    let outputs = model([LayerValue(x), LayerValue(x)])
    #expect(outputs.map(\.tensor.shape) == [[2, 1], [2, 4]])
    let shared = try #require(model["recurrent"] as? Recurrent)
    let alone = shared(LayerValue(x)).tensor.scalars
    #expect(outputs[1].tensor.scalars == alone.map { $0 + $0 })
    #expect(throws: LayerError.self) { try Model(inputs: [a], outputs: [left, right]) }
  }

  @Test("States can be returned and given to another layer, as in an encoder and a decoder")
  func encoderDecoder() throws {
    let (source, target) = (Input(.sequence(2), name: "source"), Input(.sequence(3), name: "target"))
    let encoded = LSTM(4, returnState: true).outputs([source])
    let decoded = LSTM(4, returnSequences: true)([target, encoded[1], encoded[2]])
    let model = try Model(inputs: [source, target], outputs: [decoded])
    let (x, y) = (random([3, 2, 2]), random([2, 2, 3], "y"))
    let encoder = try #require(model["recurrent"] as? Recurrent)
    let decoder = try #require(model["recurrent_1"] as? Recurrent)
    let expected = decoder(y, states: encoder(x).finalStates).output
    #expect(model([LayerValue(x), LayerValue(y)])[0].tensor.scalars == expected?.scalars)
  }

  @Test(
    "A description that doesn't hold together is refused with its reason",
    arguments: [
      ("{}", "formatVersion"), ("[", "JSON"), (#"{"format_version":9}"#, "found 9"),
      (#"{"format_version":1,"inputs":[],"layers":[],"calls":[],"outputs":[]}"#, "inputs"),
      (
        #"{"format_version":1,"inputs":[{"name":"x","shape":{"is_sequence":true,"features":[2]}}],"layers":[{"name":"d","kind":"dens","options":{}}],"calls":[],"outputs":[{"node":0,"output":0}]}"#,
        "dense"
      ),
      (
        #"{"format_version":1,"inputs":[{"name":"x","shape":{"is_sequence":true,"features":[2]}}],"layers":[{"name":"d","kind":"flatten","options":{}}],"calls":[{"layer":"d","inputs":[{"node":1,"output":0}]}],"outputs":[{"node":1,"output":0}]}"#,
        "nodes 0 to 0"
      ),
      (
        #"{"format_version":1,"inputs":[{"name":"x","shape":{"is_sequence":true,"features":[0]}}],"layers":[],"calls":[],"outputs":[{"node":0,"output":0}]}"#,
        "sizes of 1"
      ),
    ])
  func badDescriptions(_ text: String, _ reason: String) throws {
    let error = #expect(throws: LayerError.self) { try ModelDescription(decoding: text) }
    #expect(try #require(error).description.contains(reason), "\(error?.description ?? "")")
  }

  @Test("Options out of their ranges are refused before a layer is made")
  func badOptions() throws {
    let description = Sequential(Dense(3), input: .vector(2)).description
    var text = description.encoded()
    text.replace("\"units\":3", with: "\"units\":-3")
    let read = try ModelDescription(decoding: text)
    #expect(throws: LayerError.badOption(layer: "dense", reason: "units: expected 1 to 2147483647, found -3"))
    {
      try Model(read)
    }
    #expect(throws: LayerError.self) { try Model.parameterShapes(read) }
  }

  @Test("What is loaded must have the module's names and shapes, unless it needn't be strict")
  func stateDictionary() throws {
    let model = Sequential(Dense(2), BatchNormalization(), input: .vector(3))
    try model.build()
    var state = model.state
    #expect(
      state.names == [
        "dense.weight", "dense.bias", "batch_normalization.weight", "batch_normalization.bias",
        "batch_normalization.running_mean", "batch_normalization.running_var",
      ])
    let before = model.state.entries.map(\.tensor.scalars)
    state["dense.weight"] = .full([2, 3], 7)
    state["dense.bias"] = nil
    state["batch_normalization.bias"] = .zeros([5])
    state["extra"] = .zeros([1])
    let difference = StateDifference(
      missing: ["dense.bias"], unexpected: ["extra"],
      wrongShapes: [.init(name: "batch_normalization.bias", expected: [2], found: [5])])
    let error = #expect(throws: StateError.self) { try model.load(state) }
    #expect(error?.difference == difference)
    #expect(model.state.entries.map(\.tensor.scalars) == before)
    #expect(try model.load(state, strict: false) == difference)
    #expect(model.state["dense.weight"]?.scalars == [7, 7, 7, 7, 7, 7])
  }
}
