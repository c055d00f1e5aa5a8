import CellgateCells
import CellgateNN
import CellgateTasks
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@Suite("Runs that start from a model")
struct ModelSourceTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(hidden: Int = 5) -> TrainingSettings {
    var settings = AddingTask.defaults
    settings.taskOptions["length"] = 8
    (settings.hidden, settings.batch, settings.steps, settings.cell) = (hidden, 4, 6, "lstm-wm")
    settings.evaluationInterval = 6
    return settings
  }

  /// Trains into a folder, and gives the best model's parameters.
  private func train(_ settings: TrainingSettings, _ folder: String) throws -> StateDictionary {
    let task = try Tasks.make(settings)
    let directory = try RunDirectory(creating: scratch.file(folder), settings: settings)
    _ = try Trainer(task: task, settings: settings, directory: directory).run()
    return try Model.load(scratch.file(folder)).state
  }

  @Test("The weights, the cell and the sizes are the model's; frozen layers keep their bits")
  func startsFrom() throws {
    let first = try train(settings(), "first")
    var next = settings(hidden: 99)
    next.cell = "gru"
    try next.start(from: ModelSource(scratch.file("first")), task: AddingTask.self)
    #expect(next.hidden == 5 && next.cell == "lstm-wm" && next.cellText == nil)
    next.freeze = ["recurrent"]
    next.optimizer = "adamw"
    next.optimizerSettings.weightDecay = 0.5
    let second = try train(next, "second")
    for entry in first.entries {
      let same = second[entry.name]?.scalars == entry.tensor.scalars
      #expect(same == entry.name.hasPrefix("recurrent."), "\(entry.name)")
    }
  }

  /// Trains for three updates.
  private func interrupted(_ settings: TrainingSettings, _ folder: String) throws {
    let directory = try RunDirectory(creating: scratch.file(folder), settings: settings)
    let trainer = try Trainer(task: try Tasks.make(settings), settings: settings, directory: directory)
    var updates = 0
    let outcome = try trainer.run(
      onEvent: { if case .progress = $0 { updates += 1 } }, shouldStop: { updates == 3 })
    #expect(outcome == .interrupted(step: 3))
  }

  @Test("A run that started from a model resumes without its file")
  func resumes() throws {
    _ = try train(settings(), "first")
    var next = settings()
    try next.start(from: ModelSource(scratch.file("first")), task: AddingTask.self)
    let whole = try train(next, "whole")
    try interrupted(next, "part")
    try FileManager.default.removeItem(atPath: scratch.file("first"))
    let again = try RunDirectory(extending: scratch.file("part"), to: next)
    _ = try Trainer(task: try Tasks.make(next), settings: next, directory: again).run()
    let found = try Model.load(scratch.file("part")).state
    #expect(found.entries.map(\.tensor.scalars) == whole.entries.map(\.tensor.scalars))
  }

  @Test("A model that doesn't fit, has changed or isn't there is refused, and so are unknown layers")
  func refused() throws {
    _ = try train(settings(), "first")
    var next = settings()
    try next.start(from: ModelSource(scratch.file("first")), task: AddingTask.self)
    func message(_ settings: TrainingSettings) -> String {
      do {
        _ = try Trainer(task: try Tasks.make(settings), settings: settings)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(message(next) == "nothing")
    var wrong = next
    wrong.hidden = 6
    #expect(message(wrong).contains("recurrent.weight_ih_l0"))
    wrong = next
    wrong.freeze = ["recurent"]
    #expect(message(wrong).contains("did you mean recurrent"))
    wrong = next
    wrong.from?.sha256 = String(repeating: "0", count: 64)
    #expect(message(wrong).contains("SHA-256"))
    wrong.from?.path = "/nothing"
    #expect(message(wrong).contains("/nothing"))
    #expect(throws: RunError.self) { try ModelSource(scratch.file("none")) }
  }
}
