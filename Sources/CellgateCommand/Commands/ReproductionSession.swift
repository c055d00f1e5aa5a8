import Cellgate
import CellgateBasics

/// A run of `cellgate reproduce` from its first line to its last.
struct ReproductionSession {
  let reproduction: Reproduction
  let task: any SequenceTask.Type
  let folder: String
  let jobs: Int?
  let json: Bool

  private var experiment: Experiment { reproduction.experiment }

  /// Makes the runs and prints what they reach; gives it, and a line for each run that diverged.
  func run() throws -> (results: ReproductionResults, divergences: [String]) {
    let jobs = try reproduction.jobCount(asked: jobs)
    if !json { printHeading(jobs) }
    try printEstimate(jobs)
    var progress = ReproductionProgress(
      reproduction: reproduction, task: task, folder: folder, jobs: jobs, json: json)
    let outcome = try reproduction.run(
      jobs: jobs, onEvent: { progress.report($0, job: $1, $2) }, shouldStop: { Interruption.isRequested })
    progress.close()
    guard case .completed(let results) = outcome else {
      let names = experiment.cells.joined(separator: ",")
      let replaced: [String: String?] = experiment.cellTexts == nil ? [:] : ["--cells": names]
      try RunFolders.reportInterruption(
        at: nil, folder: folder, command: TypedCommand.repeated(replaced: replaced), json: json)
    }
    let report = ReproductionReport(results: results, reproduction: reproduction, folder: folder)
    if json {
      report.record.print()
    } else {
      report.print()
      reproduction.shard?.printNextStep(folder)
    }
    return (results, progress.divergences)
  }

  private func printHeading(_ jobs: Int) {
    Console.print("\n  \(Terminal.output.styled(experiment.title, .bold))  \(task.summary)")
    Console.print("  solved when validation \(task.solved.description)")
    for part in experiment.parts where !part.equal.isEmpty {
      var settings = part.training
      settings.cell = ""
      let length =
        settings.steps.map { Text.plural($0, "step") } ?? settings.epochs.map { Text.plural($0, "epoch") }
        ?? ""
      let model = SettingsText.model(settings, parameters: part.parameters)
      let training = SettingsText.training(settings, seed: false)
      Console.print("  \(part.label): \(model); \(training), \(length)")
    }
    let cells = experiment.cells.joined(separator: ", ")
    Console.print(
      "  \(cells); \(Text.plural(experiment.seeds, "seed")), budget \(experiment.budget.rawValue)")
    if let search = experiment.search { Console.print("  search: \(search.description)") }
    for notice in reproduction.searchNotices { Console.print("  " + notice) }
    let done = reproduction.endedRuns
    let rest = done > 0 ? ", of which \(Text.count(done)) are complete already" : ""
    let all = Text.plural(reproduction.runs.count, "run")
    let part = reproduction.shard.map { "\($0.title), \(Text.count(reproduction.ownRuns.count)) of " } ?? ""
    Console.print("  \(part)\(all) into \(folder)\(rest); \(jobs) at a time\n")
  }

  /// Says how long it will take, and nothing else; gives the seconds.
  @discardableResult
  func estimate() throws -> Double {
    let jobs = try reproduction.jobCount(asked: jobs)
    if !json { printHeading(jobs) }
    let seconds = try printEstimate(jobs, always: true)
    try Interruption.check()
    if seconds == nil, !json { Console.print("  Nothing is left to do.\n") }
    return seconds ?? 0
  }

  /// Says beforehand how many seconds it will take, but for a budget that takes no time; nil when there is nothing to say.
  @discardableResult
  private func printEstimate(_ jobs: Int, always: Bool = false) throws -> Double? {
    guard always || experiment.budget != .smoke else { return nil }
    let estimate = try reproduction.estimate(jobs: jobs, shouldStop: { Interruption.isRequested })
    guard let estimate else { return nil }
    if json {
      let record: JSONValue = [
        "record": "estimate", "seconds": .number(estimate.wallSeconds.rounded()),
        "thread_hours": .number((estimate.threadSeconds / 36).rounded() / 100),
        "search_seconds": .number((estimate.searchSeconds / Double(jobs)).rounded()),
      ]
      record.print()
    } else {
      let hours = Text.fixed(estimate.threadSeconds / 3600, 1)
      Console.print(
        "  By the first updates of each size it will take \(Text.duration(estimate.wallSeconds)) at most, "
          + "\(hours) hours of one thread"
          + (estimate.searchSeconds > 0
            ? "; of that the search \(Text.duration(estimate.searchSeconds / Double(jobs)))." : ".") + "\n")
    }
    return estimate.wallSeconds
  }
}

/// Shows a reproduction's events: a line for each job and one for all, or JSON records.
struct ReproductionProgress {
  /// A line for each run that diverged.
  private(set) var divergences: [String] = []

  private let reproduction: Reproduction
  private let task: any SequenceTask.Type
  private let folder: String
  private let json: Bool
  private let display: LiveDisplay
  private let jobCount: Int
  private var reporters: [Int: RunReporter] = [:]

  init(reproduction: Reproduction, task: any SequenceTask.Type, folder: String, jobs: Int, json: Bool) {
    self.reproduction = reproduction
    self.task = task
    self.folder = folder
    self.json = json
    display = LiveDisplay(
      (1...jobs).map { "job \($0)" } + ["in all"], unit: "steps", isSilent: json, plainInterval: 30)
    jobCount = jobs
  }

  /// Shows what a run reports.
  mutating func report(_ run: Reproduction.Run, job: Int, _ event: RunEvent) {
    switch event {
    case .training(let event): training(run, job, event)
    case .completed(let result):
      if json {
        RunRecord.result(result, directory: folder + "/" + run.name).adding("run", .string(run.name)).print()
      }
      // What was complete before is in the heading.
      guard reporters[run.index] != nil else { return }
      display.update(job, done: result.steps, total: result.steps, note: "")
      let solved = result.solvedAtStep.map { "solved at step \(Text.count($0))" } ?? "not solved"
      ended(
        run, job,
        "test \(Text.metric(task.metric.name)) \(Text.number(result.value)), \(solved), \(Text.duration(result.seconds))"
      )
    case .paused(let step):
      if json {
        let record: JSONValue = [
          "record": "trial", "run": .string(run.name), "step": .integer(step),
          "directory": .string(folder + "/" + run.name),
        ]
        record.print()
      }
      ended(run, job, "trial, after step \(Text.count(step))")
    case .diverged(let divergence):
      // A trial that diverges says which settings not to take.
      if !run.isTrial { divergences.append("\(run.name): \(divergence)") }
      if json { RunRecord.divergence(divergence, run.settings).adding("run", .string(run.name)).print() }
      ended(run, job, "diverged at step \(Text.count(divergence.step))")
    }
  }

  /// Leaves the lines as they are.
  func close() { display.close() }

  private mutating func training(_ run: Reproduction.Run, _ job: Int, _ event: TrainingEvent) {
    var reporter = reporters[run.index] ?? RunReporter(settings: run.settings, task: task, run: run.name)
    let note = reporter.note(event)
    if json { reporter.print(event) }
    reporters[run.index] = reporter
    switch event {
    case .started: display.restart(job, label: run.name)
    case .progress(let progress):
      ThreadNotice.print(above: display)
      display.update(job, done: progress.step, total: progress.steps, note: note)
      showAll()
    case .notice(let line):
      display.close()  // the bars are drawn again below
      Console.printError("cellgate: \(run.name): \(line)")
    case .evaluated, .saved: break
    }
  }

  private func ended(_ run: Reproduction.Run, _ job: Int, _ text: String) {
    display.finish(job, verdict: text)
    showAll()
  }

  private func showAll() {
    let progress = reproduction.progress
    display.update(
      jobCount, done: reproduction.endedPieces, total: reproduction.pieceCount, note: "",
      overall: LiveDisplay.Overall(unit: "runs", share: progress.share, secondsLeft: progress.secondsLeft))
  }
}
