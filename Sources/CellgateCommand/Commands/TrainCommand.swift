import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate train`: one model into a folder.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train one model on a task.",
    discussion: """
      Trains a cell on a task and keeps everything in a folder: the settings (config.json), a row for each \
      evaluation (metrics.csv), the best model (model.safetensors), and the newest two checkpoints to go on \
      from after a stop. What you don't set is as published for the task. Ctrl-C stops cleanly and prints the \
      command that continues; a run that was killed, or whose disk was full, is continued with --out DIR \
      --resume too. A continued run ends exactly like one that never stopped.

      With --resume a larger --steps, --epochs or --patience makes a run longer, a complete one too; anything else must \
      be as before. A longer run ends exactly like one that was as long from its start, unless its learning rate \
      depends on the length: the cosine schedule follows the new length from where the run goes on.

      Processes that mpirun starts (with a program built with --traits MPI) train one model together: each computes \
      some of the --micro-batches of every batch, by default one each, and process 0 keeps the folder. The bits are \
      those of one process with as many micro-batches.

      EXAMPLES:
        cellgate train adding
        cellgate train copying --cell gru --length 200 --steps 5000
        cellgate train smnist --cell lstm-wm --epochs 5 --out runs/digits
        cellgate train adding --cell my.cell
        cellgate train adding --initialization pytorch --forget-bias 1
        cellgate train adding --schedule plateau --schedule-factor 0.5 --patience 20
        cellgate train adding --config runs/adding-lstm/config.json --seed 2
        cellgate train text --data my.txt --cell lstm-wm --parameters 500000
        cellgate train classify --data reviews.csv --text review --label sentiment
        cellgate train classify --data TRAIN.ts --test TEST.ts --cell gru
        cellgate train classify --data log.csv --group id --time t --features a,b,c --label y
        cellgate train classify --data reviews.csv --describe
        cellgate train classify --data TRAIN.ts --test TEST.ts --regress
        cellgate train classify --data t.csv --text t --label tags --multi-label
        cellgate train forecast --data ETTh1.csv --time date --target all --horizon 96
        cellgate train music --data JSB_Chorales.mat
        cellgate train music --data tunes/ --step 0.5 --form chords
        cellgate train tag --data train.conll --valid dev.conll --test test.conll
        cellgate train answer --data train.jsonl --test test.jsonl --hops 2
        cellgate train transcribe --data recordings/ --directions forward
        cellgate train frames --data clips.npy --given 10 --predicted 10
        cellgate train encoder --pairs pairs.tsv --cell lstm-wm
        cellgate train adding --length 400 --from runs/adding-lstm --freeze recurrent
        cellgate train adding --out runs/adding-lstm --resume
        cellgate train adding --out runs/adding-lstm --resume --steps 20000
        cellgate train smnist --batch 128 --micro-batches 4

      \(TaskOptions.help(of: "train"))
      """)

  @Argument(help: "The task: \(Tasks.names.joined(separator: ", ")).")
  var task: String

  @Option(help: ArgumentHelp(CellArgument.help, valueName: "name"))
  var cell: String?

  @Option(
    help: ArgumentHelp(
      "Start from the weights of a model, a file or a run's best, whose cell, sizes and vocabulary are taken.",
      valueName: "model"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "Keep these layers or parameters as they are, such as embedding or recurrent.weight_ih_l0.",
      valueName: "a,b"))
  var freeze: String?

  @Flag(help: "Only show what is recognised in the file of classify: columns, classes, lengths.")
  var describe = false

  @OptionGroup var sizes: SizeOptions

  @OptionGroup var options: TrainingOptions

  func run() throws {
    if describe {
      try describeData()
      return
    }
    guard let group = try MPI.join() else {
      try train(nil)
      return
    }
    do { try train(group) } catch {
      // What is wrong is mostly wrong for all: process 0 says it, and mpirun then ends the others.
      if group.rank > 0 { sleep(Self.patience) }
      throw error
    }
    MPI.end(group)
  }

  /// Seconds that another process leaves process 0 to report an error.
  private static let patience: UInt32 = 3

  private func train(_ group: (any ProcessGroup)?) throws {
    var own: (settings: TrainingSettings, recording: RunRecording)?
    if group?.rank ?? 0 == 0 {
      own = try settings()
      if let group, !options.resume, own?.settings.microBatches == nil {
        own?.settings.microBatches = group.count
      }
    } else {
      var problems = OptionProblems()
      options.checkThreads(&problems)
    }
    if options.threads == nil, MPI.processesHere > 1,
      Processors.available == ProcessInfo.processInfo.activeProcessorCount
    {
      ThreadPool.shared.threads = max(1, Processors.available / MPI.processesHere)
    }
    let settings = try group?.shared(own?.settings) ?? own?.settings
    guard let settings else { return }
    Interruption.install()
    let task = try Tasks.make(settings, data: options.dataDirectory)
    let directory = try own.map { try self.directory($0.settings) }
    directory?.lockWarning.map(Console.warn)
    let trainer = try Trainer(
      task: task, settings: settings, directory: directory, recording: own?.recording ?? RunRecording(),
      group: group)
    if let directory {
      try TrainingSession(trainer: trainer, task: task, directory: directory, json: options.json).run()
    } else {
      _ = try trainer.run(shouldStop: { Interruption.isRequested })
    }
  }

  private func directory(_ settings: TrainingSettings) throws -> RunDirectory {
    if options.resume, let out = options.out { return try RunDirectory(extending: out, to: settings) }
    let folder = try options.out ?? RunFolders.new("\(settings.task)-\(settings.cell)")
    return try RunDirectory(creating: folder, settings: settings)
  }

  /// Shows what a run would find in its file.
  private func describeData() throws {
    var problems = OptionProblems()
    let type = options.task(task, &problems)
    guard let type else { throw CommandFailure(problems: problems.lines) }
    guard type == ClassifyTask.self || type == RegressTask.self || type == MultiLabelTask.self else {
      throw CommandFailure(.usage, "--describe: is no option of the task \(type.name)")
    }
    let settings = try options.applied(to: try options.base(type, &problems), task: type, &problems)
    try problems.check()
    guard let path = Tasks.source(of: options.dataDirectory, for: type).path else {
      throw CommandFailure(.usage, "--describe: expected --data FILE as well")
    }
    DataSummaryPage(try DataSummary(settings, file: path)).print(json: options.json)
  }

  /// The run's settings, and what it writes on the way.
  private func settings() throws -> (TrainingSettings, RunRecording) {
    var problems = OptionProblems()
    options.checkThreads(&problems)
    let recording = options.recording.recording(&problems)
    let type = options.task(task, &problems)
    let budget = sizes.budget(&problems)
    if options.resume, options.out == nil {
      problems.add("--resume: expected --out DIR as well, the folder of the run to continue")
    }
    if options.resume, options.config != nil {
      problems.add("--config and --resume: expected only one of them; a run goes on with its own settings")
    }
    guard let type else { throw CommandFailure(problems: problems.lines) }
    // A run is continued with its own settings; what is typed besides must agree with them, or make the run longer.
    var settings = try options.base(type, &problems)
    if options.resume, let out = options.out { settings = try self.settings(ofRun: out) }
    settings.task = type.name
    if let from {
      let source = try ModelSource(from)
      if options.resume, let own = settings.from, own.sha256 == source.sha256 {
        settings.from = own
      } else {
        try settings.start(from: source, task: type)
      }
    }
    if let freeze { settings.freeze = freeze.split(separator: ",").map(String.init) }
    try chooseCell(&settings)
    sizes.apply(to: &settings, &problems)
    settings = try options.applied(to: settings, task: type, &problems)
    chooseModel(&settings, type, &problems)
    problems.add(settings.problems(tasks: Tasks.all))
    problems.add(idleRules: settings.initialization, cells: settings.definition().map { [$0] } ?? [])
    try problems.check()
    if !options.resume { settings = try Tasks.prepared(settings, data: options.dataDirectory) }
    if let budget, let cell = settings.definition() {
      do throws(SettingsError) {
        settings = try settings.fitted(parameters: budget, task: type, cell: cell)
      } catch { problems.add([error]) }
      problems.add(settings.problems(tasks: Tasks.all))
      try problems.check()
    }
    return (settings, recording)
  }

  /// The settings that a run was made with; what is wrong with them is wrong in its file, and no option's fault.
  private func settings(ofRun folder: String) throws -> TrainingSettings {
    let settings = try RunDirectory.settings(of: folder)
    do throws(SettingsErrors) { try settings.validate(tasks: Tasks.all) } catch {
      throw CommandFailure(.data, "\(folder)/config.json: \(error)")
    }
    return settings
  }

  /// A Transformer has no cell, and its learning rate rises at first unless something else was typed.
  private func chooseModel(
    _ settings: inout TrainingSettings, _ task: any SequenceTask.Type, _ problems: inout OptionProblems
  ) {
    if settings.isTransformer {
      if let cell {
        problems.add("--cell: has no meaning with --model transformer, found \(quotedName(cell))")
      }
      guard settings.cell != TransformerOption.transformer || cell != nil else { return }
      let warmUp = settings.schedule.warmUpSteps
      settings.useTransformer()
      if options.warmUp != nil { settings.schedule.warmUpSteps = warmUp }
    } else if cell == nil, settings.cell == TransformerOption.transformer {
      settings.cell = task.defaults.cell
    }
  }

  /// Takes the cell that was typed. In a run that is continued its own name means its own cell.
  private func chooseCell(_ settings: inout TrainingSettings) throws(CommandFailure) {
    guard let cell, !(options.resume && cell == settings.cell) else { return }
    if let own = try CellArgument.file(cell) {
      settings.use(own)
    } else {
      (settings.cell, settings.cellText) = (cell, nil)
    }
  }
}

/// A run of `cellgate train` from its first line to its last.
private struct TrainingSession {
  let trainer: Trainer
  let task: any SequenceTask
  let directory: RunDirectory
  let json: Bool

  private var settings: TrainingSettings { trainer.settings }

  func run() throws {
    if !json { printHeading() }
    let display = LiveDisplay([settings.cell], unit: "steps", isSilent: json)
    var reporter = RunReporter(settings: settings, task: type(of: task))
    let outcome = try trainer.run(
      onEvent: { event in
        let note = reporter.note(event)
        if json { reporter.print(event) }
        if case .notice(let line) = event {
          display.close()
          Console.warn(line)
        }
        if case .progress(let progress) = event {
          ThreadNotice.print(above: display)
          display.update(0, done: progress.step, total: progress.steps, note: note)
        }
      }, shouldStop: { Interruption.isRequested })
    switch outcome {
    case .completed(let result):
      display.finish(0, verdict: "done")
      display.close()
      if json { RunRecord.result(result, directory: directory.path).print() } else { printResult(result) }
    case .interrupted(let step):
      display.close()
      var replaced: [String: String?] = ["--config": nil]
      if settings.cellText != nil { replaced.updateValue(nil, forKey: "--cell") }
      try RunFolders.reportInterruption(
        at: step, folder: directory.path,
        command: TypedCommand.resuming(directory.path, replaced: replaced), json: json)
    }
  }

  private func printHeading() {
    let terminal = Terminal.output
    let from = trainer.step > 0 ? ", from step \(Text.count(trainer.step)) on" : ""
    Console.print("\n  \(terminal.styled(settings.task, .bold))  \(type(of: task).summary)")
    let model = SettingsText.model(settings) + ", \(Text.count(trainer.parameterCount)) parameters"
    Console.print("  \(terminal.styled(settings.cell, .bold))  \(model)")
    Console.print("  \(SettingsText.training(settings))")
    if let summary = task.dataSummary { Console.print("  \(summary)") }
    Console.print("  \(Text.plural(trainer.steps, "step")) into \(directory.path)\(from)\n")
  }

  private func printResult(_ result: TrainingResult) {
    let description = type(of: task).description
    let baseline = description.text(of: task.baseline, value: Text.number(result.baseline))
    let solved = result.solvedAtStep.map { "solved at step \(Text.count($0))" } ?? "not solved"
    Console.print(
      "\n  Test \(Text.metric(result.metric)) \(Terminal.output.styled(Text.number(result.value), .bold)), \(baseline)"
        + (description.isOfOwnData ? "" : "; \(solved) (\(description.solved.description))"))
    for (name, value) in result.extras.sorted(by: { $0.key < $1.key }) {
      Console.print("  Test \(Text.metric(name)) \(Text.number(value))")
    }
    Console.print(
      "  The best model is that of step \(Text.count(result.bestStep))\(selectionText(result)); "
        + "\(Text.fixed(result.msPerStep, 1)) ms per step, \(Text.duration(result.seconds)) in all")
    Console.print("\n  In \(directory.path): config.json, metrics.csv, model.safetensors, result.json")
    if RunDiagnostics.exist(in: directory.path) {
      Console.print("  What was observed: diagnostics.csv, gradients.csv, diagnostics-….svg")
    }
    Console.print("  Score it again: \(TypedCommand.line(["evaluate", directory.path]))")
    Console.print("  Look at it: \(TypedCommand.line(["report", directory.path]))")
    if task is any LanguageModelTask || task is MusicTask {
      Console.print("  Write with it: \(TypedCommand.line(["generate", directory.path]))")
    }
    Console.print()
  }

  /// By what the best model was chosen, where that isn't the task's own metric.
  private func selectionText(_ result: TrainingResult) -> String {
    guard let name = result.selection, let value = result.selectionValue else { return "" }
    return ", chosen by validation \(Text.metric(name)), \(Text.number(value))"
  }
}
