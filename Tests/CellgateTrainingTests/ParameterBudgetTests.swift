import CellgateCells
import CellgateExperiments
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTraining

@Suite("Parameter budget")
struct ParameterBudgetTests {
  private func count(_ settings: TrainingSettings, _ cell: Cell) -> Int {
    ParameterSet(MeanTask(settings: settings).makeModel(cell: cell)).count
  }

  @Test(
    "A budget gives the most units whose whole model fits: with one more it would not", arguments: Cell.core)
  func fits(cell: Cell) throws {
    for (layers, bidirectional) in [(1, false), (2, true)] {
      var settings = MeanTask.defaults
      settings.layers = layers
      settings.bidirectional = bidirectional
      let fitted = try settings.fitted(parameters: 5000, task: MeanTask.self, cell: cell)
      #expect(fitted.cell == cell.name && fitted.hidden > 1)
      #expect(Double(count(fitted, cell)) == MeanTask.parameterCount(fitted, cell: cell))
      #expect(count(fitted, cell) <= 5000)
      var next = fitted
      next.hidden += 1
      #expect(count(next, cell) > 5000)
      // A budget that is met exactly is not exceeded.
      let exact = try settings.fitted(parameters: count(fitted, cell), task: MeanTask.self, cell: cell)
      #expect(exact == fitted)
    }
  }

  @Test("A budget too small for one unit is refused with what one unit needs")
  func tooSmall() throws {
    var settings = MeanTask.defaults
    settings.hidden = 1
    let needed = count(settings, .lstm)
    let error = SettingsError.outOfRange(
      option: "parameters", expected: "\(needed) or more, which lstm needs for one hidden unit",
      found: "\(needed - 1)")
    #expect(throws: error) {
      try settings.fitted(parameters: needed - 1, task: MeanTask.self, cell: .lstm)
    }
    #expect(try settings.fitted(parameters: needed, task: MeanTask.self, cell: .lstm).hidden == 1)
    let comparison = ComparisonSettings(
      MeanTask.defaults, cells: ["rnn-tanh", "lstm"], parameters: needed - 1)
    #expect(comparison.problems(tasks: [MeanTask.self]) == [error])
  }

  @Test("A comparison gives every cell the budget, and its runs' settings hold the units found")
  func comparison() throws {
    let scratch = try Scratch()
    let settings = ComparisonSettings(
      MeanTask.defaults, cells: ["lstm", "lstm-wm", "gru"], seeds: 1, equal: .parameters, parameters: 700)
    let runs = settings.runs(tasks: [MeanTask.self])
    let counts = try runs.map { count($0, try #require(Cell.named($0.cell))) }
    #expect(counts.allSatisfy { $0 <= 700 && $0 > 500 })
    #expect(runs[0].hidden > runs[1].hidden && runs[0].hidden < runs[2].hidden)
    guard
      case .completed(let result) = try Comparison(
        settings, task: MeanTask.self, directory: scratch.file("c")
      ).run()
    else {
      Issue.record("not completed")
      return
    }
    #expect(result.rows.map(\.hidden) == runs.map(\.hidden) && result.rows.map(\.parameters) == counts)
    #expect(try RunDirectory.settings(of: scratch.file("c/lstm-wm-seed1")).hidden == runs[1].hidden)
    var other = settings
    other.parameters = 710
    #expect(
      throws: TrainingError.run(
        .otherSettings(folder: scratch.file("c"), setting: "parameters", expected: "700", found: "710"))
    ) { try Comparison(other, task: MeanTask.self, directory: scratch.file("c"), resuming: true) }
  }
}
