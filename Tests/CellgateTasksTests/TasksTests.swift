import CellgateCells
import CellgateNN
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Tasks")
struct TasksTests {
  @Test("Names are unique, and each task is found by its own")
  func names() throws {
    #expect(Set(Tasks.names).count == Tasks.all.count)
    for name in Tasks.names { #expect(try Tasks.named(name).name == name) }
  }

  @Test("Every task's settings are valid")
  func defaults() {
    for task in Tasks.all {
      #expect(task.defaults.problems(tasks: Tasks.all) == [], "\(task.name)")
      #expect(task.defaults.task == task.name)
      #expect(!task.summary.isEmpty)
    }
  }

  @Test("Models of every task start as --initialization says")
  func initialization() {
    for task in Tasks.all {
      var settings = task.defaults
      settings.start(from: Recurrent.Initialization(.pytorch, forgetBias: 1))
      #expect(settings.problems(tasks: Tasks.all) == [], "\(task.name)")
    }
  }

  @Test("The sizes of published experiments are what they were")
  func published() {
    let sizes = Tasks.all.prefix(8).map { task in
      [task.defaults.hidden, task.defaults.batch]
        + task.options.compactMap { task.defaults.taskOptions[$0.name]?.whole }
    }
    #expect(
      sizes == [
        [128, 50, 100], [128, 128, 100], [128, 32], [128, 32], [128, 32, 216], [1000, 128, 150, 64],
        [650, 20, 35, 650], [256, 32, 150, 64, 2, 50_000, 2000, 5, 5],
      ])
  }

  @Test("An unknown task is answered with the nearest name")
  func unknown() {
    let error = SettingsError.unknownName(
      option: "task", found: "ading", nearest: ["adding"], known: Tasks.names)
    #expect(throws: SettingsErrors([error])) { try Tasks.named("ading") }
    var settings = AddingTask.defaults
    settings.task = "ading"
    #expect(throws: TrainingError.settings(SettingsErrors([error]))) { _ = try Tasks.make(settings) }
  }

  @Test("A run is evaluated from its folder alone")
  func evaluate() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/run"
    var settings = AddingTask.defaults
    settings.taskOptions["length"] = 4
    settings.hidden = 4
    settings.steps = 2
    let trainer = try Trainer(
      task: Tasks.make(settings), settings: settings,
      directory: RunDirectory(creating: path, settings: settings))
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    let found = try Tasks.evaluate(run: path)
    #expect(found.settings == settings)
    #expect(found.evaluation == Evaluation(result.value))
    let none = TrainingError.run(.notARun(folder: scratch.path))
    #expect(throws: none) { _ = try Tasks.evaluate(run: scratch.path) }
  }

  @Test(
    "Models of all tasks have stable names, and more parameters than their cell by the head",
    arguments: Cell.core)
  func models(cell: Cell) throws {
    for settings in [AddingTask.defaults, CopyingTask.defaults] {
      var settings = settings
      settings.hidden = 6
      settings.cell = cell.name
      let task = try Tasks.make(settings)
      let trainer = try Trainer(task: task, settings: settings)
      let shape = type(of: task).shape(settings)
      #expect(
        trainer.parameterCount == cell.parameterCount(inputSize: shape.inputSize, hiddenSize: 6)
          + 7 * shape.outputSize)
      let names = trainer.parameters.entries.map(\.name)
      #expect(names == cell.parameters.map { "recurrent.\($0.name)_l0" } + ["head.weight", "head.bias"])
    }
  }
}
