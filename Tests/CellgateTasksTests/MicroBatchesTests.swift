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

  private static func parameters(
    _ settings: TrainingSettings, _ group: (any ProcessGroup)?
  ) throws -> [UInt32] {
    let task = try ClassifyTask(settings: settings, data: .unspecified)
    let trainer = try Trainer(task: task, settings: settings, group: group)
    _ = try trainer.run()
    return trainer.parameters.values.scalars.map(\.bitPattern)
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
    let alone = try Self.parameters(prepared, nil)
    for own in try ThreadGroup.run(2, { try Self.parameters(prepared, $0) }) { #expect(own == alone) }
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
