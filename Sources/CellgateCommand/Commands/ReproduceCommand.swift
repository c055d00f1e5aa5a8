import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate reproduce`: one of the paper's experiments, all of it.
struct ReproduceCommand: ParsableCommand {
  private typealias Equality = ComparisonSettings.Equality

  static let configuration = CommandConfiguration(
    commandName: "reproduce",
    abstract: "Make one of the paper's experiments: all cells, seeds and comparisons.",
    discussion: """
      Trains every cell with every seed, at equal hidden units and at equal numbers of parameters, several runs \
      at a time, and writes what they reach beside the paper's numbers: results.md (tables), results.json (all \
      numbers) and figures, renewed whenever a run ends. Stopped by Ctrl-C, a power cut or anything else, the \
      same command goes on where it was, with the same numbers. The budgets: smoke takes under two minutes and \
      shows that everything runs, quick under an hour on two cores, full is the paper's. With --search every cell gets \
      the same search for its learning rate and initialization first, whose table is search.csv. A study such as transformer \
      makes several experiments, each in a folder of its own and in the time of its budget, and one table of all; an \
      experiment whose data aren't there is left out and named.

      EXAMPLES:
        cellgate reproduce adding --budget smoke
        cellgate reproduce adding
        cellgate reproduce copying --cells lstm,gru,lstm-wm --seeds 3
        cellgate reproduce smnist --budget full --out results/smnist
        cellgate reproduce adding --search --dry-run
        cellgate reproduce copying --search --search-rates 0.002,0.004,0.008,0.016
        cellgate reproduce pmnist --equal units --epochs 15 --precision bf16 --out results/pmnist
        cellgate reproduce adding --budget full --shard 3/8
        cellgate reproduce transformer
      """)

  @Argument(
    help: ArgumentHelp(
      "The experiment: \(Experiments.names.joined(separator: ", ")); or \(Experiments.studyNames.joined(separator: ", ")), all of those whose names begin so, with one table."
    ))
  var task: String

  @Option(
    help: ArgumentHelp(
      "How long it may take: \(Budget.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var budget = Budget.quick.rawValue

  @Option(
    help: ArgumentHelp(
      "The cells, names or .cell files with commas between; the first is the reference. By default those of the budget.",
      valueName: "a,b,c"))
  var cells: String?

  @Option(
    help: ArgumentHelp(
      "Those of the cells that are compared at equal parameters too; all if you leave it out.",
      valueName: "a,b,c"))
  var parameterCells: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Runs of each cell, each with another seed; by default those of the budget.", valueName: "n"))
  var seeds: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "Only the comparison at equal \(Equality.allCases.map(\.rawValue).joined(separator: " or equal ")).",
      valueName: "name"))
  var equal: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes through the training data in place of the budget's, for tasks whose data end.", valueName: "n"))
  var epochs: WholeNumber?

  @Option(help: ArgumentHelp(OptionProblems.precisionHelp, valueName: "name"))
  var precision: String?

  @OptionGroup var start: InitializationOptions

  @OptionGroup var search: SearchOptions

  @OptionGroup var part: ShardOption

  @Flag(help: "Say how long it will take, in hours of one thread too, and make no run.")
  var dryRun = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Runs at a time; as many as there are cores and room in memory if you leave it out. Changes no result.",
      valueName: "n"))
  var jobs: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads that the jobs share; one for each available processor if you leave it out. Changes no result.",
      valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var recording: RecordingOptions

  @Option(help: ArgumentHelp("The data folder: see 'cellgate data --help'.", valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "The folder for the results, new or to go on with; runs/reproduce-TASK-BUDGET if you leave it out.",
      valueName: "dir"))
  var out: String?

  @Flag(help: "Print JSON, one record a line, and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let study = Experiments.study(task, Budget(rawValue: budget) ?? .smoke)
    let studyFolder = study.map { out ?? "runs/reproduce-\($0.name)-\(budget)" }
    var experiments: [Experiment] = []
    for name in study?.experiments.map(\.title) ?? [task] {
      // What is wrong with an option is wrong in all of them, and said once.
      var own = OptionProblems()
      let folder = studyFolder.map { Study.folder(of: name, in: $0) } ?? out
      if let experiment = try experiment(name, folder, &own) { experiments.append(experiment) }
      for line in own.lines where !problems.lines.contains(line) { problems.add(line) }
    }
    let jobs: Int? = problems.whole("--jobs", jobs, in: 1...ModelOptions.mostThreads)
    problems.threads(threads)
    let recording = recording.recording(&problems)
    let shard = part.parsed(&problems)
    if shard != nil, let study {
      let names = study.experiments.map(\.title).joined(separator: ", ")
      problems.add("--shard: expected one experiment of \(study.name), \(names), found all of them")
    }
    try problems.check()
    Interruption.install()
    let directory = DataDirectory(option: data)
    if var study, let studyFolder {
      study.experiments = experiments
      let session = StudySession(
        study: study, data: directory, folder: studyFolder, jobs: jobs, recording: recording, json: json)
      return try dryRun ? session.estimate() : session.run()
    }
    guard let asked = experiments.first else { return }
    let type = try Tasks.named(asked.task)
    let (experiment, source) = try asked.prepared(type, in: directory)
    if dryRun { return try estimate(experiment, type, source, jobs, shard) }
    let folder = try out ?? defaultFolder(experiment, type, source, shard)
    let reproduction = try Reproduction(
      experiment, task: type, data: source, directory: folder, shard: shard)
    reproduction.lockWarning.map(Console.warn)
    reproduction.recording = recording
    let ended = try ReproductionSession(
      reproduction: reproduction, task: type, folder: folder, jobs: jobs, json: json
    ).run()
    if !ended.divergences.isEmpty { throw CommandFailure(.failed, lines: ended.divergences) }
  }

  /// Says how long it will take; of what a folder has only the rest. Makes no folder.
  private func estimate(
    _ experiment: Experiment, _ type: any SequenceTask.Type, _ data: DataSource, _ jobs: Int?,
    _ shard: RunShard?
  ) throws {
    let folder = out ?? "runs/\(defaultName(experiment, shard))"
    let isThere = try Reproduction.experiment(of: folder) != nil
    let reproduction = try Reproduction(
      experiment, task: type, data: data, directory: isThere ? folder : nil, shard: shard)
    let session = ReproductionSession(
      reproduction: reproduction, task: type, folder: folder, jobs: jobs, json: json)
    try session.estimate()
  }

  private func experiment(
    _ task: String, _ folder: String?, _ problems: inout OptionProblems
  ) throws -> Experiment? {
    let budgets = Budget.allCases.map(\.rawValue)
    let budget = Budget(rawValue: budget)
    if budget == nil { problems.add("--budget: " + Names.unknown("budget", self.budget, known: budgets)) }
    if !Experiments.names.contains(task) {
      problems.add(Names.unknown("task", task, known: Experiments.names + Experiments.studyNames))
    }
    let seeds: Int? = problems.whole("--seeds", seeds, in: 1...100_000)
    // Without a task or budget the cells can still be judged, by any experiment.
    guard
      var experiment = try? Experiments.named(
        Experiments.names.contains(task) ? task : Experiments.names[0], budget ?? .smoke)
    else { return nil }
    if let cells {
      let folder = folder ?? "runs/\(defaultName(experiment))"
      let earlier = (try? Reproduction.experiment(of: folder)) ?? nil
      (experiment.cells, experiment.cellTexts) = try CellArgument.list(
        cells, recorded: earlier?.cellTexts ?? [])
    }
    experiment.parameterCells = parameterCells.map { list in
      list.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmed
      }
    }
    experiment.seeds = seeds ?? experiment.seeds
    try change(&experiment, &problems)
    problems.add(experiment.problems(tasks: Tasks.all))
    return experiment
  }

  /// Puts what was typed in place of what the budget says.
  private func change(_ experiment: inout Experiment, _ problems: inout OptionProblems) throws {
    var options = parameterCells.map { ["--parameter-cells \(Text.shellWord($0))"] } ?? []
    if let equal {
      let had = experiment.parts.map(\.equal)
      let kept = had.map { $0.filter { $0.rawValue == equal } }
      if kept.allSatisfy(\.isEmpty) {
        let known = Equality.allCases.filter { had.joined().contains($0) }.map(\.rawValue)
        problems.add("--equal: " + Names.unknown("comparison", equal, known: known))
      } else {
        for part in kept.indices { experiment.parts[part].equal = kept[part] }
      }
      options.append("--equal \(equal)")
    }
    if let epochs: Int = problems.whole("--epochs", epochs, in: 1...Int.max) {
      for part in experiment.parts.indices {
        (experiment.parts[part].training.epochs, experiment.parts[part].training.steps) = (epochs, nil)
      }
      options.append("--epochs \(epochs)")
    }
    if let precision, let value = problems.precision(precision) {
      if !value.trains, let problem = value.trainingProblem(on: .active) {
        problems.add("--precision: \(problem)")
      }
      for part in experiment.parts.indices { experiment.parts[part].training.precision = value }
      options.append("--precision \(precision)")
    }
    if start.isGiven {
      for part in experiment.parts.indices {
        // What is wrong is wrong in all parts, and said once.
        var own = part == 0 ? problems : OptionProblems()
        try start.apply(to: &experiment.parts[part].training, &own)
        if part == 0 { problems = own }
      }
      options += start.words
    }
    var settings = try search.settings(&problems)
    if search.searchInitializations == nil {
      settings?.initializations = experiment.searchedInitializations(tasks: Tasks.all)
    }
    experiment.search = settings
    options += search.words
    experiment.options = options.isEmpty ? nil : options
  }

  /// The folder below `runs`, which is not made when the data are missing.
  private func defaultFolder(
    _ experiment: Experiment, _ type: any SequenceTask.Type, _ data: DataSource, _ shard: RunShard?
  ) throws -> String {
    if !FileManager.default.fileExists(atPath: "runs") {
      _ = try type.init(settings: experiment.parts[0].training, data: data)
    }
    return try RunFolders.known(defaultName(experiment, shard))
  }

  private func defaultName(_ experiment: Experiment, _ shard: RunShard? = nil) -> String {
    "reproduce-\(experiment.title)-\(experiment.budget.rawValue)" + (shard?.suffix ?? "")
  }
}
