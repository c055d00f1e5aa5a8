import CellgateCells
import CellgateTraining
import Testing

@testable import CellgateExperiments
@testable import CellgateTasks

@Suite("Experiments")
struct ExperimentsTests {
  @Test(
    "Every experiment can be made: settings, cells and memory", arguments: Experiments.names, Budget.allCases)
  func valid(task: String, budget: Budget) throws {
    let experiment = try Experiments.named(task, budget)
    #expect(experiment.title == task && experiment.budget == budget)
    #expect(experiment.problems(tasks: Tasks.all).isEmpty)
    #expect(experiment.cells.count >= 2 && experiment.seeds >= 1)
    // The words and features of captions, and with them the parameters, are known with the data alone.
    #expect(task == "captions" || experiment.parts.contains { $0.equal.contains(.parameters) })
  }

  @Test(
    "No two parts have runs of the same name with other settings", arguments: ["adding", "copying"],
    Budget.allCases)
  func names(task: String, budget: Budget) throws {
    let experiment = try Experiments.named(task, budget)
    let reproduction = try Reproduction(experiment, task: Tasks.named(task))
    #expect(Set(reproduction.runs.map(\.name)).count == reproduction.runs.count)
  }

  @Test(
    "The runs of an experiment have the options of their parts, and names of their own",
    arguments: Experiments.names, Budget.allCases)
  func plan(title: String, budget: Budget) throws {
    let experiment = try Experiments.named(title, budget)
    let (runs, _) = Reproduction.plan(experiment, task: try Tasks.named(experiment.task), cells: Cell.all)
    #expect(Set(runs.map(\.name)).count == runs.count)
    // Beside a Transformer the cells leave out what it alone has.
    for run in runs where !experiment.cells.contains("transformer") {
      #expect(run.settings.taskOptions == experiment.parts[run.partIndex].training.taskOptions, "\(run.name)")
    }
  }

  @Test("The full budget has the lengths that the paper's experiments are made with")
  func lengths() throws {
    func lengths(_ task: String) throws -> [Int?] {
      try Experiments.named(task, .full).parts.map { $0.training.taskOptions["length"]?.whole }
    }
    #expect(try lengths("adding") == [200, 400, 750])
    #expect(try lengths("copying") == [100, 200, 500])
  }

  @Test("An unknown task is answered with the nearest")
  func unknown() {
    #expect(throws: SettingsErrors([.unknownName(option: "task", found: "addin", known: Experiments.names)]))
    {
      try Experiments.named("addin", .quick)
    }
  }
}
