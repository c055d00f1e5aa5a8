import CellgateNN
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateExperiments
@testable import CellgateTraining

@Suite("Search")
struct SearchTests {
  private static func experiment(
    _ search: SearchSettings?, cells: [String] = ["lstm", "lstm-wm"], seeds: Int = 2,
    measure: Experiment.Measure = .value, solving: Bool = false
  ) -> Experiment {
    var settings = MeanTask.defaults
    settings.steps = 128
    settings.evaluationInterval = 8
    if solving { settings.stopWhenSolved = true }
    var experiment = Experiment(
      task: MeanTask.name, budget: .quick, cells: cells, seeds: seeds, measure: measure,
      parts: [Experiment.Part("T = 5", settings, equal: [.units])], paperNote: "nothing.")
    experiment.search = search
    return experiment
  }

  @Test("Half of the baseline is reached at the first evaluation that is no larger")
  func halfBaseline() {
    let records = [(8, 0.9), (16, 0.41), (24, 0.4), (32, 0.1)].map {
      MetricsRecord(
        step: $0, trainingLoss: 0, validation: Evaluation($1), learningRate: 0.1, gradientNorm: 1)
    }
    #expect(
      Experiment.Measure.stepsToHalfBaseline.step(
        in: records, task: MeanTask.self, settings: MeanTask.defaults, baseline: 0.8) == 24)
  }

  private func run(
    _ experiment: Experiment, _ path: String?, jobs: Int = 1, stopAfter: Int = .max,
    onEvent: (Reproduction.Run, RunEvent) -> Void = { _, _ in }
  ) throws -> (reproduction: Reproduction, outcome: Reproduction.Outcome) {
    let reproduction = try Reproduction(experiment, task: MeanTask.self, directory: path)
    var updates = 0
    let outcome = try reproduction.run(
      jobs: jobs,
      onEvent: { run, _, event in
        if case .training(.progress) = event { updates += 1 }
        onEvent(run, event)
      }, shouldStop: { updates >= stopAfter })
    return (reproduction, outcome)
  }

  private func results(_ path: String) throws -> SearchResults {
    let data = try Data(contentsOf: URL(fileURLWithPath: path + "/search.json"))
    return try ConfigFile.decode(SearchResults.self, data, file: "search.json")
  }

  // MARK: Rounds and trials

  @Test("Halving halves the trials and doubles their steps; a grid trains all of them to the end")
  func rounds() {
    let search = SearchSettings()
    func text(_ trials: Int) -> String {
      search.rounds(trials: trials).map { "\($0.trials)@\($0.share)" }.joined(separator: " ")
    }
    #expect(text(8) == "8@0.25 4@0.5 2@1.0")
    #expect(text(7) == "7@0.25 4@0.5 2@1.0")
    #expect(text(5) == "5@0.25 3@0.5 2@1.0")
    #expect(text(2) == "2@1.0")
    #expect(text(1) == "1@1.0")
    #expect(SearchSettings(.grid).rounds(trials: 8) == [.init(trials: 8, share: 1)])
  }

  @Test(
    "A trial has at most its share of the updates, and ends each round with an evaluation",
    arguments: [4000, 128, 17_190, 21, 5], [50, 8, 1719, 1, 100_000])
  func trialSteps(updates: Int, interval: Int) throws {
    for (fraction, rounds) in [(0.25, 3), (1, 1), (0.1, 4)] {
      let search = SearchSettings(fraction: fraction, seed: 77)
      let trial = search.trial(MeanTask.defaults, updates: updates, interval: interval, rounds: rounds)
      let (steps, between) = (try #require(trial.steps), try #require(trial.evaluationInterval))
      let parts = 1 << (rounds - 1)
      #expect(between <= interval && trial.seed == 77 && trial.epochs == nil)
      // What rounding down takes is less than an update for each part and evaluation.
      let most = max(Double(parts), fraction * Double(updates))
      #expect(Double(steps) <= most && Double(steps) > most * 0.49 - Double(parts), "\(steps) of \(most)")
      for round in 0..<rounds {
        let end = Double(steps) / Double(1 << (rounds - 1 - round))
        #expect(end == end.rounded() && Int(end) % between == 0, "round \(round): \(end)")
      }
    }
  }

  @Test("Rates are factors of the part's own, and the same settings are tried once")
  func choices() {
    var settings = MeanTask.defaults
    settings.optimizerSettings.learningRate = 0.004
    settings.chronoSteps = 9
    let choices = SearchSettings().choices(for: settings)
    #expect(
      choices.map(\.startName) == Array(repeating: "chrono:9", count: 4)
        + Array(repeating: "pytorch", count: 4))
    #expect(
      choices.compactMap(\.optimizerSettings.learningRate) == [
        0.001, 0.002, 0.004, 0.008, 0.001, 0.002, 0.004, 0.008,
      ])
    let twice = SearchSettings(learningRates: [0.1], initializations: [nil, .chrono(9), .keras])
    #expect(twice.choices(for: settings).map(\.startName) == ["chrono:9", "keras"])
  }

  @Test("What is wrong with a search is said of its options")
  func problems() {
    func options(_ search: SearchSettings) -> [String] {
      Self.experiment(search, seeds: 3).problems(tasks: [MeanTask.self]).map(\.option)
    }
    #expect(options(SearchSettings()) == [])
    #expect(options(SearchSettings(learningRates: [0.1, -1, 0.1])) == ["search-rates", "search-rates"])
    #expect(options(SearchSettings(learningRates: [])) == ["search-rates"])
    #expect(options(SearchSettings(initializations: [])) == ["search-initializations"])
    #expect(options(SearchSettings(fraction: 0)) == ["search-fraction"])
    #expect(options(SearchSettings(fraction: 1.5)) == ["search-fraction"])
    #expect(options(SearchSettings(seed: 3)) == ["search-seed"])
    #expect(options(SearchSettings(seed: 4)) == [])
    #expect(options(SearchSettings(initializations: [.init(chronoSteps: 2)])) == ["chrono-steps"])
  }

  // MARK: The whole

  @Test("Each cell's runs have the settings of its best trial, chosen by validation data alone")
  func whole() throws {
    let scratch = try Scratch()
    let path = scratch.file("r")
    let (reproduction, outcome) = try run(Self.experiment(SearchSettings()), path)
    guard case .completed(let all) = outcome else {
      Issue.record("not complete")
      return
    }
    let search = try results(path)
    #expect(search.complete && all.search == search && search.metric == "mse")
    #expect(search.cells.map(\.cell) == ["lstm", "lstm-wm"])
    for (cell, row) in zip(search.cells, all.comparisons[0].rows) {
      #expect(cell.trials.map(\.rounds.count).sorted() == [1, 1, 1, 1, 2, 2, 3, 3])
      // Who goes on is among the better half of the round.
      for round in 0..<2 {
        let there = cell.trials.filter { $0.rounds.count > round }
        let worst =
          there.filter { $0.rounds.count > round + 1 }.compactMap { $0.rounds[round].value }.max() ?? 0
        let dropped = there.filter { $0.rounds.count == round + 1 }.compactMap { $0.rounds[round].value }
        #expect(dropped.allSatisfy { $0 >= worst })
      }
      let last = cell.trials.filter { $0.rounds.count == 3 }
      let best = try #require(last.min { $0.rounds[2].value ?? 0 < $1.rounds[2].value ?? 0 })
      #expect(cell.chosen == best.run)
      #expect(row.learningRate == best.learningRate && row.initialization == best.initialization)
      for trial in cell.trials {
        let settings = try RunDirectory.settings(of: path + "/" + trial.run)
        #expect(settings.seed == 1001 && settings.steps == 32 && settings.cell == cell.cell)
        // No test data were looked at.
        #expect(!FileManager.default.fileExists(atPath: path + "/" + trial.run + "/result.json"))
        let records = try MetricsLog.read(
          path + "/" + trial.run + "/metrics.csv", metrics: MeanTask.metricNames(MeanTask.defaults))
        #expect(records.last?.step == trial.rounds.last?.steps)
        for round in trial.rounds {
          #expect(records.filter { $0.step <= round.steps }.map(\.validation.value).min() == round.value)
        }
      }
      for run in reproduction.runs where run.settings.cell == cell.cell {
        #expect(run.settings.optimizerSettings.learningRate == Float(best.learningRate))
        #expect(run.settings.startName == best.initialization && run.settings.steps == 128)
        #expect(try RunDirectory.settings(of: path + "/" + run.name) == run.settings)
      }
    }
    #expect(Set(reproduction.runs.map(\.settings.seed)) == [1, 2])
    let table = String(decoding: scratch.read("r/search.csv") ?? [], as: UTF8.self)
    #expect(table.split(separator: "\n").count == 1 + 2 * 14)
    let page = String(decoding: scratch.read("r/results.md") ?? [], as: UTF8.self)
    #expect(page.contains("## Search") && page.contains("| `lstm-wm`, 4 units |"))
    #expect(!page.contains("learning_rate"))
    for cell in search.cells {
      let line = cell.rateAtEdge.map { "- `\(cell.cell)`, 4 units, \(cell.part): \($0.rate) is the " }
      #expect(page.contains(line ?? "- `\(cell.cell)`") == (line != nil))
    }
    // The same without a folder.
    guard case .completed(let memory) = try run(Self.experiment(SearchSettings()), nil).outcome else {
      Issue.record("not complete")
      return
    }
    #expect(memory.search == search)
    #expect(memory.comparisons[0].rows.map(\.summary.mean) == all.comparisons[0].rows.map(\.summary.mean))
  }

  @Test(
    "Stopped anywhere and begun again it finds the same, however many trials run at a time",
    arguments: [1, 2])
  func resumes(jobs: Int) throws {
    let scratch = try Scratch()
    let experiment = Self.experiment(SearchSettings())
    _ = try run(experiment, scratch.file("whole"))
    var starts = 0
    while starts < 200 {
      let limit = 1 + starts % 3 * 23
      if case .completed = try run(experiment, scratch.file("parts"), jobs: jobs, stopAfter: limit).outcome {
        break
      }
      starts += 1
    }
    #expect(starts > 5 && starts < 200)
    for name in scratch.names("whole") where name != "results.json" && name != "results.md" {
      for file in name.contains("-") && !name.hasSuffix(".svg") ? ["/metrics.csv"] : [""] {
        #expect(scratch.read("parts/" + name + file) == scratch.read("whole/" + name + file), "\(name)")
      }
    }
    var updates = 0
    _ = try run(experiment, scratch.file("parts")) { _, event in
      if case .training(.progress) = event { updates += 1 }
    }
    #expect(updates == 0)
  }

  @Test("A best rate at the edge of those that were tried is named")
  func edges() {
    func edge(_ rates: [Double], best: Double?) -> String? {
      let trials = rates.map {
        SearchTrial(run: "\($0)", learningRate: $0, initialization: "keras", rounds: [])
      }
      let cell = SearchedCell(
        part: "", cell: "gru", hidden: 3, trials: trials, chosen: best.map { "\($0)" })
      return cell.rateAtEdge.map { "\($0.rate) \($0.isLargest)" }
    }
    #expect(edge([0.1, 0.4, 0.2], best: 0.4) == "0.4 true")
    #expect(edge([0.1, 0.4, 0.2], best: 0.1) == "0.1 false")
    #expect(edge([0.1, 0.4, 0.2], best: 0.2) == nil)
    #expect(edge([0.1, 0.4], best: nil) == nil)
    // There is no edge where one rate alone is given.
    #expect(edge([0.1, 0.1], best: 0.1) == nil)
  }

  @Test("A trial that paused between rounds has the bits of one that never did")
  func pauses() throws {
    let scratch = try Scratch()
    _ = try run(Self.experiment(SearchSettings(), cells: ["lstm"], seeds: 1), scratch.file("halving"))
    _ = try run(Self.experiment(SearchSettings(.grid), cells: ["lstm"], seeds: 1), scratch.file("grid"))
    let search = try results(scratch.file("halving"))
    let finalists = search.cells[0].trials.filter { $0.rounds.count == 3 }
    #expect(finalists.count == 2)
    for trial in finalists {
      let rows = String(decoding: scratch.read("halving/\(trial.run)/metrics.csv") ?? [], as: UTF8.self)
        .split(separator: "\n").suffix(1)
      let whole = String(decoding: scratch.read("grid/\(trial.run)/metrics.csv") ?? [], as: UTF8.self)
        .split(separator: "\n").suffix(1)
      // The mean training loss since the last evaluation differs where the evaluations do; the rest must not.
      func values(_ rows: ArraySlice<Substring>) -> [Substring] {
        rows.flatMap { $0.split(separator: ",").enumerated().filter { $0.offset != 1 }.map(\.element) }
      }
      #expect(!rows.isEmpty && values(rows) == values(whole))
    }
  }

  @Test("A rate that diverges is never chosen, and stops nothing")
  func diverges() throws {
    let scratch = try Scratch()
    let search = SearchSettings(learningRates: [1e30, 0.001, 1e32], initializations: [nil])
    let (_, outcome) = try run(Self.experiment(search, cells: ["lstm"], seeds: 1), scratch.file("r"))
    guard case .completed = outcome else {
      Issue.record("not complete")
      return
    }
    let cell = try results(scratch.file("r")).cells[0]
    #expect(cell.trials.first { $0.run == cell.chosen }?.learningRate == 0.001)
    #expect(cell.trials.contains { $0.rounds.contains { $0.divergedAtStep != nil } })
  }

  @Test("Where steps count, the trial that is solved first is the best, and ends there")
  func steps() throws {
    let scratch = try Scratch()
    // Far from the means at first.
    let start = Recurrent.Initialization(rules: [.init(parameter: "head.bias", .constant(1))])
    let search = SearchSettings(
      .grid, learningRates: [0.0001, 0.1, 0.03], initializations: [start], fraction: 1)
    let experiment = Self.experiment(search, cells: ["lstm"], seeds: 1, measure: .stepsToSolve, solving: true)
    _ = try run(experiment, scratch.file("r"))
    let cell = try results(scratch.file("r")).cells[0]
    let steps = cell.trials.map { $0.rounds[0].stepsToReach }
    let least = try #require(steps.compactMap(\.self).min())
    #expect(cell.trials.first { $0.run == cell.chosen }?.rounds[0].stepsToReach == least)
    for trial in cell.trials where trial.rounds[0].stepsToReach != nil {
      #expect(trial.rounds[0].steps == trial.rounds[0].stepsToReach)
    }
    #expect(steps.contains { $0 != least })
  }

  @Test("A folder of another search is refused")
  func other() throws {
    let scratch = try Scratch()
    _ = try run(Self.experiment(SearchSettings(), cells: ["lstm"], seeds: 1), scratch.file("r"))
    #expect {
      try Reproduction(
        Self.experiment(SearchSettings(.grid), cells: ["lstm"], seeds: 1), task: MeanTask.self,
        directory: scratch.file("r"))
    } throws: {
      "\($0)".hasPrefix("\(scratch.file("r")): made with other settings: search: expected halving over")
    }
  }

  @Test("Only some cells are compared at equal parameters when that is wanted")
  func parameterCells() throws {
    var experiment = Self.experiment(nil, cells: ["lstm", "lstm-ph", "lstm-wm"], seeds: 1)
    experiment.parts[0].equal = [.units, .parameters]
    experiment.parameterCells = ["lstm", "lstm-wm"]
    #expect(
      experiment.comparisons.map(\.settings.cells) == [["lstm", "lstm-ph", "lstm-wm"], ["lstm", "lstm-wm"]])
    experiment.parameterCells = ["gru"]
    #expect(experiment.problems(tasks: [MeanTask.self]).map(\.option) == ["parameter-cells"])
  }

  @Test("The estimate has the search and the runs in it, and less of them as they are made")
  func estimate() throws {
    let scratch = try Scratch()
    let experiment = Self.experiment(SearchSettings(), cells: ["lstm"], seeds: 1)
    func estimate() throws -> Reproduction.Estimate? {
      try Reproduction(experiment, task: MeanTask.self, directory: scratch.file("r")).estimate(jobs: 1)
    }
    let first = try #require(try estimate())
    #expect(first.searchSeconds > 0 && first.runSeconds > 0)
    #expect(first.wallSeconds == first.searchSeconds + first.runSeconds)
    var ended = 0
    _ = try run(experiment, scratch.file("r"), stopAfter: 8 * 8 + 4 * 8 + 2 * 16 + 1) { _, event in
      if case .paused = event { ended += 1 }
    }
    #expect(ended == 14)
    #expect(try estimate()?.searchSeconds == 0)
    _ = try run(experiment, scratch.file("r"))
    #expect(try estimate() == nil)
  }
}
