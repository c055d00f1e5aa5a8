import Cellgate
import CellgateBasics

/// A run of `cellgate compare` from its first line to its last.
struct ComparisonSession {
  let comparison: Comparison
  let task: any SequenceTask.Type
  let folder: String
  let json: Bool
  /// What the model reached that all runs start from; nil for runs that start from first values.
  var before: Double?
  /// Whether the command that was typed is one to go on from.
  var suggests = true

  private var settings: ComparisonSettings { comparison.settings }

  func run() throws {
    if !json { printHeading() }
    var progress = ComparisonProgress(
      comparison: comparison, task: task, folder: folder, json: json)
    let outcome = try comparison.run(
      onEvent: { progress.report($0, $1) }, shouldStop: { Interruption.isRequested })
    progress.close()
    guard case .completed(let result) = outcome else {
      let names = settings.cells.joined(separator: ",")
      let replaced: [String: String?] = settings.cellTexts == nil ? [:] : ["--cells": names]
      try RunFolders.reportInterruption(
        at: nil, folder: folder, command: TypedCommand.resuming(folder, replaced: replaced), json: json)
    }
    let report = ComparisonReport(
      result: result, task: task, settings: settings, folder: folder, curves: progress.curves,
      before: before, suggests: suggests && comparison.shard == nil)
    if json {
      report.record.print()
    } else {
      if !comparison.runs.isEmpty { report.print() }
      comparison.shard?.printNextStep(folder)
    }
    if !progress.divergences.isEmpty {
      throw CommandFailure(.failed, lines: progress.divergences)
    }
  }

  private func printHeading() {
    let terminal = Terminal.output
    let training = settings.training
    var own = training
    own.cell = ""
    Console.print("\n  \(terminal.styled(training.task, .bold))  \(task.summary)")
    if let criterion = solvedText { Console.print("  \(criterion)") }
    Console.print("  \(SettingsText.model(own)); \(SettingsText.training(training, seed: false))")
    let runs = comparison.runs.count
    let cells = Text.plural(settings.cells.count, "cell")
    let seeds = Text.plural(settings.seeds, "seed")
    let length =
      training.steps.map { Text.plural($0, "step") } ?? training.epochs.map { Text.plural($0, "epoch") } ?? ""
    let all = Text.plural(settings.cells.count * settings.seeds, "run")
    let part = comparison.shard.map { "; \($0.title): \(Text.plural(runs, "run"))" } ?? ""
    Console.print("  \(cells) × \(seeds) = \(all) of \(length), equal \(settings.equal.rawValue)\(part)")
    if settings.equal == .parameters {
      let sizes = settings.cells.compactMap { cell in
        comparison.runs.first { $0.cell == cell }.map { "\(cell) \(Text.count($0.hidden))" }
      }
      Console.print("  hidden units: \(sizes.joined(separator: ", "))")
    }
    Console.print()
  }

  private var solvedText: String? { "solved when validation \(task.solved.description)" }
}

/// Shows a comparison's events: a line for each cell and one for all, or JSON records.
struct ComparisonProgress {
  /// The validation metric of each cell's first run, at each evaluation.
  private(set) var curves: [String: [Double]] = [:]
  /// A line for each run that diverged.
  private(set) var divergences: [String] = []

  private let runs: [TrainingSettings]
  private let cells: [String]
  private let seeds: Int
  private let task: any SequenceTask.Type
  private let folder: String
  private let json: Bool
  private let display: LiveDisplay
  private var reporters: [Int: RunReporter] = [:]
  /// Values of each cell's complete runs.
  private var values: [String: [Double]] = [:]
  private var finished: [String: Int] = [:]
  private var stepsPerRun = 0
  private var started: Set<Int> = []

  init(comparison: Comparison, task: any SequenceTask.Type, folder: String, json: Bool) {
    runs = comparison.runs
    cells = comparison.settings.cells
    seeds = comparison.settings.seeds
    self.task = task
    self.folder = folder
    self.json = json
    display = LiveDisplay(
      cells + (comparison.runs.count > 1 ? ["in all"] : []), unit: "steps", isSilent: json)
  }

  /// Shows what a run reports.
  mutating func report(_ run: Comparison.Run, _ event: Comparison.Event) {
    let settings = runs[run.index]
    guard let line = cells.firstIndex(of: run.cell) else { return }
    switch event {
    case .training(let event):
      if case .evaluated(let record, _, _) = event, run.seed == runs[0].seed {
        curves[run.cell, default: []].append(record.validation.value)
      }
      var reporter = reporters[run.index] ?? RunReporter(settings: settings, task: task)
      let note = reporter.note(event)
      if json { reporter.print(event) }
      reporters[run.index] = reporter
      if case .notice(let line) = event {
        display.close()  // the bars are drawn again below
        Console.warn(line)
      }
      if case .started(_, let steps, _) = event {
        stepsPerRun = steps
        if started.insert(run.index).inserted { display.restart(line) }
      }
      if case .progress(let progress) = event {
        ThreadNotice.print(above: display)
        advance(line, run, to: progress.step, note: seeds > 1 ? "seed \(run.seed)  \(note)" : note)
      }
    case .completed(let result):
      values[run.cell, default: []].append(result.value)
      if json {
        RunRecord.result(result, directory: folder + "/" + Comparison.folder(of: settings)).print()
      }
      stepsPerRun = max(stepsPerRun, result.steps)
      finish(line, run)
    case .diverged(let divergence):
      divergences.append("\(run.cell), seed \(run.seed): \(divergence)")
      if json { RunRecord.divergence(divergence, settings).print() }
      finish(line, run)
    case .paused: break  // Only a search has runs that pause.
    }
  }

  /// Leaves the lines as they are.
  func close() { display.close() }

  private mutating func advance(_ line: Int, _ run: Comparison.Run, to step: Int, note: String) {
    let before = finished[run.cell, default: 0] * stepsPerRun
    display.update(line, done: before + step, total: seeds * stepsPerRun, note: note)
    if runs.count > 1 {
      let all = run.index * stepsPerRun + step
      display.update(cells.count, done: all, total: runs.count * stepsPerRun, note: "")
    }
  }

  private mutating func finish(_ line: Int, _ run: Comparison.Run) {
    finished[run.cell, default: 0] += 1
    let count = finished[run.cell] ?? 1
    let found = values[run.cell] ?? []
    let text =
      found.isEmpty
      ? "diverged"
      : "test \(Text.metric(task.metric.name)) \(Text.number(found.reduce(0, +) / Double(found.count)))"
    advanceToEnd(line, run, count)
    display.finish(line, verdict: count < seeds ? "\(text) so far" : text)
    if runs.count > 1, run.index == runs.count - 1 { display.finish(cells.count, verdict: "done") }
  }

  private func advanceToEnd(_ line: Int, _ run: Comparison.Run, _ count: Int) {
    display.update(line, done: count * stepsPerRun, total: seeds * stepsPerRun, note: "")
    guard runs.count > 1 else { return }
    display.update(
      cells.count, done: (run.index + 1) * stepsPerRun, total: runs.count * stepsPerRun, note: "")
  }
}
