import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// The options of whatever trains; what is left out stays as the task says.
struct TrainingOptions: ParsableArguments {
  @OptionGroup var regularization: RegularizationOptions

  @Option(help: ArgumentHelp(OptionProblems.precisionHelp, valueName: "name"))
  var precision: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Sequences in a batch.", valueName: "n"))
  var batch: WholeNumber?

  @Option(parsing: .unconditional, help: ArgumentHelp("Updates to make.", valueName: "n"))
  var steps: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Passes through the training data, for tasks whose data end.", valueName: "n"))
  var epochs: WholeNumber?

  @Option(
    help: ArgumentHelp("The optimizer: \(Optimizers.names.joined(separator: ", ")).", valueName: "name"))
  var optimizer: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("The learning rate.", valueName: "x"))
  var learningRate: RealNumber?

  @Option(
    help: ArgumentHelp(
      "The learning rate's schedule: \(Schedules.names.joined(separator: ", ")).", valueName: "name"))
  var schedule: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Updates over which the learning rate rises from 0.", valueName: "n"))
  var warmUp: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The largest norm of all gradients together, or 'none'.", valueName: "x"))
  var clip: RealNumber?

  @OptionGroup var start: InitializationOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep the states of every n-th step alone and compute the rest again: less memory, more time, same result.",
      valueName: "n"))
  var recomputeEvery: WholeNumber?

  /// The name of `--recompute-every` in earlier versions.
  @Option(name: .customLong("checkpoint-every"), parsing: .unconditional, help: .hidden)
  var checkpointEvery: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Compute each batch in n parts and sum their gradients: less memory; what processes of mpirun share.",
      valueName: "n"))
  var microBatches: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Updates between two evaluations on the validation data.", valueName: "n"))
  var evaluationInterval: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Stop after so many evaluations without improvement.", valueName: "n"))
  var patience: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of all random numbers; the first of them for several runs.", valueName: "n"))
  var seed: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads; one for each available processor if you leave it out. Changes no result.", valueName: "n"))
  var threads: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "The data folder, see 'cellgate data --help'; of text, classify, multi-label, regress, forecast, tag, transcribe and music your file.",
      valueName: "path"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Take what you don't set from a run's config.json (or its folder), not from the task.",
      valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "The folder for the results; a new one below runs/ if you leave it out.", valueName: "dir"))
  var out: String?

  @Flag(help: "Continue the run in the folder of --out where it stopped.")
  var resume = false

  @Flag(help: "Print JSON, one record a line, and nothing else.")
  var json = false

  @Flag(help: "The label of classify is a number that is to be found: the task regress.")
  var regress = false

  @Flag(help: "A row of classify may have several labels: the task multi-label.")
  var multiLabel = false

  @Flag(help: "End the run once it has solved the task: its result is that of the best model until then.")
  var stopWhenSolved = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp(ScheduleSetting.every.help, valueName: "n"))
  var scheduleEvery: WholeNumber?

  @Option(
    parsing: .unconditional, help: ArgumentHelp(ScheduleSetting.after.help, valueName: "n"))
  var scheduleAfter: WholeNumber?

  @Option(
    parsing: .unconditional, help: ArgumentHelp(ScheduleSetting.factor.help, valueName: "x"))
  var scheduleFactor: RealNumber?

  @Option(
    parsing: .unconditional, help: ArgumentHelp(ScheduleSetting.patience.help, valueName: "n"))
  var schedulePatience: WholeNumber?

  @Option(
    parsing: .unconditional, help: ArgumentHelp(ScheduleSetting.floor.help, valueName: "x"))
  var scheduleFloor: RealNumber?

  @OptionGroup var recording: RecordingOptions

  @OptionGroup var taskOptions: TaskOptions

  /// The task of a name, nil after noting what is wrong; with --regress that of numbers for `classify`, and with --multi-label that of
  /// several labels.
  func task(_ name: String, _ problems: inout OptionProblems) -> (any SequenceTask.Type)? {
    if regress, multiLabel { problems.add("--regress and --multi-label: expected only one of them") }
    guard regress || multiLabel else { return problems.task(name) }
    let own: any SequenceTask.Type = regress ? RegressTask.self : MultiLabelTask.self
    guard [ClassifyTask.name, own.name].contains(name) else {
      problems.add("--\(regress ? "regress" : "multi-label"): is no option of the task \(quotedName(name))")
      return nil
    }
    return own
  }

  /// What holds where nothing is typed: the settings of `--config`, else the task's own. What is wrong with a file is no
  /// option's fault, and thrown; that it is of another task is noted.
  func base(
    _ task: any SequenceTask.Type, _ problems: inout OptionProblems
  ) throws -> TrainingSettings {
    guard let config else { return task.defaults }
    let file = Paths.isFolder(config) ? config + "/config.json" : config
    let settings = try TrainingSettings(contentsOf: file)
    guard settings.task == task.name else {
      problems.add(
        "--config: expected the settings of a run of \(task.name), found \(quotedName(settings.task)) in \(quotedName(file))"
      )
      return task.defaults
    }
    do throws(SettingsErrors) { try settings.validate(tasks: Tasks.all) } catch {
      throw CommandFailure(.data, "\(file): \(error)")
    }
    return settings.completed(for: task)
  }

  /// The settings with what was typed in place of what they say; mistakes are noted.
  func applied(
    to defaults: TrainingSettings, task: any SequenceTask.Type, _ problems: inout OptionProblems
  ) throws -> TrainingSettings {
    var settings = defaults
    func whole(_ option: String, _ number: WholeNumber?, _ set: (Int) -> Void) {
      problems.whole(option, number, set)
    }
    func real(_ option: String, _ number: RealNumber?, _ set: (Double) -> Void) {
      guard let number else { return }
      if let value = Double(number.text), value.isFinite {
        set(value)
      } else {
        problems.add("\(option): expected a number, found '\(quotedName(number.text))'")
      }
    }
    regularization.apply(to: &settings, &problems)
    if let precision, let value = problems.precision(precision) { settings.precision = value }
    whole("--batch", batch) { settings.batch = $0 }
    switch (steps, epochs) {
    case (.some, .some): problems.add("--steps and --epochs: expected only one of them")
    case (.some, nil):
      settings.epochs = nil
      whole("--steps", steps) { settings.steps = $0 }
    case (nil, .some):
      settings.steps = nil
      whole("--epochs", epochs) { settings.epochs = $0 }
    case (nil, nil): break
    }
    if let optimizer {
      settings.optimizer = optimizer
      // A published rate belongs to the published optimizer.
      if optimizer != defaults.optimizer { settings.optimizerSettings = OptimizerSettings() }
    }
    real("--learning-rate", learningRate) { settings.optimizerSettings.learningRate = Float($0) }
    if let schedule { settings.schedule.name = schedule }
    whole("--warm-up", warmUp) { settings.schedule.warmUpSteps = $0 }
    if clip?.text == "none" {
      settings.clipNorm = nil
    } else {
      real("--clip", clip) { settings.clipNorm = $0 }
    }
    try start.apply(to: &settings, &problems)
    let recomputeEvery = problems.renamed(
      "recompute-every", recomputeEvery, "checkpoint-every", checkpointEvery)
    whole("--recompute-every", recomputeEvery) { settings.recomputeEvery = $0 }
    whole("--micro-batches", microBatches) { settings.microBatches = $0 }
    whole("--evaluation-interval", evaluationInterval) { settings.evaluationInterval = $0 }
    whole("--patience", patience) { settings.patience = $0 }
    if stopWhenSolved { settings.stopWhenSolved = true }
    whole("--schedule-every", scheduleEvery) { settings.schedule.every = $0 }
    whole("--schedule-after", scheduleAfter) { settings.schedule.after = $0 }
    real("--schedule-factor", scheduleFactor) { settings.schedule.factor = $0 }
    whole("--schedule-patience", schedulePatience) { settings.schedule.patience = $0 }
    real("--schedule-floor", scheduleFloor) { settings.schedule.floor = $0 }
    checkSchedule(settings.schedule.name, &problems)
    if let seed, let value = problems.seed(seed) { settings.seed = value }
    taskOptions.apply(to: &settings, task: task, &problems)
    return settings
  }

  /// Notes the options that the schedule of this name does not know.
  private func checkSchedule(_ name: String, _ problems: inout OptionProblems) {
    guard Schedules.names.contains(name) else { return }
    func require(_ setting: ScheduleSetting, _ isGiven: Bool) {
      let schedules = Schedules.names(reading: setting)
      guard isGiven, !schedules.contains(name) else { return }
      let expected = schedules.joined(separator: " or ")
      problems.add("--schedule-\(setting.name): expected the schedule \(expected), found \(name)")
    }
    require(.every, scheduleEvery != nil)
    require(.after, scheduleAfter != nil)
    require(.factor, scheduleFactor != nil)
    require(.patience, schedulePatience != nil)
    require(.floor, scheduleFloor != nil)
  }

  /// Sets the number of threads, after noting a wrong one.
  func checkThreads(_ problems: inout OptionProblems) {
    problems.threads(threads)
  }

  /// The folder of the data sets.
  var dataDirectory: DataDirectory { DataDirectory(option: data) }
}

extension ScheduleSetting {
  /// What help texts say about its option.
  fileprivate var help: String {
    let schedules = Schedules.names(reading: self)
    return "Schedule\(schedules.count == 1 ? "" : "s") \(schedules.joined(separator: " and ")): \(meaning)."
  }
}

extension OptionProblems {
  /// Passes a whole number on. The library knows the ranges; what is no number at all is noted here.
  mutating func whole(_ option: String, _ number: WholeNumber?, _ set: (Int) -> Void) {
    guard let number else { return }
    if let value = Int(number.text) {
      set(value)
    } else {
      let bound = number.isWhole ? " up to \(Int.max)" : ""
      add("\(option): expected a whole number\(bound), found '\(quotedName(number.text))'")
    }
  }

  /// Sets the number of threads, after noting a wrong one.
  mutating func threads(_ number: WholeNumber?) {
    if let threads: Int = whole("--threads", number, in: 1...ModelOptions.mostThreads) {
      ThreadPool.shared.threads = threads
    }
  }

  /// Notes what the library says about settings.
  mutating func add(_ errors: [SettingsError]) {
    for error in errors {
      switch error {
      case .unknownName(let option, let found, _, let known):
        add(
          Names.unknown(["cells", "parameter-cells"].contains(option) ? "cell" : option, found, known: known))
      case .outOfRange, .tooLarge, .unsupported, .badCell:
        add("--\(error)")
      }
    }
  }

  /// The task of this name, nil after noting that there is none.
  mutating func task(_ name: String) -> (any SequenceTask.Type)? {
    if let task = Tasks.all.first(where: { $0.name == name }) { return task }
    add(Names.unknown("task", name, known: Tasks.all.map { $0.name }))
    return nil
  }
}
