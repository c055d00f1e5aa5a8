import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Testing

@testable import CellgateTasks

@Suite("Micro-batches of tasks")
struct MicroBatchesTests {
  /// Series of two classes, a line each.
  private static func series(_ count: Int) -> String {
    (0..<count).map { row in
      let numbers = (0..<12).map { step in "\(Double((row * 7 + step * (1 + row % 2)) % 5) / 4)" }
      return ([String(row % 2)] + numbers).joined(separator: "\t") + "\n"
    }.joined()
  }

  /// The bits of a run's parameters, and what it reaches on validation and test data.
  private struct Trace: Equatable, Sendable {
    let parameters: [UInt32]
    let validation: [UInt64]
    let test: UInt64?
  }

  private static func trace(
    _ type: any SequenceTask.Type, _ settings: TrainingSettings, _ group: (any ProcessGroup)?
  ) throws -> Trace {
    let trainer = try Trainer(
      task: type.init(settings: settings, data: .unspecified), settings: settings, group: group)
    // Each parameter's gradient goes out by itself.
    let outcome = try GradientExchange.$leastPiece.withValue(1) { try trainer.run() }
    let test: UInt64? = if case .completed(let result) = outcome { result.value.bitPattern } else { nil }
    return Trace(
      parameters: trainer.parameters.values.scalars.map(\.bitPattern),
      validation: trainer.records.map(\.validation.value.bitPattern), test: test)
  }

  @Test(
    "Two processes have the bits of one where means run, noise is drawn and the last batch has fewer series than parts"
  )
  func processes() throws {
    let scratch = try Scratch()
    let train = try scratch.write(Array(Self.series(26).utf8), as: "a_TRAIN.tsv")
    let test = try scratch.write(Array(Self.series(8).utf8), as: "a_TEST.tsv")
    var settings = ClassifyTask.defaults
    settings.task = "classify"
    settings.taskOptions = ["test": .text(test)]
    (settings.hidden, settings.batch, settings.epochs, settings.microBatches) = (4, 8, 1, 3)
    let prepared = try ClassifyTask.prepared(settings, data: .file(train))
    let alone = try Self.trace(ClassifyTask.self, prepared, nil)
    #expect(alone.test != nil && !alone.validation.isEmpty)
    for own in try ThreadGroup.run(2, { try Self.trace(ClassifyTask.self, prepared, $0) }) {
      #expect(own == alone)
    }
  }

  @Test("Processes that share the sentences of an evaluation have the BLEU of one")
  func translations() throws {
    let made = try MadeSentences(count: 20)
    let settings = try TranslateTask.prepared(
      TranslateTaskTests.settings(made) {
        ($0.steps, $0.evaluationInterval, $0.microBatches) = (40, 20, 3)
      }, data: .unspecified)
    let alone = try Self.trace(TranslateTask.self, settings, nil)
    #expect(alone.test != nil && alone.validation.count == 2)
    for own in try ThreadGroup.run(3, { try Self.trace(TranslateTask.self, settings, $0) }) {
      #expect(own == alone)
    }
  }

  @Test("A loss that compares the texts of a batch, and states that pass between sequences, have no parts")
  func refused() {
    for (task, options) in [("encoder", [:]), ("text", ["carry": OptionValue.text("epochs")])] {
      guard let type = Tasks.all.first(where: { $0.name == task }) else { continue }
      var settings = type.defaults
      (settings.task, settings.microBatches) = (task, 2)
      settings.taskOptions = options
      let problems = settings.problems(tasks: Tasks.all).map { "\($0)" }
      #expect(problems.contains { $0.hasPrefix("micro-batches: ") }, "\(task): \(problems)")
    }
  }
}
