import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTraining

@Suite("Means of the weights")
struct WeightAveragingTests {
  /// A loop of one parameter of two numbers, whose weights after each update are noted.
  private struct Run {
    final class Model: Module {
      let weight = Parameter(Tensor([1, -2], shape: [2]))
      var members: [Member] { [.parameter("weight", weight)] }
    }

    let loop: TrainingLoop
    let noted = Noted()

    final class Noted: TrainingCallback {
      var weights: [[Float]] = []
      var seen: [[Float]] = []
      func updated(_ loop: TrainingLoop, _ update: UpdateRecord) {
        weights.append(loop.parameters.values.scalars)
      }
      func evaluated(_ loop: TrainingLoop, _ record: TrainingRecord) {
        seen.append(loop.parameters.values.scalars)
      }
    }

    init(_ averaging: WeightAveraging?, steps: Int, values: [Double] = []) {
      let model = Model()
      let parameters = ParameterSet(model)
      loop = TrainingLoop(
        parameters, optimizer: SGD(count: 2, settings: OptimizerSettings(learningRate: 0.1)), steps: steps
      ) { step, _ in (model.weight.tensor * model.weight.tensor).sum() * Float(step + 1) }
      loop.averaging = averaging
      loop.evaluationInterval = 1
      loop.evaluation = { [unowned loop] _ in
        [MetricValue("loss", values.isEmpty ? 1 : values[loop.step - 1], better: .lower)]
      }
      loop.callbacks = [noted]
    }
  }

  private func expectNear(_ found: [[Float]], _ expected: [[Double]]) {
    #expect(found.count == expected.count)
    for (one, other) in zip(found.joined(), expected.joined()) { #expect(abs(Double(one) - other) < 1e-6) }
  }

  /// The mean of each number of some weights, which count as `shares` say.
  private func mean(_ weights: ArraySlice<[Float]>, _ shares: [Double]) -> [Double] {
    (0..<2).map { index in
      zip(weights, shares).reduce(0) { $0 + Double($1.0[index]) * $1.1 } / shares.reduce(0, +)
    }
  }

  @Test("The exponential mean weighs each update's weights more than those before, the first ones too")
  func exponential() throws {
    let run = Run(.exponential(decay: 0.9), steps: 8)
    try run.loop.run()
    let weights = run.noted.weights
    expectNear(
      run.noted.seen,
      (1...8).map { count in
        var shares: [Double] = [1]
        while shares.count < count { shares.insert(shares[0] * 0.9, at: 0) }
        return mean(weights[..<count], shares)
      })
    // Updates go on from the weights themselves.
    let plain = Run(nil, steps: 8)
    try plain.loop.run()
    #expect(plain.noted.weights == weights && run.loop.parameters.values.scalars == weights.last)
  }

  @Test("The mean from an update on leaves the weights before alone")
  func from() throws {
    let run = Run(.mean(from: 4), steps: 8)
    try run.loop.run()
    let weights = run.noted.weights
    #expect(run.noted.seen[..<3] == weights[..<3])
    expectNear(
      Array(run.noted.seen[3...]),
      (4...8).map { mean(weights[3..<$0], Array(repeating: 1, count: $0 - 3)) })
  }

  @Test(
    "The mean from a plateau begins when the value has not improved for so many records, and goes on then")
  func plateau() throws {
    let run = Run(.meanFromPlateau(patience: 2), steps: 8, values: [5, 4, 4, 3, 3, 6, 1, 1])
    try run.loop.run()
    let weights = run.noted.weights
    // No better than at update 4 for two records: the weights from update 7 on count.
    #expect(run.noted.seen[..<7] == weights[..<7])
    expectNear(Array(run.noted.seen[7...]), [mean(weights[6..<8], [1, 1])])
  }

  @Test(
    "A run keeps the mean as its best model, and resumed it has the same bits",
    arguments: ["ema:0.9", "from:3", "plateau:1"], [1, 5, 9])
  func resumed(averaging: String, stop: Int) throws {
    let scratch = try Scratch()
    var settings = MeanTask.defaults
    settings.averageWeights = WeightAveraging(averaging)
    settings.evaluationInterval = 2
    settings.optimizer = "sgd"
    settings.optimizerSettings.learningRate = 1.5
    settings.zoneout = ["h": 0.1, "c": 0.3]
    (settings.weightDrop, settings.recurrentDropout, settings.outputDropout) = (0.3, 0.2, 0.1)
    func trainer(_ name: String, resuming: Bool = false) throws -> Trainer {
      let path = scratch.file(name)
      return try Trainer(
        task: MeanTask(settings: settings), settings: settings,
        directory: resuming
          ? RunDirectory(resuming: path) : RunDirectory(creating: path, settings: settings))
    }
    let whole = try trainer("whole")
    _ = try whole.run()
    do {
      let part = try trainer("parts")
      #expect(try part.run(shouldStop: { part.step == stop }) == .interrupted(step: stop))
    }
    let again = try trainer("parts", resuming: true)
    #expect(again.step == stop)
    _ = try again.run()
    for name in ["metrics.csv", "model.safetensors"] {
      #expect(scratch.read("parts/\(name)") == scratch.read("whole/\(name)"), "\(name)")
    }
    settings.averageWeights = nil
    let last = try trainer("last")
    _ = try last.run()
    #expect(scratch.read("last/model.safetensors") != scratch.read("whole/model.safetensors"))
  }

  @Test("It is read from a text and written as one; what is no mean is refused")
  func text() {
    for text in ["ema:0.999", "from:1000", "plateau:5"] {
      #expect(WeightAveraging(text)?.description == text && WeightAveraging(text)?.problem == nil)
    }
    for text in ["", "ema", "ema:", "from:1.5", "swa:3", "plateau:x"] {
      #expect(WeightAveraging(text) == nil)
    }
    #expect(WeightAveraging.exponential(decay: 1).problem == "expected a decay above 0, below 1, found 1.0")
    #expect(WeightAveraging.mean(from: -1).problem == "expected an update of 0 or more, found -1")
    #expect(WeightAveraging.meanFromPlateau(patience: 0).problem == "expected 1 or more records, found 0")
  }
}
