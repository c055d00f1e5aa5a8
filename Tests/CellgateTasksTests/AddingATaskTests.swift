import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

/// The documentation's example: the last of a few random numbers, or the first.
struct EndTask: SequenceTask {
  static let length = TaskOption.whole("length", "steps of each sequence", default: 10, in: 1...1000)
  static let end = TaskOption.choice("end", "which number counts", default: "last", of: ["first", "last"])

  static let description = TaskDescription(
    name: "end", summary: "the last number of a sequence", options: [length, end],
    metric: Metric("mse", better: .lower), solved: SolvedCriterion(Metric("mse", better: .lower), 0.001),
    defaults: TrainingSettings(hidden: 16, batch: 32, steps: 1000),
    shape: { SequenceShape(steps: $0.whole(length), inputSize: 1, outputSize: 1) })

  let settings: TrainingSettings
  let batches: EndBatches
  let objective = NumberObjective()
  let baseline = Baseline(1.0 / 12, "constant 1/2")

  init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.settings = settings
    batches = EndBatches(
      steps: settings.whole(Self.length), count: settings.batch,
      takesFirst: settings.text(Self.end) == "first")
  }
}

struct EndBatches: BatchSource {
  let steps, count: Int
  let takesFirst: Bool

  func batch(seed: UInt64, step: Int, shard: Shard) -> NumberBatch {
    var stream = RandomStream(seed: seed, name: "end/train", step: UInt64(step))
    return numbers(count, shard, &stream)
  }

  func batches(of split: Split) -> AnySequence<NumberBatch> {
    var stream = RandomStream(seed: 0, name: "end/\(split)")
    return AnySequence([numbers(500, .whole, &stream)])
  }

  private func numbers(_ count: Int, _ shard: Shard, _ stream: inout RandomStream) -> NumberBatch {
    let x = stream.uniform([steps, count, 1]).sliced(shard.range(of: count), axis: 1)
    return NumberBatch(x: x, target: x[takesFirst ? 0 : steps - 1])
  }
}

@Suite("A task of one's own")
struct AddingATaskTests {
  @Test("The documentation's example is valid, and learns", arguments: ["first", "last"])
  func learns(end: String) throws {
    var settings = EndTask.defaults
    #expect(settings.problems(tasks: [EndTask.self]).isEmpty)
    settings.taskOptions = ["length": 3, "end": .text(end)]
    settings.steps = 300
    settings.optimizerSettings.learningRate = 0.01
    let trainer = try Trainer(task: EndTask(settings: settings), settings: settings)
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    #expect(result.value < 0.01 && result.baseline == 1.0 / 12)
  }
}
