import CellgateCells
import CellgateData
import CellgateNN
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Penn Treebank words")
struct PTBWordTaskTests {
  private static let dataFolder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""

  private func files(_ parts: [String]) throws -> Scratch {
    let scratch = try Scratch()
    for (name, text) in zip(["train", "valid", "test"], parts) {
      try scratch.write(Array(text.utf8), as: "ptb/ptb.\(name).txt")
    }
    return scratch
  }

  private static let parts = [" no it was n't <unk> \n no no it was\n", " it was no\n", " n't it <unk>\n"]

  private static let settings: TrainingSettings = {
    var settings = PTBWordTask.defaults
    settings.taskOptions = ["length": 2, "embedding": 5]
    (settings.hidden, settings.batch) = (6, 2)
    return settings
  }()

  @Test("Words stand between spaces, a newline ends a line, and <unk> is one of them")
  func words() throws {
    let scratch = try files(Self.parts)
    let task = try PTBWordTask(settings: Self.settings, data: .set(.ptb, directory: scratch.path))
    #expect(
      task.tokenizer == .words(WordVocabulary(words: ["no", "\n", "it", "was", "n't"]), .spaces))
    #expect(task.batches.training == [1, 3, 4, 5, 0, 2, 1, 1, 3, 4, 2])
    #expect(task.batches.stream(of: .test).indices == [5, 3, 0, 2])
    let model = task.makeModel(cell: .lstm)
    let found = task.evaluate(model, on: .test)
    #expect(abs(found.value - exp(found.extras[0])) < 1e-9 && found.extras.count == 1)
    // One added to each of 6 symbols among 11: "it", "<unk>" and the end of the line.
    #expect(abs(task.baseline.value - pow(17.0 * 17 * 17 / (3 * 2 * 3), 1 / 3.0)) < 1e-9)
    #expect(task.baseline.label == "word frequencies")
  }

  @Test("Other data are scored with the model's words, and those that it lacks are <unk>")
  func scoring() throws {
    let scratch = try files(Self.parts)
    let metadata = TextTokenizer.words(of: "it was\n".unicodeScalars, splitting: .spaces).metadata
    let task = try PTBWordTask(
      scoring: Self.settings, data: .set(.ptb, directory: scratch.path), metadata: metadata, split: nil)
    #expect(task.batches.stream(of: .test).indices == [0, 2, 0, 1])
    let missing = try Scratch()
    let error = #expect(throws: TaskDataError.self) {
      try PTBWordTask(settings: Self.settings, data: .set(.ptb, directory: missing.path))
    }
    #expect(
      error?.description.contains("ptb.train.txt.gz: no such file; get it with: cellgate data fetch ptb")
        == true)
  }

  @Test("The settings are those of Zaremba's medium model")
  func settings() {
    let settings = PTBWordTask.defaults
    #expect(settings.problems(tasks: Tasks.all).isEmpty)
    let schedule = settings.schedule.make(steps: 39 * 1327)
    #expect(schedule.factor(at: 6 * 1327 - 1) == 1)
    #expect(abs(schedule.factor(at: 6 * 1327) - 1 / 1.2) < 1e-12)
    #expect(abs(schedule.factor(at: 38 * 1327) - pow(1.2, -33)) < 1e-12)
    // 10,000 · 650 for the embeddings, 4 · (650 · 1,300 + 650) for a layer, 651 · 10,000 for the head.
    #expect(
      PTBWordTask.parameterCount(settings, cell: .lstm) == 6_500_000 + 2 * 4 * 845_650 + 6_510_000)
  }

  @Test(
    "The real files have the literature's counts",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"))
  func real() throws {
    let task = try PTBWordTask(settings: PTBWordTask.defaults, data: .set(.ptb, directory: Self.dataFolder))
    #expect(task.tokenizer.count == PTBWordTask.symbols && task.stepsPerEpoch == 1327)
    #expect(task.batches.training.count == 929_589)
    #expect(task.batches.stream(of: .validation).indices.count == 73_760)
    #expect(task.batches.stream(of: .test).indices.count == 82_430)
  }
}
