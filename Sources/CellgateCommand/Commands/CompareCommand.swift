import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate compare`: several cells under the same settings.
struct CompareCommand: ParsableCommand {
  /// What is compared by default; the other settings are the task's `defaults`.
  enum Defaults {
    static let cells = ["lstm", "lstm-ph-full", "lstm-wm"]
    static let seeds = 1
    static let equal = ComparisonSettings.Equality.units
  }

  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Train several cells on the same task and show how they differ.",
    discussion: """
      Every cell gets the same data, settings and seeds. At the end there is a table, and a folder with the \
      numbers (compare.json, compare.csv) and the learning curves (curves.svg, for any browser). Cells are \
      compared with the same number of hidden units or, with --equal parameters, with as many units as fit \
      into the first cell's number of parameters; --parameters N gives each whole model N of them. Ctrl-C stops cleanly and prints the command that continues.

      EXAMPLES:
        cellgate compare adding
        cellgate compare adding --cells lstm,gru,lstm-wm --seeds 3
        cellgate compare adding --cells lstm,janet,my.cell
        cellgate compare adding --cells lstm,all --equal parameters
        cellgate compare copying --length 50 --equal parameters
        cellgate compare adding --config runs/adding-lstm/config.json --cells lstm,gru
        cellgate compare adding --steps 500 --hidden 32 --json
        cellgate compare adding --seeds 8 --shard 1/4 --out part1

      \(TaskOptions.help(of: "compare"))
      """)

  @Argument(help: "The task: \(Tasks.names.joined(separator: ", ")).")
  var task: String

  @Option(help: ArgumentHelp(CellArgument.listHelp, valueName: "a,b,c"))
  var cells = Defaults.cells.joined(separator: ",")

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Runs of each cell, each with another seed.", valueName: "n"))
  var seeds = WholeNumber(Defaults.seeds)

  @Option(
    help: ArgumentHelp(
      "What the cells have in common: units or parameters. (default: \(Defaults.equal.rawValue))",
      valueName: "what"))
  var equal: String?

  @OptionGroup var sizes: SizeOptions

  @OptionGroup var part: ShardOption

  @OptionGroup var options: TrainingOptions

  func run() throws {
    let (settings, recording, shard) = try settings()
    let type = try Tasks.named(settings.training.task)
    Interruption.install()
    // Missing data are reported before a folder is made.
    let data = Tasks.source(of: options.dataDirectory, for: type)
    _ = try type.init(settings: settings.training, data: data)
    let folder = try options.out ?? RunFolders.new("compare-\(type.name)" + (shard?.suffix ?? ""))
    let comparison = try Comparison(
      settings, task: type, data: data, directory: folder, resuming: options.resume, shard: shard)
    comparison.lockWarning.map(Console.warn)
    comparison.recording = recording
    try ComparisonSession(comparison: comparison, task: type, folder: folder, json: options.json).run()
  }

  /// What is compared, what the runs write on the way, and which part of them is made.
  private func settings() throws -> (ComparisonSettings, RunRecording, RunShard?) {
    var problems = OptionProblems()
    options.checkThreads(&problems)
    let recording = options.recording.recording(&problems)
    let type = options.task(task, &problems)
    let seeds = problems.whole("--seeds", seeds, in: 1...100_000)
    let budget = sizes.budget(&problems)
    let shard = part.parsed(&problems)
    let equality = equal.map { ComparisonSettings.Equality(rawValue: $0) } ?? Defaults.equal
    if equality == .units, equal != nil, budget != nil {
      problems.add("--equal units and --parameters: expected only one of them")
    }
    if let equal, equality == nil {
      let known = ComparisonSettings.Equality.allCases.map(\.rawValue)
      problems.add("--equal: " + Names.unknown("word", equal, known: known))
    }
    if options.resume, options.out == nil {
      problems.add("--resume: expected --out DIR as well, the folder of the comparison to continue")
    }
    guard let type else { throw CommandFailure(problems: problems.lines) }
    var base = try options.base(type, &problems)
    (base.cell, base.cellText) = (type.defaults.cell, nil)
    sizes.apply(to: &base, &problems)
    var training = try options.applied(to: base, task: type, &problems)
    let earlier = options.resume ? options.out.flatMap { try? Comparison.settings(of: $0) } : nil
    let (names, texts) = try CellArgument.list(cells, recorded: earlier?.cellTexts ?? [])
    func settings(parameters: Int?) -> ComparisonSettings {
      ComparisonSettings(
        training, cells: names, seeds: seeds,
        equal: budget == nil ? equality ?? Defaults.equal : .parameters, parameters: parameters,
        cellTexts: texts)
    }
    problems.add(settings(parameters: nil).problems(tasks: Tasks.all))
    problems.add(
      idleRules: training.initialization,
      cells: (texts ?? []).compactMap { try? Cell(text: $0) } + names.compactMap(Cell.named))
    try problems.check()
    // What fits is known when the data are.
    training = try Tasks.prepared(training, data: options.dataDirectory)
    if options.resume, let out = options.out {
      // The same file is read as it was when the comparison began.
      let known = try Comparison.settings(of: out).training.data
      if let known, known.sha256 == training.data?.sha256 { training.data = known }
    }
    problems.add(settings(parameters: budget).problems(tasks: Tasks.all))
    try problems.check()
    return (settings(parameters: budget), recording, shard)
  }
}
