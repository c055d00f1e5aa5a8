import CellgateCells
import CellgateNN
import CellgateTasks
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@Suite("fit, evaluate and predict")
struct FitTests {
  /// Sequences [N, T, 2] and whether their first numbers sum to more than 0.
  private static func signs(_ count: Int, _ name: String = "signs") -> (x: Tensor, y: Tensor) {
    let x = random([count, 6, 2], name)
    let y = (0..<count).map { sample -> Float in
      x[sample].sliced(0..<1, axis: 1).scalars.reduce(0, +) > 0 ? 1 : 0
    }
    return (x, Tensor(y))
  }

  @Test("A model learns from arrays, and reports the loss and metrics of each epoch")
  func learns() throws {
    let (x, y) = Self.signs(200)
    let model = Sequential(LSTM(8), Dense(1, activation: .sigmoid))
    model.compile(optimizer: .adam(learningRate: 0.02), loss: .binaryCrossEntropy, metrics: [.accuracy])
    let history = try model.fit(x, y, batchSize: 20, epochs: 12, validationSplit: 0.2, verbose: .silent)
    #expect(history.epochs == Array(1...12))
    #expect(history["loss"].count == 12 && history["val_loss"].count == 12)
    #expect(try #require(history["accuracy"].last) > 0.9)
    #expect(try #require(history["val_accuracy"].last) > 0.85)
    let (testX, testY) = Self.signs(100, "other signs")
    let found = try model.evaluate(testX, testY)
    let p = try model.predict(testX, batchSize: 7)
    #expect(p.shape == [100, 1])
    let right = zip(p.scalars, testY.scalars).count { ($0 > 0.5) == ($1 > 0.5) }
    #expect(found["accuracy"] == Double(right) / 100)
    let loss =
      zip(p.scalars, testY.scalars).reduce(0.0) { $0 - log(Double($1.1 > 0.5 ? $1.0 : 1 - $1.0)) } / 100
    #expect(abs(try #require(found["loss"]) - loss) < 1e-4)
  }

  @Test("The adding problem by fit, with the task's batches, has the bits of its training run")
  func adding() throws {
    var settings = AddingTask.defaults
    settings.taskOptions["length"] = 12
    (settings.hidden, settings.batch, settings.steps) = (9, 7, 30)
    settings.evaluationInterval = 10
    let cell = Cell.lstmWM
    settings.cell = cell.name
    let task = AddingTask(settings: settings)
    let trainer = try Trainer(task: task, settings: settings)
    var losses: [Double] = []
    _ = try trainer.run(onEvent: { event in
      if case .progress(let progress) = event { losses.append(progress.loss) }
    })

    struct Batches: BatchSource {
      let task: AddingTask
      func batch(seed: UInt64, step: Int, shard: Shard) -> ModelBatch {
        let batch = task.batches.batch(seed: seed, step: step, shard: shard)
        return ModelBatch(inputs: [LayerValue(batch.x)], targets: [batch.target])
      }
      func batches(of split: Split) -> AnySequence<ModelBatch> { AnySequence([]) }
    }
    let model = try Model(task.makeModel(cell: cell).description, seed: settings.seed)
    model.compile(
      optimizer: OptimizerChoice("adam", settings: settings.optimizerSettings), loss: .meanSquaredError,
      clipNorm: 1)
    var own: [Double] = []
    try model.fit(
      Batches(task: task), stepsPerEpoch: 30, callbacks: [ClosureCallback(onUpdate: { own.append($1.loss) })],
      verbose: .silent,
      seed: settings.seed)
    #expect(losses.count == 30 && own == losses)
  }

  @Test("Classes of every step are learned with masked steps left out")
  func maskedSteps() throws {
    // Symbols 1 and 2 are to be named; 0 is padding, in front.
    let symbols: [Float] = [0, 0, 1, 2, 0, 2, 1, 1, 1, 2, 2, 1]
    let x = Tensor(symbols, shape: [3, 4])
    let y = Tensor(symbols.map { max(0, $0 - 1) }, shape: [3, 4])
    let model = Sequential(
      Embedding(3, 4, maskZero: true), GRU(6, returnSequences: true), Dense(2, activation: .softmax))
    model.compile(
      optimizer: .adam(learningRate: 0.05), loss: .sparseCategoricalCrossEntropy, metrics: [.accuracy])
    try model.fit(x, y, epochs: 60, verbose: .silent)
    let found = try model.evaluate(x, y)
    #expect(found["accuracy"] == 1)
    // The mean over the 9 valid steps alone.
    let p = try model.predict(x).scalars
    let valid = symbols.indices.filter { symbols[$0] > 0 }
    let loss = valid.reduce(0.0) { $0 - log(Double(p[2 * $1 + Int(symbols[$1]) - 1])) } / Double(valid.count)
    #expect(abs(try #require(found["loss"]) - loss) < 1e-5)
  }

  @Test("Weights of samples and classes weigh the loss")
  func weights() throws {
    let (x, y) = (random([4, 3]), Tensor([0, 1, 1, 0]))
    let model = Sequential(Dense(1, activation: .sigmoid))
    model.compile(loss: .binaryCrossEntropy)
    let both = try model.evaluate(x, y, sampleWeight: [1, 0, 0, 0])["loss"]
    let first = try model.evaluate(x[0..<1], y[0..<1])["loss"]
    #expect(abs(try #require(both) - (try #require(first))) < 1e-6)
    // A class that weighs nothing teaches nothing.
    let before = model.state.entries.map(\.tensor.scalars)
    try model.fit(x, y, classWeight: [0: 0, 1: 0], verbose: .silent)
    #expect(model.state.entries.map(\.tensor.scalars) == before)
  }

  @Test("L2 penalties pull towards zero and max-norm bounds the rows")
  func penalties() throws {
    let (x, y) = (random([8, 3]), random([8, 4], "y"))
    let model = Sequential(Dense(4, l2: 0.5))
    model.compile(optimizer: .sgd(learningRate: 0.1), loss: .meanSquaredError)
    try model.build([.vector(3)])
    let weights = try #require(model.state["dense.weight"]).scalars
    let loss = try model.evaluate(x, y)
    let plain = Sequential(Dense(4))
    try plain.build([.vector(3)])
    plain.compile(loss: .meanSquaredError)
    let bare = try plain.evaluate(x, y)
    let squares = weights.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(try #require(loss["loss"]) - (try #require(bare["loss"])) - 0.5 * squares) < 1e-5)
    let bounded = Sequential(Dense(4, maxNorm: 0.25))
    bounded.compile(optimizer: .sgd(learningRate: 1), loss: .meanSquaredError)
    try bounded.fit(x, y, epochs: 3, verbose: .silent)
    let rows = try #require(bounded.state["dense.weight"])
    for row in 0..<4 {
      #expect(rows[row].scalars.reduce(0) { $0 + $1 * $1 }.squareRoot() < 0.2501)
    }
  }

  @Test("Several outputs have losses of their own, weighed in the sum")
  func outputs() throws {
    let x = Input(.vector(3))
    let hidden = Dense(4, activation: .tanh)(x)
    let model = try Model(inputs: [x], outputs: [Dense(1)(hidden), Dense(2, activation: .softmax)(hidden)])
    model.compile(
      optimizer: .sgd, losses: [.meanSquaredError, .sparseCategoricalCrossEntropy], lossWeights: [2, 0.5])
    let data = ([random([5, 3])], [random([5], "t"), Tensor([0, 1, 1, 0, 1])])
    let found = try model.evaluate(data.0, data.1)
    let sum = 2 * (try #require(found["output_1_loss"])) + 0.5 * (try #require(found["output_2_loss"]))
    #expect(abs(try #require(found["loss"]) - sum) < 1e-6)
    let history = try model.fit(data.0, data.1, epochs: 2, verbose: .silent)
    #expect(history["output_2_loss"].count == 2)
    #expect(try model.predict(data.0).map(\.shape) == [[5, 1], [5, 2]])
  }

  @Test("Callbacks stop training, keep the best model and change the rate")
  func callbacks() throws {
    let (x, y) = Self.signs(60)
    let model = Sequential(GRU(4), Dense(1, activation: .sigmoid))
    model.compile(optimizer: .adam(learningRate: 0.05), loss: .binaryCrossEntropy)
    let stopping = EarlyStopping(monitor: "val_loss", patience: 1, minimumDelta: 10, restoresBest: true)
    let history = try model.fit(
      x, y, epochs: 50, validationSplit: 0.5, callbacks: [stopping], verbose: .silent)
    #expect(history.epochs.count == 2 || history.epochs.count == 3)
    guard case .stopped = history.outcome else {
      Issue.record("expected a stop, found \(history.outcome)")
      return
    }
    let best = try #require(history["val_loss"].first)
    let found = try model.evaluate(x[30..<60], y[30..<60])
    #expect(abs(try #require(found["loss"]) - best) < 1e-6)
  }

  @Test("Arrays that don't fit are refused before anything is trained")
  func badArrays() throws {
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "nothing"
      } catch { return "\(error)" }
    }
    let model = Sequential(Embedding(5, 2), LSTM(3), Dense(3, activation: .softmax))
    model.compile(loss: .sparseCategoricalCrossEntropy)
    let x = Tensor([0, 1, 2, 3, 4, 0], shape: [3, 2])
    let cases: [(() throws -> Void, String)] = [
      ({ try model.fit(x, Tensor([0, 1]), verbose: .silent) }, "targets: expected [N], N = 3, found [2]"),
      (
        { try model.fit(x, Tensor([0, 1, 3]), verbose: .silent) },
        "targets: sample 2: expected whole numbers in 0..<3, found 3.0"
      ),
      (
        { try model.fit(x, Tensor([0, .nan, 1]), verbose: .silent) },
        "targets: sample 1: expected whole numbers in 0..<3, found nan"
      ),
      (
        { _ = try model.predict(Tensor([0, 1, 5, 3], shape: [2, 2])) },
        "input: sample 1: expected whole numbers in 0..<5, found 5.0"
      ),
      ({ _ = try model.predict(random([2, 2, 2])) }, "input: expected [N, T], found [2, 2, 2]"),
      ({ _ = try model.predict([x, x]) }, "inputs: expected 1 arrays, found 2"),
      (
        { try model.fit(x, Tensor([0, 1, 2]), batchSize: 0, verbose: .silent) },
        "batchSize: expected 1 or more, found 0"
      ),
      (
        { try model.fit(x, Tensor([0, 1, 2]), validationSplit: 1, verbose: .silent) },
        "validationSplit: expected a share in [0, 1), found 1.0"
      ),
      (
        { try model.fit(x, Tensor([0, 1, 2]), sampleWeight: [1], verbose: .silent) },
        "sampleWeight: expected 3 weights, found 1"
      ),
      (
        { try model.fit(Tensor.zeros([0, 2]), Tensor.zeros([0]), verbose: .silent) },
        "x: expected 1 or more samples, found 0"
      ),
    ]
    for (body, expected) in cases { #expect(message(body) == expected) }
    #expect(try model.predict(Tensor.zeros([0, 2])).shape == [0, 3])
  }
}
