import CellgateCells
import CellgateData
import CellgateExchange
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

/// The Swift side of the article "From Keras to Cellgate": it runs here, so that it can't become wrong.
@Suite("The page for those who know Keras")
struct KerasPageTests {
  /// Sequences of symbols 1 to 9 with 0 as padding in front, [N, 6], and whether one of them is a 9.
  static func symbols(_ count: Int) -> (x: Tensor, y: Tensor) {
    var stream = RandomStream(seed: 1, name: "symbols")
    var (x, y): ([Float], [Float]) = ([], [])
    for _ in 0..<count {
      let own = (0..<3 + stream.integer(below: 4)).map { _ in Float(1 + stream.integer(below: 9)) }
      x += Array(repeating: 0, count: 6 - own.count) + own
      y.append(own.contains(9) ? 1 : 0)
    }
    return (Tensor(x, shape: [count, 6]), Tensor(y))
  }

  /// A model of sequences [N, 5, 2] whose numbers are fitted.
  static func regression() -> (model: Sequential, x: Tensor, y: Tensor) {
    let model = Sequential(LSTM(4), Dense(1))
    model.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    let x = random([24, 5, 2])
    return (model, x, x.sum(axes: [1, 2]))
  }

  @Test("A chain is made, trained, and judged")
  func chain() throws {
    let (x, y) = Self.symbols(64)
    let (testX, testY) = (x, y)

    let model = Sequential(
      Embedding(10, 16, maskZero: true),
      LSTM(32),
      Dense(1, activation: .sigmoid))
    #expect(!model.isBuilt)

    model.compile(
      optimizer: .adam(learningRate: 0.01),
      loss: .binaryCrossEntropy, metrics: [.accuracy])
    let history = try model.fit(
      x, y, batchSize: 8, epochs: 3,
      validationSplit: 0.25, verbose: .silent)
    print(history["val_accuracy"])
    #expect(history["val_accuracy"].count == 3 && history["loss"].count == 3)

    let found = try model.evaluate(testX, testY)
    print(found["loss"]!, found["accuracy"]!)
    let p = try model.predict(testX)  // [N, 1]
    #expect(p.shape == [64, 1] && found.count == 2)

    print(model.summary)
    #expect("\(model.summary)".contains("6,465 parameters"))
  }

  @Test("A graph of two inputs and two outputs is trained")
  func graph() throws {
    let (words, _) = Self.symbols(12)
    let numbers = random([12, 3])
    let (stars, topic) = (random([12], "stars"), Tensor((0..<12).map { Float($0 % 4) }))

    let text = Input(.sequence(), name: "text")
    let facts = Input(.vector(3), name: "facts")
    let read = GRU(8)(Embedding(10, 8)(text))
    let both = Concatenate()(read, facts)
    let model = try Model(
      inputs: [text, facts],
      outputs: [
        Dense(1)(both),
        Dense(4, activation: .softmax)(both),
      ])
    model.compile(
      losses: [.meanSquaredError, .sparseCategoricalCrossEntropy],
      lossWeights: [1, 0.5])
    try model.fit([words, numbers], [stars, topic], verbose: .silent)
    #expect(try model.predict([words, numbers]).map(\.shape) == [[12, 1], [12, 4]])
  }

  @Test("Callbacks stop, save, log and set the rate; schedules go by updates")
  func callbacks() throws {
    let folder = try Scratch()
    let (model, x, y) = Self.regression()
    let path = folder.file("best.safetensors"), log = folder.file("log.csv")

    try model.fit(
      x, y, epochs: 6, validationSplit: 0.25,
      callbacks: [
        EarlyStopping(patience: 3, restoresBest: true),
        BestModel { _ in try model.save(path) },
        ReduceOnPlateau(factor: 0.5, patience: 2),
        CSVLog(log),
      ], verbose: .silent)
    #expect(folder.names() == ["best.safetensors", "log.csv"])
    #expect(try Model.load(path).description == model.description)

    var rates: [Double] = []
    try model.fit(
      x, y, batchSize: 6, epochs: 10,
      schedule: WarmUpSchedule(steps: 4, then: CosineSchedule(steps: 40)),
      verbose: .silent)
    try model.fit(
      x, y, epochs: 3,
      callbacks: [
        ScheduledRate { epoch in epoch < 2 ? 1e-2 : 1e-3 },
        ClosureCallback(onUpdate: { rates.append($1.learningRate) }),
      ],
      verbose: .silent)
    #expect(rates == [0.01, 0.01, 0.001])
  }

  @Test("Classes and samples weigh")
  func weights() throws {
    let (x, y) = Self.symbols(40)
    let weights = [Float](repeating: 2, count: 40)
    let model = Sequential(Embedding(10, 4), LSTM(4), Dense(1, activation: .sigmoid))
    model.compile(loss: .binaryCrossEntropy)
    try model.fit(x, y, classWeight: [0: 1, 1: 5], verbose: .silent)
    try model.fit(x, y, sampleWeight: weights, verbose: .silent)
    // Twice as much of everything is the same mean.
    #expect(
      abs(try model.evaluate(x, y)["loss"]! - model.evaluate(x, y, sampleWeight: weights)["loss"]!) < 1e-6)
  }

  @Test("Padding in front of sequences, and numbers that mark it, change nothing")
  func padding() throws {
    let sequences: [[Float]] = [[4, 2], [7, 1, 5, 3, 9]]

    let x = Tensor(
      sequences.flatMap { Array(repeating: 0, count: max(0, 4 - $0.count)) + $0.suffix(4) },
      shape: [sequences.count, 4])
    let model = Sequential(
      Embedding(10, 8, maskZero: true),  // 0 is padding
      LSTM(16))
    let series = Sequential(Masking(maskValue: -1), LSTM(16))
    #expect(x.scalars == [0, 0, 4, 2, 1, 5, 3, 9])
    let short = try model.predict(x)[0], alone = try model.predict(Tensor([4, 2], shape: [1, 2]))[0]
    #expect(zip(short.scalars, alone.scalars).allSatisfy { abs($0 - $1) < 1e-6 })
    let padded = try series.predict(Tensor([0.5, 0.25, -1, -1, 0.5, 0.25], shape: [1, 3, 2]))
    let twice = try series.predict(Tensor([0.5, 0.25, 0.5, 0.25], shape: [1, 2, 2]))
    #expect(zip(padded.scalars, twice.scalars).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("Vectors that were learned elsewhere are put into an embedding and kept")
  func pretrained() throws {
    let (x, y) = Self.symbols(8)
    let vectors = random([10, 4], "vectors")

    let embedding = Embedding(10, 4)
    let model = Sequential(embedding, GRU(4), Dense(1), input: .sequence())
    try model.build()
    embedding.weight.assign(vectors)  // [10, 4]
    model.compile(loss: .meanSquaredError)
    try model.fit(
      x, y,
      callbacks: [ClosureCallback(onBegin: { try $0.freeze(["embedding"]) })],
      verbose: .silent)
    #expect(embedding.weight.value.scalars == vectors.scalars)
  }

  @Test("Layers stand on one another, in both directions, with dropout")
  func twoLayers() throws {
    let model = Sequential(
      Bidirectional(LSTM(8, returnSequences: true)),
      Dropout(0.3),
      Bidirectional(LSTM(8), mergeMode: .sum),
      Dense(3, activation: .softmax))
    #expect(try model.predict(random([2, 5, 4])).shape == [2, 3])

    let dropping = Sequential(
      LSTM(8, dropout: 0.2, recurrentDropout: 0.2),
      Dense(1))
    #expect(try dropping.predict(random([2, 5, 4])).shape == [2, 1])
  }

  @Test("Each step has an output, and a dense layer of its own")
  func everyStep() throws {
    let model = Sequential(
      LSTM(8, returnSequences: true),
      TimeDistributed(Dense(3, activation: .softmax)))
    model.compile(loss: .sparseCategoricalCrossEntropy)
    let tags = Tensor((0..<10).map { Float($0 % 3) }, shape: [2, 5])
    try model.fit(random([2, 5, 4]), tags, verbose: .silent)  // [N, T, 4] and [N, T]
    #expect(try model.predict(random([2, 5, 4])).shape == [2, 5, 3])
    // Dense alone does the same.
    let plain = Sequential(Dense(2), input: .sequence(4))
    try plain.build()
    #expect(try plain.predict(random([2, 5, 4])).shape == [2, 5, 2])
  }

  @Test("The states of an encoder are the first ones of a decoder")
  func states() throws {
    let source = Input(.sequence(2), name: "source")
    let target = Input(.sequence(3), name: "target")
    let encoded = LSTM(8, returnState: true).outputs([source])
    let decoded = LSTM(8, returnSequences: true)([target, encoded[1], encoded[2]])
    let model = try Model(
      inputs: [source, target], outputs: [Dense(3)(decoded)])
    #expect(try model.predict([random([4, 6, 2]), random([4, 5, 3])])[0].shape == [4, 5, 3])
  }

  @Test("A sequence that goes on: stateful layers, and streams")
  func stateful() throws {
    let long = random([1, 6, 2])
    let measurements = (0..<6).map { long[0][$0].scalars }

    let model = Sequential(LSTM(4, stateful: true), Dense(1))
    _ = try model.predict(long.sliced(0..<3, axis: 1), batchSize: 1)
    let last = try model.predict(long.sliced(3..<6, axis: 1), batchSize: 1)
    model.resetStates()
    let whole = try model.predict(long, batchSize: 1)
    #expect(abs(last.item - whole.item) < 1e-6)

    let streamed = Sequential(LSTM(4), Dense(1), input: .sequence(2))
    try streamed.build()
    let stream = try streamed.stream()
    var session = stream.session()  // one for each client
    var output: [Float] = []
    for measurement in measurements {
      output = try stream.step(&session, measurement)
    }
    #expect(abs(output[0] - (try streamed.predict(long).item)) < 1e-6)
  }

  @Test("A cell of one's own is its equations")
  func cell() throws {
    let (x, y) = Self.symbols(8)

    let cell = try Cell("minimal") { cell in
      let x = cell.input, h = cell.state("h")
      let W = cell.matrices("weight_ih", gates: "f", "g")
      let U = cell.matrices("weight_hh", gates: "f", "g")
      let b = cell.vectors("bias", gates: "f", "g")
      let f = cell.define("f", sigmoid(W.f(x) + U.f(h) + b.f))
      let g = cell.define("g", tanh(W.g(x) + U.g(f * h) + b.g))
      cell.next(h, (1 - f) * h + f * g)
    }
    let model = Sequential(
      Embedding(10, 8), Recurrent(cell, 16), Dense(1))
    model.compile(loss: .meanSquaredError)
    try model.fit(x, y, verbose: .silent)
    #expect(cell.equations().count == 3)
    // What Keras' class computes.
    let (W, U, b) = (
      try #require(model.state["recurrent.weight_ih_l0"]),
      try #require(model.state["recurrent.weight_hh_l0"]),
      try #require(model.state["recurrent.bias_l0"])
    )
    let input = try #require(model.state["embedding.weight"])[3].reshaped([1, 8])
    var h = Tensor.zeros([1, 16])
    for _ in 0..<2 {
      let f = (matmul(input, W[0..<16].transposed()) + matmul(h, U[0..<16].transposed()) + b[0..<16])
        .sigmoid()
      let g = (matmul(input, W[16..<32].transposed()) + matmul(f * h, U[16..<32].transposed()) + b[16..<32])
        .tanh()
      h = (1 - f) * h + f * g
    }
    let recurrent = try #require(model["recurrent"] as? Recurrent)
    let own = recurrent(stacked([input, input])).last
    #expect(zip(own.scalars, h.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
  }
}
