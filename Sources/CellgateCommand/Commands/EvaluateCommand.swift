import ArgumentParser
import Cellgate
import Foundation

/// `cellgate evaluate`: the score of a run's best model.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Score a run's best model on the test data.",
    discussion: """
      Reads the settings and the best model from the folder of a run and computes the task's metric on data \
      that the model was not trained on. A language model reads data given with --data with its own vocabulary: \
      characters that it doesn't know are counted (unknown_share), or refused where it has no symbol for them.

      EXAMPLES:
        cellgate evaluate runs/adding-lstm
        cellgate evaluate runs/adding-lstm --split validation
        cellgate evaluate runs/digits --data /scratch/data --json
        cellgate evaluate runs/digits --precision f32
        cellgate evaluate runs/text-lstm --data other.txt
      """)

  @Argument(help: ArgumentHelp("The folder of the run.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "The part of the data: \(Split.allCases.map(\.rawValue).joined(separator: ", ")). The test data, or all of a text "
        + "that isn't the run's own, if you leave it out.", valueName: "name"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "\(OptionProblems.precisionHelp) That of the training if you leave it out.", valueName: "name"))
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
    try problems.check()
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
    let evaluation = try RunDirectory.evaluate(
      folder, task: task, precision: chosen, on: part ?? .test, trustingWeights: trusted.weights)
    if let remark = evaluation.remark { Console.printError("cellgate: " + remark) }
    let isWhole = (task as? TextTask)?.scoresWholeText == true
    report(
      evaluation, of: isWhole ? "all" : (part ?? .test).rawValue, task: task, settings: settings)
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
    let extras = zip(type.extraMetrics.map(\.name), evaluation.extras)
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
    let baseline = "\(Text.number(task.baseline.value)) without learning (\(task.baseline.label))"
    table.add([type.metric.name, Text.number(evaluation.value), baseline])
    for (name, value) in extras { table.add([name.replacing("_", with: " "), Text.number(value), ""]) }
    table.print()
    Console.print()
  }
}
