import CellgateCells
import CellgateTasks
import CellgateTestSupport
import CellgateTraining
import Testing

@testable import CellgateExperiments

@Suite("Cells of comparisons")
struct ComparisonSettingsCellsTests {
  @Test("A comparison's own cells are known by their names, unless the names are others'")
  func comparison() throws {
    let own = try Cell(text: "cell own\nstate h\nmatrix W\nmatrix U start orthogonal\nh' = tanh(W x + U h)")
    let training = MeanTask.defaults
    var settings = ComparisonSettings(
      training, cells: ["lstm", "own"], seeds: 1, cellTexts: [own.text])
    #expect(settings.problems(tasks: [MeanTask.self]).isEmpty)
    #expect(settings.runs(tasks: [MeanTask.self]).map(\.cellText) == [nil, own.text])
    settings.cellTexts = [own.text.replacing("cell own", with: "cell lstm")]
    settings.cells = ["lstm"]
    #expect(settings.problems(tasks: [MeanTask.self]).first?.option == "cells")
    // The same cell under its name is no other.
    settings.cellTexts = [Cell.lstm.text]
    #expect(settings.problems(tasks: [MeanTask.self]).isEmpty)
  }

  @Test(
    "A comparison keeps the model that a task's own option names",
    arguments: [("captions", "show-attend-tell"), ("captions", "up-down"), ("answer", "memory")])
  func model(name: String, model: String) throws {
    var training = try Tasks.named(name).defaults
    training.taskOptions["model"] = .text(model)
    let runs = ComparisonSettings(training, cells: ["lstm", "gru"], seeds: 2).runs(tasks: Tasks.all)
    #expect(runs.map(\.taskOptions) == [[String: OptionValue]](repeating: training.taskOptions, count: 4))
  }
}
