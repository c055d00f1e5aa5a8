import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining
import Testing

@testable import CellgateData
@testable import CellgateTasks

/// The laws of every data set, and of every objective on it.
@Suite("Data sets and objectives")
struct BatchSourceTests {
  private static let steps = 5, batch = 7

  private static let digits: MNIST = {
    func part(_ count: Int) -> MNIST.Part {
      MNIST.Part(
        pixels: (0..<count * MNIST.pixels).map { UInt8(truncatingIfNeeded: $0 / 7) },
        labels: (0..<count).map { UInt8($0 % 10) })
    }
    return MNIST(training: part(5017), test: part(25))
  }()

  /// A small task of each kind.
  private static func task(_ index: Int) -> any SequenceTask {
    func settings(_ description: TaskDescription) -> TrainingSettings {
      var settings = description.defaults
      (settings.hidden, settings.batch, settings.seed) = (4, batch, 3)
      if settings.taskOptions["length"] != nil { settings.taskOptions["length"] = .whole(steps) }
      return settings
    }
    switch index {
    case 0: return AddingTask(settings: settings(AddingTask.description))
    case 1: return CopyingTask(settings: settings(CopyingTask.description))
    case 2: return SequentialMNISTTask(settings: settings(SequentialMNISTTask.description), digits: digits)
    case 3: return PermutedMNISTTask(settings: settings(PermutedMNISTTask.description), digits: digits)
    default:
      let stream = LanguageModelTests.symbols(200)
      return PTBCharacterTask(
        settings: settings(PTBCharacterTask.description),
        batches: TextBatches(
          vocabulary: Vocabulary(of: "abcdefg".unicodeScalars), training: stream, validation: stream,
          test: stream, steps: steps, lanes: batch))
    }
  }

  /// The sequences of a batch, each as its numbers and its targets.
  private func columns(_ batch: Any) throws -> [[Float]] {
    func column(_ values: [Float], _ index: Int, of count: Int, width: Int) -> [Float] {
      let rows = values.count / (count * width)
      return (0..<rows).flatMap { (row: Int) -> ArraySlice<Float> in
        let start = (row * count + index) * width
        return values[start..<start + width]
      }
    }
    switch batch {
    case let batch as NumberBatch:
      let count = batch.x.shape[1]
      return (0..<count).map {
        column(batch.x.scalars, $0, of: count, width: batch.x.shape[2])
          + column(batch.target.scalars, $0, of: count, width: batch.target.shape[1])
      }
    case let batch as ClassBatch:
      let count = batch.x.shape[1]
      return (0..<count).map {
        column(batch.x.scalars, $0, of: count, width: batch.x.shape[2])
          + column(batch.classes.map(Float.init), $0, of: count, width: 1)
      }
    case let batch as SymbolBatch:
      return (0..<batch.lanes).map {
        column(batch.inputs.map(Float.init), $0, of: batch.lanes, width: 1)
          + column(batch.classes.map(Float.init), $0, of: batch.lanes, width: 1)
      }
    default:
      Issue.record("no such batch: \(type(of: batch))")
      return []
    }
  }

  private func batch<Task: SequenceTask>(
    _ task: Task, seed: UInt64 = 3, step: Int, shard: Shard = .whole
  ) throws -> [[Float]] {
    try columns(task.batches.batch(seed: seed, step: step, shard: shard))
  }

  @Test("The shards of a step are a partition of its batch, whatever was asked for before", arguments: 0..<5)
  func shards(index: Int) throws {
    let task = Self.task(index)
    for step in [0, 2, 5] {
      let whole = try batch(task, step: step)
      #expect(!whole.isEmpty)
      for count in [1, 2, 3, 7, 9] {
        let parts = try (0..<count).reversed().map {
          try batch(task, step: step, shard: Shard($0, of: count))
        }
        #expect(parts.reversed().joined().elementsEqual(whole))
        #expect((parts.map(\.count).max() ?? 0) - (parts.map(\.count).min() ?? 0) <= 1)
      }
      #expect(try batch(task, step: step) == whole)
    }
    #expect(try batch(task, step: 0) != batch(task, step: 1))
    if !(task is any LanguageModelTask) {
      #expect(try batch(task, seed: 4, step: 0) != batch(task, step: 0))
    }
  }

  @Test(
    "The loss of a batch is the sum of its shards' over their weights, and a state's of its own lanes",
    arguments: 0..<5)
  func losses(index: Int) throws {
    func check<Task: SequenceTask>(_ task: Task) throws {
      let model = task.makeModel(cell: .lstm)
      var none: [Tensor] = []
      func loss(_ shard: Shard) throws -> BatchLoss {
        var carried: [Tensor] = []
        return try task.objective.loss(
          model, task.batches.batch(seed: 3, step: 1, shard: shard), carried: &carried,
          context: .inference(), probe: nil)
      }
      let whole = try loss(.whole)
      let parts = try (0..<3).map { try loss(Shard($0, of: 3)) }
      #expect(parts.map(\.weight).reduce(0, +) == whole.weight)
      let sum = parts.map { Double($0.sum.item) }.reduce(0, +)
      // Sums of a few numbers in Float.
      #expect(abs(sum / whole.weight - Double(whole.mean.item)) < 1e-5)
      #expect(
        try task.loss(model, step: 1, carried: &none, context: .inference(), probe: nil).item
          == whole.mean.item)
    }
    try check(Self.task(index))
  }

  @Test("The batches of an evaluation are the same each time", arguments: 0..<5)
  func evaluation(index: Int) throws {
    func check<Task: SequenceTask>(_ task: Task) throws {
      for split in Split.allCases {
        let batches = task.batches.batches(of: split)
        let (first, again) = (try batches.map(columns), try batches.map(columns))
        #expect(first == again && !first.isEmpty)
      }
    }
    try check(Self.task(index))
  }

  @Test("An evaluation asks between batches whether to stop", arguments: [0, 1])
  func stops(index: Int) throws {
    func check<Task: SequenceTask>(_ task: Task) throws {
      var asked = 0
      let stop = StopRequest {
        asked += 1
        return asked > 2
      }
      let model = task.makeModel(cell: .lstm)
      let all = try task.evaluate(model, on: .validation)
      let some = try withoutGradient {
        try task.evaluate(model, on: .validation, context: .inference(stop: stop))
      }
      #expect(stop.isMade && some != all)
    }
    try check(Self.task(index))
  }
}
