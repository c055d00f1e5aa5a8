import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate memory`: what language models remember beside their states.
struct MemoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "Build and tune memories of language models.",
    discussion: """
      A store has a trained model's output at each symbol of a text, and the symbol after it. Mixed with it, and with a cache of \
      what the text itself has had lately, the model predicts names and turns that it has met once: see --cache and --memory of \
      evaluate and generate.

      EXAMPLES:
        cellgate memory build runs/text-lstm --data book.txt --out book.vectors
        cellgate memory tune runs/text-lstm --cache 500 --memory book.vectors
        cellgate evaluate runs/text-lstm --cache 500 --memory book.vectors
      """,
    subcommands: [MemoryBuildCommand.self, MemoryTuneCommand.self])
}

/// `cellgate memory build`.
struct MemoryBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Write a model's outputs on a text, with the symbol after each, into a store.",
    discussion: """
      The text is that of --data, or the training part of the run. A store takes as many numbers a symbol as the model has units, \
      of 4, 2 or 1 bytes (--keys). With --append the text is added to a store that is there. A store of more than some 100,000 \
      symbols is searched faster by lists of keys that are alike (--lists), which lie beside it; a search by them may miss a neighbour, \
      how often is measured and said.

      EXAMPLES:
        cellgate memory build runs/text-lstm --data book.txt --out book.vectors
        cellgate memory build runs/text-lstm --out own.vectors --lists
        cellgate memory build runs/text-lstm --out own.vectors --keys int8
        cellgate memory build lm.safetensors --data more.txt --out own.vectors --append
      """)

  @Argument(help: ArgumentHelp("The folder of a run, or a model's file.", valueName: "model"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The text; the training part of the run if you leave it out. For ptb-char and ptb-word the data folder.",
      valueName: "path"))
  var data: String?

  @Option(help: ArgumentHelp("The store to write.", valueName: "file"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "How a number is kept: \(VectorIndex.Precision.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var keys = VectorIndex.Precision.float16.rawValue

  @Flag(help: "Add to the store, which must be of the same model.")
  var append = false

  @Flag(help: "Make lists of the keys, as FILE.lists, by which they are searched faster.")
  var lists = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    problems.threads(threads)
    let precision = VectorIndex.Precision(rawValue: keys)
    if precision == nil {
      problems.add(
        "--keys: " + Names.unknown("kind", keys, known: VectorIndex.Precision.allCases.map(\.rawValue)))
    }
    try problems.check()
    let subject = try RememberedModel(path, data: data, part: nil, trustingWeights: trusted.weights)
    let writer =
      try append
      ? VectorIndex.Writer(appendingTo: out)
      : VectorIndex.Writer(out, dimension: subject.model.outputSize, precision: precision ?? .float16)
    guard writer.dimension == subject.model.outputSize else {
      throw CommandFailure(
        .data,
        "\(out): expected keys of \(subject.model.outputSize) numbers, the outputs of \(path), found \(writer.dimension)"
      )
    }
    Interruption.install()
    let count = try subject.model.remember(
      subject.text, tokenizer: subject.tokenizer, in: writer, shouldStop: { Interruption.isRequested })
    try Interruption.check()
    try writer.commit()
    // Lists of a store that was there before are none of this one's.
    if !append, !lists {
      try? FileManager.default.removeItem(atPath: LanguageMemory.Neighbours.lists(of: out))
    }
    let made = try lists ? makeLists() : nil
    if json {
      JSONValue.object([
        ("model", .string(path)), ("out", .string(out)), ("symbols", .integer(count)),
        ("keys", .integer(writer.count)), ("dimension", .integer(writer.dimension)),
        ("precision", .string(writer.precision.rawValue)),
        ("lists", .optional(made?.lists)), ("probes", .optional(made?.probes)),
        ("recall", .optional(made?.recall)),
      ]).print()
      return
    }
    let found = made.map {
      "\n  \(Text.plural($0.lists, "list")); a search of \($0.probes) finds \(Text.number(100 * $0.recall, digits: 3)) % of the \(Self.wanted) nearest keys\n"
    }
    Console.print(
      """

        \(Text.plural(count, "symbol")) in \(out): \(Text.plural(writer.count, "key")) of \(writer.dimension) numbers
      \(found ?? "")
        Tune it: \(TypedCommand.line(["memory", "tune", path, "--memory", out]))

      """)
  }
}

extension MemoryBuildCommand {
  /// Keys of the store that are searched for, and how many of the nearest ones to each.
  private static let queries = 200, wanted = 10

  /// Makes the lists, and measures how many must be looked at to find 95 % of the keys that are nearest to some of them.
  private func makeLists() throws -> (lists: Int, probes: Int, recall: Double) {
    let index = try VectorIndex(out)
    let file = LanguageMemory.Neighbours.lists(of: out)
    try InvertedLists.write(file, of: index, shouldStop: { Interruption.isRequested })
    try Interruption.check()
    let lists = try InvertedLists(file, of: index)
    guard index.count > 0 else { return (0, 0, 1) }
    let step = max(1, index.count / Self.queries)
    let queries = index.keys(at: Array(stride(from: 0, to: index.count, by: step)))
    let (probes, recall) = lists.probes(reaching: 0.95, of: Self.wanted, queries)
    return (lists.lists, probes, recall)
  }
}

/// `cellgate memory tune`.
struct MemoryTuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Choose a memory's numbers on the validation data of a run.",
    discussion: """
      Tries flatnesses of the cache and temperatures of the neighbours, each with its best share, on the first 100,000 symbols of \
      the validation part, or of --data, and keeps the best ones as memory.json in the run's folder, where evaluate and generate \
      find them. Of a store with lists as many are looked at as find 95 % of the neighbours.

      EXAMPLES:
        cellgate memory tune runs/text-lstm --cache 500
        cellgate memory tune runs/text-lstm --cache 500 --memory own.vectors
      """)

  @Argument(help: ArgumentHelp("The folder of a run, or a model's file.", valueName: "model"))
  var path: String

  @Option(
    help: ArgumentHelp(
      "The text to tune on; the validation part of the run if you leave it out. For ptb-char and ptb-word the data folder.",
      valueName: "path"))
  var data: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Symbols that the cache has.", valueName: "n"))
  var cache: WholeNumber?

  @Option(help: ArgumentHelp("The store.", valueName: "file"))
  var memory: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Outputs of the store that are looked for.", valueName: "n"))
  var neighbours = WholeNumber(64)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    problems.threads(threads)
    let window = problems.whole("--cache", cache, in: 1...1_000_000)
    let count = problems.whole("--neighbours", neighbours, in: 1...1_000_000)
    if cache == nil, memory == nil { problems.add("--cache and --memory: expected one of them") }
    try problems.check()
    let subject = try RememberedModel(path, data: data, part: .validation, trustingWeights: trusted.weights)
    let neighbours = try memory.map { file -> LanguageMemory.Neighbours in
      let hasLists = FileManager.default.fileExists(atPath: LanguageMemory.Neighbours.lists(of: file))
      return try .init(file: file, count: count, probes: hasLists ? 1 : nil)
    }
    if let neighbours {
      let memory = LanguageMemory(neighbours: neighbours)
      if let problem = memory.problem(outputSize: subject.model.outputSize) {
        throw CommandFailure(.data, problem)
      }
    }
    let tuned = LanguageMemory.tuned(
      subject.model, subject.tokenizer, on: subject.text, cacheWindow: window, neighbours: neighbours)
    let numbers = LanguageMemory.Settings(tuned.memory)
    let isRun = Paths.isFolder(path)
    if isRun { try numbers.write(run: path) }
    report(tuned, numbers, isRun: isRun)
  }

  private func report(_ tuned: LanguageMemory.Tuned, _ numbers: LanguageMemory.Settings, isRun: Bool) {
    if json {
      func object(_ entries: [(key: String, value: JSONValue)]?) -> JSONValue {
        entries.map { .object($0) } ?? .null
      }
      JSONValue.object([
        ("model", .string(path)), ("symbols", .integer(tuned.symbols)),
        ("cross_entropy", .number(tuned.nats)), ("without_memory", .number(tuned.modelNats)),
        (
          "cache",
          object(
            numbers.cache.map {
              [
                ("window", .integer($0.window)), ("flatness", .number($0.flatness)),
                ("share", .number($0.share)),
              ]
            })
        ),
        (
          "neighbours",
          object(
            numbers.neighbours.map {
              [
                ("store", .string($0.store)), ("count", .integer($0.count)),
                ("temperature", .number($0.temperature)), ("share", .number($0.share)),
                ("probes", .optional($0.probes)),
              ]
            })
        ),
      ]).print()
      return
    }
    Console.print()
    var table = Table([.left(""), .right("cross entropy"), .right("perplexity")])
    for (name, nats) in [("the model", tuned.modelNats), ("with the memory", tuned.nats)] {
      table.add([name, Text.number(nats), Text.number(exp(nats))])
    }
    table.print()
    Console.print("\n  of \(Text.plural(tuned.symbols, "symbol")) of the validation data\n")
    var options = ""
    if let cache = numbers.cache {
      options +=
        " --cache \(cache.window) --cache-flatness \(Text.number(cache.flatness)) --cache-share \(Text.number(cache.share))"
    }
    if let neighbours = numbers.neighbours, let memory {
      options +=
        " --memory \(memory) --neighbours \(neighbours.count) --neighbour-temperature "
        + "\(Text.number(neighbours.temperature)) --neighbour-share \(Text.number(neighbours.share))"
        + (neighbours.probes.map { " --probes \($0)" } ?? "")
    }
    Console.print("  The numbers:\(options)")
    if isRun {
      Console.print(
        "  They are in \(path)/\(LanguageMemory.Settings.name), where evaluate and generate find them.")
    }
    Console.print()
  }
}

/// A language model and a text to remember or to tune on.
struct RememberedModel {
  let model: LanguageModel
  let tokenizer: TextTokenizer
  let text: TextTokenizer.Encoded

  /// The model of a run or in a file, and the text of `data`; without it, and for tasks whose data are no single file, the part of the
  /// run's own data, nil for the training part.
  init(_ path: String, data: String?, part: Split?, trustingWeights: Bool) throws {
    (model, tokenizer) = try LanguageModel.load(path, trustingWeights: trustingWeights)
    if let data, !Paths.isFolder(data) {
      text = try LanguageModel.encoded(data, tokenizer)
      return
    }
    guard Paths.isFolder(path) else {
      throw CommandFailure(.usage, "--data: expected a text, as \(path) is a model's file and no run")
    }
    let settings = try RunDirectory.settings(of: path)
    let task = try Tasks.make(settings, data: DataDirectory(option: data))
    guard let task = task as? any LanguageModelTask else {
      throw CommandFailure(
        .usage,
        "\(path): expected a run of a language model (text, ptb-char, ptb-word), found one of \(settings.task)"
      )
    }
    text = task.text(of: part)
  }
}
