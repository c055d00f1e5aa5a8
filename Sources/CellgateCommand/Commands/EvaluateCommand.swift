import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate evaluate`: the score of a run's best model.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Score a run's best model on the test data, or a model on arrays.",
    discussion: """
      Reads the settings and the best model from the folder of a run and computes the task's metric on data \
      that the model was not trained on. A language model reads data given with --data with its own vocabulary: \
      what it doesn't know is counted (unknown_share), or refused where it has no symbol for it.

      The file of a language model, an imported one too, is scored on a text given with --data, that of a model of music on tunes.

      With --anomalies a forecaster writes the steps whose values lie far outside the interval that it forecasts for them \
      into a CSV file: id,time,target,value,mean,q10,q90,score, where the score is how far from the median, 1 at the \
      quantile 0.1 or 0.9.

      With --backtest a forecaster is scored at origins that move on through the test data, or through all of another table, \
      --stride steps apart: a line each with the scores of the horizon that follows. With --refit it is trained on with what lies \
      before each origin first, under the run's settings; the run's model stays as it is.

      With --loss a model of any origin, a file or a run's best, is scored on arrays with the sample first: its inputs by \
      their names or as x, the targets as y, in an NPZ or safetensors file.

      EXAMPLES:
        cellgate evaluate runs/adding-lstm
        cellgate evaluate runs/adding-lstm --split validation
        cellgate evaluate runs/digits --data /scratch/data --json
        cellgate evaluate runs/digits --precision int8
        cellgate evaluate runs/text-lstm --data other.txt
        cellgate evaluate runs/forecast-lstm --data new.csv --anomalies odd.csv
        cellgate evaluate runs/forecast-lstm --backtest 12 --stride 24 --refit
        cellgate evaluate runs/music-lstm --data tunes/
        cellgate evaluate runs/captions-lstm --beam 1,3,5 --length-power 0.7
        cellgate evaluate runs/translate-lstm --data other.tsv
        cellgate evaluate m.safetensors --data x.npz --loss binary_cross_entropy
        cellgate evaluate lm.safetensors --data text.txt
        cellgate evaluate runs/text-lstm --cache 500 --memory own.vectors
      """)

  @Argument(help: ArgumentHelp("The folder of the run, or with --loss a model's file.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "The part of the data: \(Split.allCases.map(\.rawValue).joined(separator: ", ")). The test data, or all of a text "
        + "that isn't the run's own, if you leave it out.", valueName: "name"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "\(OptionProblems.trainedPrecisionHelp) The model's own if you leave it out.", valueName: "name"))
  var precision: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "The data folder, see 'cellgate data --help'; of the task text a file, which may be another text than the run's.",
      valueName: "path"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Score the model on the arrays of --data by this loss: "
        + "\(Losses.all.map(\.name).joined(separator: ", ")).", valueName: "name"))
  var loss: String?

  @Option(
    help: ArgumentHelp(
      "What is reported besides --loss: \(ModelMetric.all.map(\.name).joined(separator: ", ")).",
      valueName: "a,b"))
  var metrics: String?

  @Option(
    help: ArgumentHelp(
      "Write the steps that are far outside the forecast interval to this file, of a run of forecast.",
      valueName: "file"))
  var anomalies: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The score above which a step is such a one; above 3 if you leave it out.", valueName: "x"))
  var anomalyScore: RealNumber?

  @OptionGroup var backtests: BacktestOptions

  @OptionGroup var searched: SearchScoreOptions

  @OptionGroup var remembered: MemoryOptions

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let names = Split.allCases.map(\.rawValue)
    let part = split.flatMap { Split(rawValue: $0) }
    if let split, part == nil { problems.add("--split: " + Names.unknown("split", split, known: names)) }
    problems.threads(threads)
    let chosen = precision.flatMap { problems.precision($0) }
    let memory = remembered.request(&problems)
    if loss == nil, metrics == nil, let data, isModelFile {
      if split != nil { problems.add("--split: expected the folder of a run, found a model's file") }
      if backtests.backtest != nil {
        problems.add("--backtest: expected the folder of a run, found a model's file")
      }
      if let problem = chosen?.problem(on: .active) { problems.add("--precision: \(problem)") }
      try problems.check()
      try scoreText(data, memory, chosen)
      return
    }
    let limit = problems.real("--anomaly-score", anomalyScore, "0 or more") { $0 >= 0 } ?? 3
    if anomalyScore != nil, anomalies == nil { problems.add("--anomaly-score: expected --anomalies as well") }
    let compilation = compilation(&problems)
    let searches = searched.searches(&problems)
    let plan = backtests.plan(&problems)
    if memory != nil, loss != nil || precision != nil || plan != nil || searches != nil || anomalies != nil {
      problems.add(
        "--cache and --memory: expected none of --loss, --precision, --backtest, --beam and --anomalies")
    }
    if precision != nil, searches != nil { problems.add("--beam: expected no --precision") }
    if plan != nil, anomalies != nil || precision != nil || loss != nil || part == .validation {
      problems.add("--backtest: expected none of --anomalies, --precision, --loss and --split validation")
    }
    try problems.check()
    if let compilation {
      if let problem = chosen?.problem(on: .active) {
        throw CommandFailure(.usage, "--precision: \(problem)")
      }
      try evaluateModel(compilation, chosen)
      return
    }
    if let run = firstRun {
      throw CommandFailure(.noInput, "\(folder): a folder of several runs; give one of them, such as \(run)")
    }
    var settings = try RunDirectory.settings(of: folder)
    if let chosen { settings.precision = chosen }
    if let problem = settings.precision.problem(on: .active) {
      throw CommandFailure(.usage, "--precision: \(problem)")
    }
    let task: any SequenceTask
    do throws(TrainingError) {
      task = try Tasks.make(scoring: folder, settings, split: part, data: DataDirectory(option: data))
    } catch {
      // The settings come from a file here, not from options.
      guard case .settings(let errors) = error else { throw error }
      throw CommandFailure(.data, "\(folder)/config.json: \(errors)")
    }
    if let searches {
      switch task {
      case let task as CaptionsTask:
        try searched.evaluate(
          folder, task, on: part ?? .test, searches: searches, trustingWeights: trusted.weights, json: json)
      case let task as TranslateTask:
        try searched.evaluate(
          folder, task, on: part ?? .test, searches: searches, trustingWeights: trusted.weights, json: json)
      default:
        throw CommandFailure(
          .usage,
          "--beam: is for runs of captions and of translate, and \(folder) is one of \(settings.task)")
      }
      return
    }
    if anomalies != nil, !(task is ForecastTask) {
      throw CommandFailure(
        .usage, "--anomalies: is for runs of forecast, and \(folder) is one of \(settings.task)")
    }
    if let plan {
      guard let task = task as? ForecastTask else {
        throw CommandFailure(
          .usage, "--backtest: is for runs of forecast, and \(folder) is one of \(settings.task)")
      }
      try backtests.evaluate(folder, task, plan, trustingWeights: trusted.weights, json: json)
      return
    }
    let evaluation =
      try memory.map { try evaluated(task, on: part ?? .test, $0) }
      ?? RunDirectory.evaluate(
        folder, task: task, precision: chosen, on: part ?? .test, trustingWeights: trusted.weights)
    if let remark = evaluation.remark { Console.printError("cellgate: " + remark) }
    let isWhole =
      (task as? TextTask)?.scoresWholeText == true || (task as? ForecastTask)?.scoresWholeTable == true
    if let task = task as? ForecastTask, let anomalies {
      let model = try model(chosen)
      let found = task.anomalies(model, above: limit)
      try AtomicFile.write(
        Data(([ForecastAnomaly.header] + found.map(\.fields)).map(CSVWriter.line).joined().utf8),
        to: anomalies)
      Console.printError(
        "cellgate: \(Text.plural(found.count, "step")) above a score of \(Text.number(limit)) in \(anomalies)"
      )
    }
    report(
      evaluation, of: isWhole ? "all" : (part ?? .test).rawValue, task: task, settings: settings)
  }

  private var isModelFile: Bool { !Paths.isFolder(folder) && FileManager.default.fileExists(atPath: folder) }

  /// The model, in the precision that was given.
  private func model(_ precision: Precision?) throws -> Model {
    try Model.load(folder, trustingWeights: trusted.weights).computing(inOption: precision)
  }

  /// The evaluation of a run's language model with a memory.
  private func evaluated(
    _ task: any SequenceTask, on split: Split, _ request: MemoryOptions.Request
  ) throws -> Evaluation {
    guard let task = task as? any LanguageModelTask else {
      throw CommandFailure(
        .usage, "--cache and --memory: are for language models, and \(folder) is a run of another task")
    }
    let (model, _) = try LanguageModel.load(folder, trustingWeights: trusted.weights)
    Interruption.install()
    let evaluation = task.evaluation(
      of: model, on: split, memory: try request.memory(for: folder, outputSize: model.outputSize),
      context: .inference(stop: StopRequest { Interruption.isRequested }))
    try Interruption.check()
    return evaluation
  }

  /// Scores the language model in a file on a text.
  private func scoreText(
    _ data: String, _ request: MemoryOptions.Request?, _ precision: Precision?
  ) throws {
    if ArrayFile.isOne(data) {
      throw CommandFailure(
        .usage, "\(folder): a model's file: expected --loss NAME beside arrays, or a text as --data")
    }
    if MusicGenerator.isOne(folder) {
      try scoreTunes(data, precision)
      return
    }
    let (model, tokenizer) = try LanguageModel.of(try model(precision), file: folder)
    let memory = try request.map { try $0.memory(for: folder, outputSize: model.outputSize) }
    let score = try model.score(data, tokenizer: tokenizer, memory: memory)
    if json {
      JSONValue.object([
        ("model", .string(folder)), ("data", .string(data)), ("characters", .integer(score.characters)),
        ("unit", .string(tokenizer.unit.rawValue)), ("symbols", .integer(score.symbols)),
        ("metric", .string("bits_per_character")), ("value", .number(score.bitsPerCharacter)),
        (
          "extras",
          [
            "cross_entropy": .number(score.crossEntropy), "unknown_share": .number(score.unknownShare),
            "perplexity": .number(score.perplexity),
          ]
        ),
      ]).print()
      return
    }
    Console.print()
    var table = Table([.left(Text.plural(score.characters, "character")), .right("value")])
    table.add(["bits per character", Text.number(score.bitsPerCharacter)])
    table.add(["cross entropy", Text.number(score.crossEntropy)])
    table.add(["perplexity", Text.number(score.perplexity)])
    if score.unknownShare > 0 { table.add(["unknown share", Text.number(score.unknownShare)]) }
    table.print()
    Console.print()
  }

  /// Scores the model of music in a file on tunes.
  private func scoreTunes(_ data: String, _ precision: Precision?) throws {
    guard let predictor = MusicPredictor(try model(precision)) else {
      throw GenerationError.notOfMusic(path: folder)
    }
    let (tunes, evaluation) = try predictor.score(data)
    let extras = zip(MusicTask.extraMetrics.map(\.name), evaluation.extras)
    if json {
      JSONValue.object([
        ("model", .string(folder)), ("data", .string(data)), ("tunes", .integer(tunes)),
        ("metric", .string(MusicTask.metric.name)), ("value", .number(evaluation.value)),
        ("extras", .object(extras.map { (key: $0, value: .number($1)) })),
      ]).print()
      return
    }
    Console.print()
    var table = Table([.left(Text.plural(tunes, "tune")), .right("value")])
    table.add([Text.metric(MusicTask.metric.name), Text.number(evaluation.value)])
    for (name, value) in extras { table.add([Text.metric(name), Text.number(value)]) }
    table.print()
    Console.print()
  }

  /// How a model is scored on arrays; nil without --loss.
  private func compilation(_ problems: inout OptionProblems) -> (loss: Loss, metrics: [ModelMetric])? {
    guard let loss else {
      if metrics != nil { problems.add("--metrics: expected --loss as well") }
      if isModelFile {
        problems.add(
          "\(folder): a model's file: expected --data FILE and --loss NAME as well, or the folder of a run")
      }
      return nil
    }
    if data == nil { problems.add("--loss: expected --data FILE as well, with the arrays x and y") }
    if split != nil { problems.add("--split: expected none with --loss, which scores all of --data") }
    let known = ModelMetric.all.map(\.name)
    let chosen = (metrics ?? "").split(separator: ",").compactMap { name -> ModelMetric? in
      let metric = ModelMetric.all.first { $0.name == name }
      if metric == nil { problems.add("--metrics: " + Names.unknown("metric", String(name), known: known)) }
      return metric
    }
    guard let own = Losses.named(loss) else {
      problems.add("--loss: " + Names.unknown("loss", loss, known: Losses.all.map(\.name)))
      return nil
    }
    return (own, chosen)
  }

  private func evaluateModel(
    _ compilation: (loss: Loss, metrics: [ModelMetric]), _ precision: Precision?
  ) throws {
    let model = try model(precision)
    let arrays = try ModelArrays(data ?? "")
    let (x, y) = (try arrays.inputs(of: model), try arrays.targets(of: model))
    model.compile(loss: compilation.loss, metrics: compilation.metrics)
    let values = try model.evaluate(x, y)
    let names = ["loss"] + values.keys.filter { $0 != "loss" }.sorted()
    if json {
      JSONValue.object([
        ("model", .string(folder)), ("data", .string(data ?? "")), ("samples", .integer(x[0].shape[0])),
        ("loss", .string(compilation.loss.name)), ("value", .optional(values["loss"])),
        ("metrics", .object(names.filter { $0 != "loss" }.map { (key: $0, value: .optional(values[$0])) })),
      ]).print()
      return
    }
    Console.print()
    var table = Table([.left(Text.plural(x[0].shape[0], "sample")), .right("value")])
    for name in names {
      table.add([
        Text.metric(name == "loss" ? compilation.loss.name : name),
        Text.number(values[name] ?? 0),
      ])
    }
    table.print()
    Console.print()
  }

  /// A run inside the folder, if the folder is a comparison's.
  private var firstRun: String? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().map { folder + "/" + $0 }.first {
      FileManager.default.fileExists(atPath: $0 + "/config.json")
    }
  }

  private func report(
    _ evaluation: Evaluation, of split: String, task: any SequenceTask, settings: TrainingSettings
  ) {
    let type = type(of: task)
    let extras =
      Array(zip(type.description.metrics(settings).dropFirst().map(\.name), evaluation.extras))
      + evaluation.named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    if json {
      JSONValue.object(
        RunRecord.identity(settings) + [
          ("split", .string(split)), ("metric", .string(type.metric.name)),
          ("value", .number(evaluation.value)),
          ("extras", .object(extras.map { (key: $0, value: .number($1)) })),
          ("baseline", .number(task.baseline.value)), ("directory", .string(folder)),
        ]
      ).print()
      return
    }
    Console.print("\n  \(Terminal.output.styled(settings.task, .bold))  \(type.summary)")
    Console.print("  \(settings.cell), \(SettingsText.model(settings)); \(SettingsText.training(settings))\n")
    var table = Table([.left("\(split) data"), .right("value"), .left("")])
    let baseline = type.description.text(of: task.baseline, value: Text.number(task.baseline.value))
    table.add([Text.metric(type.metric.name), Text.number(evaluation.value), baseline])
    for (name, value) in extras { table.add([Text.metric(name), Text.number(value), ""]) }
    table.print()
    Console.print()
  }
}
