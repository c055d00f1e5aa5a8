import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// `cellgate retrofit`: a trained model with another cell, and whether that is worth it.
struct RetrofitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retrofit",
    abstract: "Give a trained model another cell, such as working memory connections.",
    discussion: """
      The cell's new parameters start where its equations are those of the old cell: memory weights at 0. The new model \
      computes the same as the old one, to the bit, and what it has learned is kept. Which cells can follow is read from \
      their equations: lstm becomes lstm-wm, lstm-ph, lstm-ph-full, or a cell of your own that has the LSTM in it.

      With --task the new model is trained further, and so is the old one, for as long: with equal budgets and --seeds N \
      each. The report has what the old model reached before, what both reach in the end, and the difference with its 95 % \
      interval, seed by seed. --train memory trains only what the new cell has more.

      EXAMPLES:
        cellgate retrofit model.safetensors --cell lstm-wm
        cellgate retrofit runs/text-lstm --cell lstm-wm --out better.safetensors
        cellgate retrofit model.safetensors --cell lstm-ph-full --layers 0
        cellgate retrofit runs/text-lstm --cell lstm-wm --task text --data my.txt
        cellgate retrofit runs/adding-lstm --cell lstm-wm --task adding --seeds 3
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Option(help: ArgumentHelp(CellArgument.help, valueName: "name"))
  var cell: String

  @Option(
    help: ArgumentHelp(
      "Which recurrent layers, by their numbers from 0; all if you leave it out.", valueName: "0,1"))
  var layers: String?

  @Option(
    help: ArgumentHelp(
      "Train both models further on this task: \(Tasks.names.joined(separator: ", ")).", valueName: "name"))
  var task: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Runs of each model, each with another seed. (default: 3)", valueName: "n"))
  var seeds: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "What of the new model is trained: all, or memory, what the old one lacks. (default: all)",
      valueName: "what"))
  var train: String?

  @OptionGroup var options: TrainingOptions

  @OptionGroup var trusted: TrustOptions

  func run() throws {
    var problems = OptionProblems()
    options.checkThreads(&problems)
    let cell = try problems.cell(self.cell)
    let layers = chosenLayers(&problems)
    try problems.check()
    guard let cell else { return }
    let file = ModelFile.path(path)
    let old = try Model.load(file, trustingWeights: trusted.weights)
    let new = try old.retrofittedFile(to: cell, layers: layers, path: file)
    if let task {
      try RetrofitSession(command: self, old: old, new: new, cell: cell, file: file, taskName: task).run()
      return
    }
    if seeds != nil || train != nil {
      throw CommandFailure(.usage, "--seeds and --train: expected --task as well, found none")
    }
    let out = options.out ?? Self.defaultFile(file, cell)
    try new.save(out)
    report(old, new, cell, out)
  }

  /// The numbers of the layers that were typed; nil for all.
  private func chosenLayers(_ problems: inout OptionProblems) -> Set<Int>? {
    guard let text = self.layers else { return nil }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.allSatisfy({ $0 != nil }), !numbers.isEmpty else {
      problems.add("--layers: expected numbers with commas between, such as 0,1, found '\(quotedName(text))'")
      return nil
    }
    return Set(numbers.compactMap { $0 })
  }

  /// "model-lstm-wm.safetensors" beside "model.safetensors".
  private static func defaultFile(_ file: String, _ cell: Cell) -> String {
    let ending = ".safetensors"
    return (file.hasSuffix(ending) ? String(file.dropLast(ending.count)) : file) + "-\(cell.name)" + ending
  }

  private func report(_ old: Model, _ new: Model, _ cell: Cell, _ out: String) {
    let (before, after) = (old.state.count, new.state.count)
    let difference = RetrofitCheck.largestDifference(old, new)
    let parts = zip(old.description.recurrentParts, new.description.recurrentParts).map { old, new in
      (old.layer, old.options.cell.cell.name, new.options.cell.cell.name)
    }
    if options.json {
      JSONValue.object([
        ("model", .string(path)), ("cell", .string(cell.name)), ("out", .string(out)),
        (
          "layers",
          .array(
            parts.map { .object([("layer", .string($0.0)), ("from", .string($0.1)), ("to", .string($0.2))]) })
        ),
        ("parameters_before", .integer(before)), ("parameters", .integer(after)),
        ("largest_difference", .number(difference)),
      ]).print()
      return
    }
    Console.print()
    var table = Table([.right("layer"), .left("in"), .left("cell"), .left("becomes")])
    for (index, part) in parts.enumerated() {
      table.add(["\(index)", part.0, part.1, part.1 == part.2 ? "–" : part.2])
    }
    table.print()
    Console.print(
      "\n  \(Text.count(before)) parameters, now \(Text.count(after)). "
        + (difference == 0
          ? "Outputs: the same to the bit on \(RetrofitCheck.description)."
          : "Outputs differ by at most \(Text.number(difference)) on \(RetrofitCheck.description): sums have another order.")
    )
    Console.print("  In \(out)")
    Console.print(
      "\n  Is it worth it? Train both further: \(TypedCommand.line(["retrofit", path, "--cell", self.cell, "--task", old.metadata["task"] ?? "TASK"]))\n"
    )
  }
}

/// Compares the outputs of two models on numbers of no meaning.
enum RetrofitCheck {
  private static let steps = 24, batch = 5
  static let description = "\(batch) random sequences of up to \(steps) steps"

  /// The largest difference of two outputs; NaN where only one of them is.
  static func largestDifference(_ old: Model, _ new: Model) -> Double {
    var stream = RandomStream(seed: 1, name: "retrofit")
    let values = old.inputs.map { input -> LayerValue in
      let shape = (input.shape.isSequence ? [steps, batch] : [batch]) + input.shape.features
      guard !input.shape.features.isEmpty else {
        // Symbols: those that every vocabulary has.
        return LayerValue(Tensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape))
      }
      let mask = SequenceMask.lengths((0..<batch).map { steps - 3 * $0 })
      return LayerValue(stream.uniform(shape, in: -1..<1), mask: input.shape.isSequence ? mask : nil)
    }
    var largest = 0.0
    for (old, new) in zip(old(values), new(values)) {
      for (a, b) in zip(old.tensor.scalars, new.tensor.scalars) where a.bitPattern != b.bitPattern {
        let difference = abs(Double(a) - Double(b))
        largest = difference.isNaN ? .nan : max(largest, difference)
      }
    }
    return largest
  }
}

/// Trains the old model and the new one further, from the first line to the last.
private struct RetrofitSession {
  let command: RetrofitCommand
  let old: Model, new: Model
  let cell: Cell
  let file: String
  let taskName: String

  func run() throws {
    var problems = OptionProblems()
    let options = command.options
    let recording = options.recording.recording(&problems)
    let type = problems.task(taskName)
    let seeds = problems.whole("--seeds", command.seeds ?? WholeNumber(3), in: 1...100_000)
    let trained = command.train ?? "all"
    if !["all", "memory"].contains(trained) {
      problems.add("--train: " + Names.unknown("part", trained, known: ["all", "memory"]))
    }
    if options.resume, options.out == nil {
      problems.add("--resume: expected --out DIR as well, the folder to continue")
    }
    guard let type else { throw CommandFailure(problems: problems.lines) }
    let parts = old.description.recurrentParts
    guard let first = parts.first?.options.cell.cell,
      parts.allSatisfy({ $0.options.cell.cell.text == first.text }),
      new.description.recurrentParts.allSatisfy({ $0.options.cell.cell.text == cell.text })
    else {
      throw CommandFailure(
        .usage,
        "--task: expected a model all of whose layers get the new cell, as tasks have one cell, found others")
    }
    if first.name == cell.name {
      throw CommandFailure(
        .usage, "--cell: expected another cell than the model's \(first.name), found the same")
    }
    let source = try ModelSource(file, trustingWeights: command.trusted.weights)
    var settings = try options.base(type, &problems)
    try settings.start(from: source, task: type)
    settings = try options.applied(to: settings, task: type, &problems)
    problems.add(settings.problems(tasks: Tasks.all))
    try problems.check()
    settings = try Tasks.prepared(settings, data: options.dataDirectory)
    Interruption.install()
    let data = Tasks.source(of: options.dataDirectory, for: type)
    let task = try type.init(settings: settings, data: data)

    let folder = try options.out ?? RunFolders.new("retrofit-\(type.name)")
    let newFile = folder + "/retrofitted.safetensors"
    let before = try before(task, source, cell: first)

    var starts = [ComparisonSettings.Start(source)]
    let known = Set(old.state.names)
    // By the names that the task has for them.
    let names = new.description.namesInTasks ?? [:]
    let same = new.state.entries.compactMap { entry -> String? in
      guard known.contains(entry.name), old.state[entry.name]?.shape == entry.tensor.shape else { return nil }
      let layer = String(entry.name.prefix { $0 != "." })
      return (names[layer] ?? layer) + entry.name.dropFirst(layer.count)
    }
    starts.append(
      .init(ModelSource(saving: new, as: newFile), freeze: trained == "memory" ? same : nil))
    settings.from = nil
    let texts = [first, cell].filter { own in !Cell.all.contains { $0.name == own.name && $0.isSame(as: own) }
    }
    var compared = ComparisonSettings(
      settings, cells: [first.name, cell.name], seeds: seeds,
      cellTexts: texts.isEmpty ? nil : texts.map(\.text))
    compared.starts = starts
    let comparison = try Comparison(
      compared, task: type, data: data, directory: folder, resuming: options.resume)
    if !FileManager.default.fileExists(atPath: newFile) { try new.save(newFile) }
    comparison.lockWarning.map(Console.warn)
    comparison.recording = recording
    if !options.json {
      Console.print(
        "\n  Before: test \(Text.metric(type.metric.name)) \(Text.number(before)) with \(first.name). "
          + "Both models are trained further, \(trained == "memory" ? "the new one's memory alone" : "all weights") "
          + "of \(file).")
    }
    try ComparisonSession(
      comparison: comparison, task: type, folder: folder, json: options.json, before: before
    ).run()
  }

  /// What the old model reaches on the test data.
  private func before(
    _ task: some SequenceTask, _ source: ModelSource, cell: Cell
  ) throws -> Double {
    try source.evaluate(task, cell: cell).value
  }
}
