import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Adding")
struct AddingTaskTests {
  /// Small settings: T = 10, 8 units.
  static func small(steps: Int = 12, length: Int = 10) -> TrainingSettings {
    var settings = AddingTask.defaults
    settings.taskOptions["length"] = .whole(length)
    settings.hidden = 8
    settings.batch = 4
    settings.steps = steps
    settings.evaluationInterval = 4
    return settings
  }

  @Test(
    "One mark lies in each half, and the target is the sum of the marked values", arguments: [2, 3, 10, 11])
  func samples(length: Int) {
    let task = AddingTask(settings: Self.small(length: length))
    var stream = RandomStream(seed: 3, name: "test")
    let count = 64
    let batch = task.batches.samples(count, from: &stream)
    let (x, target) = (batch.x, batch.target)
    #expect(x.shape == [length, count, 2])
    let values = x.scalars
    for sample in 0..<count {
      let marks = (0..<length).filter { values[2 * ($0 * count + sample) + 1] == 1 }
      #expect(marks.count == 2)
      #expect(marks[0] < length / 2 && marks[1] >= length / 2)
      let sum = marks.reduce(Float(0)) { $0 + values[2 * ($1 * count + sample)] }
      #expect(target.scalars[sample] == sum)
    }
    #expect((0..<length * count).allSatisfy { (0..<1).contains(values[2 * $0]) })
  }

  @Test("The constant 1 has the baseline's error")
  func baseline() {
    let task = AddingTask(settings: Self.small(length: 2))
    var stream = RandomStream(seed: 0, name: "test")
    let target = task.batches.samples(20_000, from: &stream).target.scalars
    let error = target.reduce(0.0) { $0 + pow(Double($1) - 1, 2) } / Double(target.count)
    // The error's own standard deviation is 0.19 / √20,000 = 0.0013.
    #expect(abs(error - task.baseline.value) < 0.006)
  }

  @Test("A batch depends on the seed and the step alone")
  func batches() {
    let settings = Self.small()
    func loss(_ seed: UInt64, _ step: Int) -> Float {
      var own = settings
      own.seed = seed
      let model = AddingTask(settings: settings).makeModel(cell: .lstm)
      var carried: [Tensor] = []
      return AddingTask(settings: own)
        .loss(model, step: step, carried: &carried, context: .inference(), probe: nil).item
    }
    #expect(loss(1, 5) == loss(1, 5))
    #expect(loss(1, 5) != loss(1, 6))
    #expect(loss(1, 5) != loss(2, 5))
  }

  @Test("Training brings the error below the baseline")
  func learns() throws {
    var settings = Self.small(steps: 300, length: 4)
    settings.batch = 32
    settings.optimizerSettings.learningRate = 0.01
    settings.evaluationInterval = 100
    let trainer = try Trainer(task: AddingTask(settings: settings), settings: settings)
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    #expect(result.value < 0.05)
    #expect(result.steps == 300 && result.metric == "mse")
  }

  @Test("A run that is interrupted and resumed ends with the same bits", arguments: ["adam", "rmsprop"])
  func resume(optimizer: String) throws {
    let scratch = try Scratch()
    var settings = Self.small(steps: 12)
    settings.optimizer = optimizer
    settings.layers = 2
    settings.dropout = 0.3
    settings.schedule = ScheduleSettings(name: "plateau", warmUpSteps: 3)
    let task = AddingTask(settings: settings)

    let whole = try Trainer(
      task: task, settings: settings,
      directory: RunDirectory(creating: scratch.path + "/whole", settings: settings))
    let wholeOutcome = try whole.run()

    let path = scratch.path + "/parts"
    for stop in [5, 9] {
      let directory =
        stop == 5
        ? try RunDirectory(creating: path, settings: settings)
        : try RunDirectory(resuming: path, expecting: settings)
      let part = try Trainer(task: task, settings: settings, directory: directory)
      #expect(try part.run(shouldStop: { part.step == stop }) == .interrupted(step: stop))
    }
    let last = try Trainer(task: task, settings: settings, directory: RunDirectory(resuming: path))
    #expect(last.step == 9)
    let outcome = try last.run()

    guard case .completed(var a) = wholeOutcome, case .completed(var b) = outcome else {
      Issue.record("not completed")
      return
    }
    (a.seconds, a.msPerStep, b.seconds, b.msPerStep) = (0, 0, 0, 0)
    #expect(a == b)
    for name in ["metrics.csv", "model.safetensors", "config.json"] {
      #expect(scratch.read("whole/\(name)") == scratch.read("parts/\(name)"), "\(name)")
      #expect(scratch.read("whole/\(name)") != nil)
    }
    #expect(whole.parameters.values.scalars == last.parameters.values.scalars)
    #expect(whole.records == last.records)
  }

  @Test("Samples are the first test sequences, the same for every seed, with what the model makes of them")
  func predictionSamples() throws {
    var settings = Self.small()
    let samples = [UInt64(1), 2].map { seed -> [PredictionSample] in
      settings.seed = seed
      let task = AddingTask(settings: settings)
      let model = task.makeModel(cell: .lstm)
      // Whatever it reads, this model says 1.
      for (_, parameter) in model.namedParameters() { parameter.assign(.zeros(parameter.shape)) }
      model.head.bias?.assign(Tensor([1], shape: [1]))
      return task.samples(model, count: 5)
    }
    #expect(samples[0].count == 5 && samples[0] == samples[1])
    var stream = RandomStream(seed: 0, name: "adding/test")
    let target = AddingTask(settings: settings).batches.samples(250, from: &stream).target.scalars
    for (index, sample) in samples[0].enumerated() {
      guard case .number(let number) = sample else {
        Issue.record("\(sample)")
        continue
      }
      #expect(number.steps == 10 && number.prediction == 1 && number.target == Double(target[index]))
      #expect(number.marks.count == 2)
      #expect((1...5).contains(number.marks[0].step) && (6...10).contains(number.marks[1].step))
      // Both are sums of the same two numbers, one in Float.
      #expect(abs(number.marks[0].value + number.marks[1].value - number.target) < 1e-6)
      #expect(number.error == 1 - number.target)
    }
    let task = AddingTask(settings: settings)
    #expect(task.samples(task.makeModel(cell: .gru), count: 100).count == 8)
    #expect(task.samples(task.makeModel(cell: .gru), count: 0).isEmpty)
  }
}
