import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Reproduction")
struct ReproductionTests {
  private func experiment(
    cells: [String] = ["lstm", "lstm-wm"], seeds: Int = 2,
    _ change: (inout TrainingSettings) -> Void = { _ in }
  ) -> Experiment {
    func part(_ length: Int) -> Experiment.Part {
      var settings = MeanTask.defaults
      settings.taskOptions["length"] = .whole(length)
      change(&settings)
      return Experiment.Part(
        "T = \(length)", settings, paper: length == 7 ? [.init("lstm-wm", .units, 0.5)] : [])
    }
    return Experiment(
      task: MeanTask.name, budget: .quick, cells: cells, seeds: seeds, measure: .stepsToSolve,
      parts: [part(5), part(7)], paperNote: "nothing.")
  }

  private func results(_ outcome: Reproduction.Outcome) throws -> ReproductionResults {
    guard case .completed(let results) = outcome else {
      throw TrainingError.run(.notARun(folder: "interrupted"))
    }
    return results
  }

  /// The results without what time and the number of jobs change.
  private func timeless(_ results: ReproductionResults) -> ReproductionResults {
    var results = results
    (results.wallSeconds, results.jobs, results.threads) = (0, 0, 0)
    for comparison in results.comparisons.indices {
      for row in results.comparisons[comparison].rows.indices {
        results.comparisons[comparison].rows[row].summary.msPerStep = 0
        results.comparisons[comparison].rows[row].equalTimeValue = nil
      }
      results.comparisons[comparison].equalSeconds = nil
    }
    for run in results.runs.indices {
      results.runs[run].result?.seconds = 0
      results.runs[run].result?.msPerStep = 0
    }
    return results
  }

  @Test("What both comparisons share is made once, seed by seed")
  func sharedRuns() throws {
    let reproduction = try Reproduction(experiment(), task: MeanTask.self)
    #expect(
      reproduction.runs.map(\.name).prefix(6) == [
        "length5-lstm-4units-seed1", "length5-lstm-wm-4units-seed1", "length5-lstm-wm-3units-seed1",
        "length7-lstm-4units-seed1", "length7-lstm-wm-4units-seed1", "length7-lstm-wm-3units-seed1",
      ])
    #expect(reproduction.runs.count == 12)
    var completed: [String] = []
    let results = try results(
      reproduction.run { run, _, event in if case .completed = event { completed.append(run.name) } })
    #expect(completed.sorted() == reproduction.runs.map(\.name).sorted())
    #expect(results.complete)
    #expect(
      results.comparisons.map { "\($0.part) \($0.equal)" } == [
        "T = 5 units", "T = 5 parameters", "T = 7 units", "T = 7 parameters",
      ])
    let (units, parameters) = (results.comparisons[0].rows, results.comparisons[1].rows)
    #expect(units[0].summary == parameters[0].summary)
    #expect(units[1] != parameters[1])
    #expect(units.map(\.summary.runs) == [2, 2])
    #expect(results.comparisons[2].rows.map(\.paper) == [nil, 0.5])
    #expect(results.comparisons[3].rows.map(\.paper) == [nil, nil])
  }

  @Test("The best models are tested elsewhere too, once, in a folder or without one")
  func tests() throws {
    var experiment = experiment()
    for part in experiment.parts.indices {
      experiment.parts[part].tests = [.init("T = 3", ["length": 3]), .init("T = 40", ["length": 40])]
    }
    let scratch = try Scratch()
    let path = scratch.file("r")
    let memory = try results(Reproduction(experiment, task: MeanTask.self).run(jobs: 1))
    let reproduction = try Reproduction(experiment, task: MeanTask.self, directory: path)
    let all = try results(reproduction.run(jobs: 2))
    #expect(all.comparisons.map(\.testDifferences) == memory.comparisons.map(\.testDifferences))
    for run in all.runs {
      let values = try #require(run.tests)
      #expect(values.map(\.label) == ["T = 3", "T = 40"])
      for (value, length) in zip(values, [3, 40]) {
        var settings = try RunDirectory.settings(of: path + "/" + run.name)
        settings.taskOptions["length"] = .whole(length)
        let found = try RunDirectory.evaluate(path + "/" + run.name, task: MeanTask(settings: settings))
        #expect(found.value == value.value && value.value != run.result?.value)
      }
    }
    for comparison in all.comparisons {
      #expect(comparison.testDifferences?.map(\.label) == ["T = 3", "T = 40"])
      for row in comparison.rows {
        let own = all.runs.filter {
          $0.part == comparison.part && $0.cell == row.summary.cell && $0.hidden == row.summary.hidden
        }
        #expect(row.tests?[1].mean == Statistics.mean(own.compactMap { $0.tests?[1].value }))
      }
    }
    let page = String(decoding: scratch.read("r/results.md") ?? [], as: UTF8.self)
    #expect(page.contains("| test mse at | T = 3 | T = 40 |"))
  }

  @Test("A complete run without its tests is tested, not trained")
  func missingTests() throws {
    var experiment = experiment(cells: ["lstm"], seeds: 1)
    let scratch = try Scratch()
    let path = scratch.file("r")
    let first = try goOn(experiment, path) {}
    #expect(first.runs.allSatisfy { $0.tests == nil })
    let file = path + "/experiment.json"
    try FileManager.default.removeItem(atPath: file)
    for part in experiment.parts.indices { experiment.parts[part].tests = [.init("T = 9", ["length": 9])] }
    try ConfigFile.encode(experiment).write(to: URL(fileURLWithPath: file))
    let again = try goOn(experiment, path) { Issue.record("a complete run was trained") }
    #expect(again.runs.allSatisfy { $0.tests?.count == 1 })
    #expect(again.runs.map(\.result) == first.runs.map(\.result))
  }

  @Test("However many runs are made at a time, the files have the same bytes")
  func sameBits() throws {
    let scratch = try Scratch()
    var all: [ReproductionResults] = []
    for (jobs, threads) in [(1, 1), (2, 2), (3, 4)] {
      let reproduction = try Reproduction(
        experiment(), task: MeanTask.self, directory: scratch.file("jobs\(jobs)"))
      let outcome = try ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        try reproduction.run(jobs: jobs)
      }
      all.append(timeless(try results(outcome)))
      for run in reproduction.runs {
        for file in ["metrics.csv", "model.safetensors"] {
          let name = run.name + "/" + file
          #expect(scratch.read("jobs\(jobs)/\(name)") == scratch.read("jobs1/\(name)"), "\(name)")
        }
      }
    }
    #expect(all[1] == all[0] && all[2] == all[0])
  }

  @Test(
    "One that was interrupted goes on in the same folder, and ends like one that never was",
    arguments: [1, 2])
  func resumes(jobs: Int) throws {
    let scratch = try Scratch()
    let path = scratch.file("parts")
    let long = experiment { $0.steps = 100 }
    try interrupt(long, path, jobs: jobs)
    var updates = 0
    let again = try timeless(goOn(long, path, jobs: jobs) { updates += 1 })
    let whole = try Reproduction(long, task: MeanTask.self).run(jobs: 1)
    #expect(try again == timeless(results(whole)))
    #expect(updates > 0 && updates < 12 * 100)
    _ = try goOn(long, path, jobs: jobs) { Issue.record("a complete run was made again") }
  }

  /// Makes the rest of the runs, and lets go of the folder.
  private func goOn(
    _ experiment: Experiment, _ path: String, jobs: Int = 1, onUpdate: () -> Void
  ) throws -> ReproductionResults {
    let reproduction = try Reproduction(experiment, task: MeanTask.self, directory: path)
    return try results(
      reproduction.run(jobs: jobs) { _, _, event in if case .training(.progress) = event { onUpdate() } })
  }

  /// Begins in a folder, stops when four runs have ended, and looks at what is known.
  private func interrupt(_ experiment: Experiment, _ path: String, jobs: Int) throws {
    let first = try Reproduction(experiment, task: MeanTask.self, directory: path)
    let outcome = try first.run(jobs: jobs, shouldStop: { first.endedRuns >= 4 })
    guard case .interrupted(let results) = outcome else {
      Issue.record("not interrupted")
      return
    }
    #expect(!results.complete)
    let file = try Data(contentsOf: URL(fileURLWithPath: path + "/results.json"))
    #expect(try ConfigFile.decode(ReproductionResults.self, file, file: "") == results)
    let page = try String(contentsOfFile: path + "/results.md", encoding: .utf8)
    #expect(page.contains("**So far**: \(first.endedRuns) of 12 runs have ended."))
    #expect(throws: TrainingError.run(.inUse(folder: path))) {
      try Reproduction(experiment, task: MeanTask.self, directory: path)
    }
    withExtendedLifetime(first) {}
  }

  @Test("One that is complete keeps its results when it is made again")
  func again() throws {
    let scratch = try Scratch()
    func make(jobs: Int?) throws {
      _ = try Reproduction(experiment(), task: MeanTask.self, directory: scratch.file("r")).run(jobs: jobs)
    }
    try make(jobs: 2)
    let before = scratch.read("r/results.json")
    try make(jobs: nil)
    #expect(scratch.read("r/results.json") == before)
  }

  @Test(
    "Settings that have changed since are refused by the first that differs; cells, seeds and comparisons may"
  )
  func changed() throws {
    let scratch = try Scratch()
    let path = scratch.file("r")
    _ = try Reproduction(experiment(seeds: 1), task: MeanTask.self, directory: path)
    let found = TrainingError.run(
      .otherSettings(folder: path, setting: "T = 5: batch", expected: "6", found: "7"))
    #expect(throws: found) {
      try Reproduction(experiment { $0.batch = 7 }, task: MeanTask.self, directory: path)
    }
    var other = experiment()
    other.parts[1].label = "T = 8"
    let labels = TrainingError.run(
      .otherSettings(folder: path, setting: "parts", expected: "T = 5, T = 7", found: "T = 5, T = 8"))
    #expect(throws: labels) { try Reproduction(other, task: MeanTask.self, directory: path) }
    other = experiment()
    other.parts[1].parameters = 100
    let budget = TrainingError.run(
      .otherSettings(folder: path, setting: "T = 7: parameters", expected: "none", found: "100"))
    #expect(throws: budget) { try Reproduction(other, task: MeanTask.self, directory: path) }
    other = experiment()
    other.parts[1].equal = [.units]
    #expect(throws: Never.self) { try Reproduction(other, task: MeanTask.self, directory: path) }
    #expect(throws: Never.self) {
      try Reproduction(experiment(cells: ["gru", "lstm"], seeds: 3), task: MeanTask.self, directory: path)
    }
  }

  @Test("A part that no comparison is made of is not in the tables")
  func leftOut() throws {
    let scratch = try Scratch()
    var short = experiment(seeds: 1)
    short.parts[1].equal = []
    let reproduction = try Reproduction(short, task: MeanTask.self, directory: scratch.file("r"))
    #expect(reproduction.runs.count == 3)
    #expect(try results(reproduction.run()).complete)
    let page = try String(contentsOfFile: scratch.file("r/results.md"), encoding: .utf8)
    #expect(page.contains("T = 5") && !page.contains("T = 7"))
  }

  @Test("A folder with other files is refused and stays as it was")
  func foreignFolder() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch.file("other"), withIntermediateDirectories: true)
    try scratch.write([1], as: "other/notes.txt")
    #expect(throws: TrainingError.run(.notAReproduction(folder: scratch.file("other")))) {
      try Reproduction(experiment(), task: MeanTask.self, directory: scratch.file("other"))
    }
    #expect(scratch.names("other") == ["notes.txt"])
  }

  @Test("Runs that diverge are named and counted, and the others go on")
  func diverges() throws {
    var wild = experiment(seeds: 1)
    wild.parts[1].training.optimizerSettings.learningRate = 1e30
    let reproduction = try Reproduction(wild, task: MeanTask.self)
    var diverged: [String] = []
    let results = try results(
      reproduction.run(jobs: 2) { run, _, event in
        if case .diverged = event { diverged.append(run.part) }
      })
    #expect(diverged == ["T = 7", "T = 7", "T = 7"])
    #expect(results.complete)
    #expect(
      results.comparisons.map { $0.rows.map(\.summary.divergedRuns) } == [[0, 0], [0, 0], [1, 1], [1, 1]])
    #expect(results.runs.count { $0.state == .diverged && $0.divergedAtStep != nil } == 3)
    #expect(ReproductionTable(results).text.contains("3 of 6 runs diverged"))
  }

  @Test("What is recorded of its runs changes no result, and stands in each run's folder")
  func recording() throws {
    let scratch = try Scratch()
    let plain = try Reproduction(experiment(seeds: 1), task: MeanTask.self, directory: scratch.file("plain"))
    let recorded = try Reproduction(
      experiment(seeds: 1), task: MeanTask.self, directory: scratch.file("recorded"))
    recorded.recording = RunRecording(checkpointSteps: 5, writesTensorBoard: true, diagnosticsEvery: 6)
    #expect(try timeless(results(recorded.run(jobs: 2))) == timeless(results(plain.run(jobs: 2))))
    for run in plain.runs {
      let (names, more) = (scratch.names("plain/" + run.name), scratch.names("recorded/" + run.name))
      let metrics = run.name + "/metrics.csv"
      #expect(scratch.read("recorded/" + metrics) == scratch.read("plain/" + metrics))
      #expect(!names.contains("diagnostics.csv") && more.contains("diagnostics.csv"))
      #expect(!names.contains { $0.hasPrefix("events.") } && more.contains { $0.hasPrefix("events.") })
      #expect(!names.contains { $0.contains("000010") } && more.contains { $0.contains("000010") }, "\(more)")
    }
  }

  @Test("More jobs than memory has room for are refused, and never chosen")
  func memory() throws {
    let huge = experiment { $0.hidden = 40_000 }
    guard huge.problems(tasks: [MeanTask.self]).isEmpty else { return }  // a machine of less than 32 GB
    let reproduction = try Reproduction(huge, task: MeanTask.self)
    #expect(try reproduction.jobCount() <= 2)
    #expect(throws: TrainingError.self) { try reproduction.jobCount(asked: 12) }
  }

  @Test("The time it will take is estimated for what is left to do")
  func estimate() throws {
    let reproduction = try Reproduction(experiment(), task: MeanTask.self)
    #expect(try #require(try reproduction.estimatedSeconds(jobs: 1)) > 0)
    #expect(try reproduction.estimatedSeconds(jobs: 2, shouldStop: { true }) == nil)
    let scratch = try Scratch()
    let kept = try Reproduction(experiment(), task: MeanTask.self, directory: scratch.file("r"))
    _ = try kept.run()
    #expect(try kept.estimatedSeconds() == nil)
  }

  @Test("The folder has the results, the page and a figure for each comparison and for the measure")
  func files() throws {
    let scratch = try Scratch()
    let reproduction = try Reproduction(
      experiment(seeds: 1), task: MeanTask.self, directory: scratch.file("r"))
    _ = try reproduction.run()
    let files = scratch.names("r").filter { !$0.contains("seed") && !$0.hasPrefix(".") }
    #expect(
      files == [
        "curves-t5-parameters.svg", "curves-t5-units.svg", "curves-t7-parameters.svg", "curves-t7-units.svg",
        "experiment.json", "results.json", "results.md", "steps-to-solve.svg",
      ])
    for file in files where file.hasSuffix("svg") {
      let svg = String(decoding: try #require(scratch.read("r/" + file)), as: UTF8.self)
      #expect(svg.contains("lstm-wm") && !svg.contains("no data"), "\(file)")
    }
  }
}
