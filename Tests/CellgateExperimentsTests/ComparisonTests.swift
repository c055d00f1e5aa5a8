import CellgateCells
import CellgateCharts
import CellgateFiles
import CellgateNN
import CellgateTasks
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Comparison")
struct ComparisonTests {
  private func settings(
    _ cells: [String] = ["lstm", "lstm-wm"], seeds: Int = 2, equal: ComparisonSettings.Equality = .units
  ) -> ComparisonSettings {
    ComparisonSettings(MeanTask.defaults, cells: cells, seeds: seeds, equal: equal)
  }

  @Test(
    "At equal parameters LSTM-WM has the units of the reference table",
    arguments: [(2, 128, 97, 67_027), (10, 128, 97, 70_131), (1, 128, 96, 65_280), (1, 256, 193, 262_287)])
  func equalParameters(inputSize: Int, hidden: Int, expected: Int, count: Int) {
    let size = StackSize(inputSize: inputSize, layers: 1, bidirectional: false)
    let most = size.parameters(.lstm, hidden: hidden)
    #expect(MeanTask.defaults.hidden(of: .lstmWM, inputSize: inputSize, most: most) == expected)
    #expect(size.parameters(.lstmWM, hidden: expected) == Double(count))
    #expect(Cell.lstmWM.parameterCount(inputSize: inputSize, hiddenSize: expected) == count)
  }

  @Test("Matched cells have no more parameters, and would have more with one unit more", arguments: Cell.core)
  func nearest(cell: Cell) {
    let size = StackSize(inputSize: 3, layers: 2, bidirectional: true)
    let target = size.parameters(.lstm, hidden: 20)
    var settings = MeanTask.defaults
    (settings.layers, settings.bidirectional) = (2, true)
    let hidden = settings.hidden(of: cell, inputSize: 3, most: target)
    #expect(size.parameters(cell, hidden: hidden) <= target)
    #expect(size.parameters(cell, hidden: hidden + 1) > target)
    #expect(settings.hidden(of: .lstm, inputSize: 3, most: target) == 20)
    #expect(StackSize.most { _ in true } == 1 << 62)
    #expect(cell.parameterCount(inputSize: 1, hiddenSize: .max) == .max)
  }

  @Test("Models of a form of their own are matched as a whole", arguments: ["frames", "music", "translate"])
  func wholeModels(name: String) throws {
    let task = try Tasks.named(name), cells = ["lstm", "lstm-wm", "gru", "lstm-ph"]
    let runs = ComparisonSettings(task.defaults, cells: cells, seeds: 1, equal: .parameters).runs(tasks: [
      task
    ])
    func count(_ settings: TrainingSettings) throws -> Double {
      task.parameterCount(settings, cell: try #require(Cell.named(settings.cell)))
    }
    let target = try count(runs[0])
    #expect(runs.map(\.cell) == cells && runs[0].hidden == task.defaults.hidden)
    for var run in runs {
      #expect(try count(run) <= target, "\(run.cell), \(run.hidden) units")
      run.hidden += 1
      #expect(try count(run) > target, "\(run.cell), \(run.hidden) units")
    }
  }

  @Test("Each seed takes every cell in turn, with the same settings otherwise")
  func runs() {
    let runs = settings(equal: .parameters).runs(tasks: [MeanTask.self])
    #expect(runs.map { "\($0.cell) \($0.seed)" } == ["lstm 1", "lstm-wm 1", "lstm 2", "lstm-wm 2"])
    var other = runs[1]
    other.cell = "lstm"
    other.hidden = 4
    #expect(other == runs[0])
    #expect(runs[1].hidden < 4)
  }

  @Test("At equal parameters the numbers that a cell keeps as they start count as well")
  func fixed() throws {
    let runs = settings(["lstm", "esn"], equal: .parameters).runs(tasks: [MeanTask.self])
    #expect(runs[1].cell == "esn" && (2...20).contains(runs[1].hidden))
  }

  @Test("All that is wrong is reported together")
  func problems() {
    var wrong = settings(["lstm", "lstm", "gruu"], seeds: 0)
    wrong.training.batch = 0
    #expect(wrong.problems(tasks: [MeanTask.self]).map(\.option) == ["cells", "cells", "seeds", "batch"])
    #expect(settings([]).problems(tasks: [MeanTask.self]).map(\.option) == ["cells"])
    #expect(settings().problems(tasks: [MeanTask.self]) == [])
  }

  @Test("Seeds go up to 2⁶⁴ − 1 and no further")
  func seeds() {
    var last = settings(seeds: 2)
    last.training.seed = .max - 1
    #expect(last.problems(tasks: [MeanTask.self]) == [])
    #expect(last.runs(tasks: [MeanTask.self]).map(\.seed) == [.max - 1, .max - 1, .max, .max])
    last.training.seed = .max
    #expect(
      last.problems(tasks: [MeanTask.self]).map(\.description) == [
        "seed: expected at most 18446744073709551614, the first of 2 seeds, found 18446744073709551615"
      ])
  }

  @Test("Mean, spread and median are the textbook's")
  func statistics() {
    #expect(Statistics.mean([1, 2, 6]) == 3)
    #expect(Statistics.spread([1, 2, 6]) == 7.0.squareRoot())
    #expect(Statistics.spread([1]) == nil)
    #expect(Statistics.mean([]) == nil)
    #expect(Statistics.median([3, 1, 2]) == 2)
    #expect(Statistics.median([4, 1, 2, 3]) == 2.5)
    #expect(Statistics.median([1, .infinity]) == .infinity)
    // What is not finite can't be written as JSON.
    #expect(Statistics.mean([1e308, 1e308]) == nil)
    #expect(Statistics.spread([1e200, -1e200]) == nil)
  }

  @Test("A comparison writes a row for each cell, the results, and the curves")
  func completes() throws {
    let scratch = try Scratch()
    let comparison = try Comparison(settings(), task: MeanTask.self, directory: scratch.file("c"))
    var completed: [String] = []
    let outcome = try comparison.run { run, event in
      if case .completed(let result) = event {
        completed.append("\(run.index) \(result.cell) \(result.seed)")
      }
    }
    guard case .completed(let result) = outcome else {
      Issue.record("not completed")
      return
    }
    #expect(completed == ["0 lstm 1", "1 lstm-wm 1", "2 lstm 2", "3 lstm-wm 2"])
    #expect(result.rows.map(\.cell) == ["lstm", "lstm-wm"])
    #expect(result.rows.map(\.runs) == [2, 2])
    for row in result.rows {
      let values = result.runs.filter { $0.cell == row.cell }.map(\.value)
      #expect(row.mean == Statistics.mean(values) && row.spread == Statistics.spread(values))
    }
    #expect(
      scratch.names("c") == [
        ".lock", "compare.csv", "compare.json", "config.json", "curves.svg", "lstm-seed1", "lstm-seed2",
        "lstm-wm-seed1", "lstm-wm-seed2",
      ])
    let json = try #require(scratch.read("c/compare.json"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    #expect(rows.count == 2)
    #expect(rows[0].keys.contains("steps_to_solve"))
    let csv = String(decoding: try #require(scratch.read("c/compare.csv")), as: UTF8.self)
    #expect(csv.split(separator: "\n").count == 3)
    let svg = String(decoding: try #require(scratch.read("c/curves.svg")), as: UTF8.self)
    #expect(svg.contains("lstm-wm") && svg.contains("constant 1/2"))
  }

  @Test(
    "An interrupted comparison that is resumed, with a seed more, has the numbers of one never interrupted")
  func resumes() throws {
    let scratch = try Scratch()
    let path = scratch.file("c")
    try interrupt(path, after: 17)
    #expect(throws: TrainingError.run(.exists(folder: path))) {
      try Comparison(settings(), task: MeanTask.self, directory: path)
    }
    var updates = 0
    let second = try Comparison(settings(), task: MeanTask.self, directory: path, resuming: true)
    let resumed = try second.run { _, event in
      if case .training(.progress) = event { updates += 1 }
    }
    let whole = try Comparison(settings(), task: MeanTask.self).run()
    guard case .completed(let a) = resumed, case .completed(let b) = whole else {
      Issue.record("not completed")
      return
    }
    #expect(updates == 4 * 12 - 17)
    #expect(a.rows.map(\.mean) == b.rows.map(\.mean))
    #expect(a.rows.map(\.stepsToSolve) == b.rows.map(\.stepsToSolve))
    #expect(a.runs.map(\.validationValue) == b.runs.map(\.validationValue))
  }

  /// Starts a comparison with a single seed, stops it, and lets go of the folder.
  private func interrupt(_ path: String, after count: Int) throws {
    var updates = 0
    let first = try Comparison(settings(seeds: 1), task: MeanTask.self, directory: path)
    let outcome = try first.run(
      onEvent: { if case .training(.progress) = $1 { updates += 1 } }, shouldStop: { updates == count })
    #expect(outcome == .interrupted)
    #expect(throws: TrainingError.run(.inUse(folder: path))) {
      try Comparison(settings(), task: MeanTask.self, directory: path, resuming: true)
    }
    withExtendedLifetime(first) {}
  }

  @Test("A comparison that is resumed with other settings is refused, and its folder stays as it was")
  func resumesWithOtherSettings() throws {
    let scratch = try Scratch()
    let path = scratch.file("c")
    try interrupt(path, after: 3)
    let config = try Data(contentsOf: URL(fileURLWithPath: path + "/config.json"))
    var other = settings(seeds: 1)
    other.training.batch += 1
    do throws(TrainingError) {
      _ = try Comparison(other, task: MeanTask.self, directory: path, resuming: true)
      Issue.record("other settings were accepted")
    } catch {
      guard case .run(.otherSettings(_, let setting, _, _)) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(setting == "batch")
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path + "/config.json")) == config)
  }

  @Test("A cell that diverges is counted, and the others go on")
  func diverges() throws {
    var training = MeanTask.defaults
    training.optimizerSettings.learningRate = 1e30
    let comparison = try Comparison(
      ComparisonSettings(training, cells: ["lstm", "gru"], seeds: 1), task: MeanTask.self)
    guard case .completed(let result) = try comparison.run() else {
      Issue.record("not completed")
      return
    }
    #expect(result.rows.map(\.divergedRuns) == [1, 1])
    #expect(result.rows.map(\.mean) == [nil, nil])
    #expect(!comparison.chart(result).render().isEmpty)
  }
}
