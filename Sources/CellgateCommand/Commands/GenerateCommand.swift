import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate generate`: text from a trained language model.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Write text or music with a trained model.",
    discussion: """
      Draws one character, word or piece after the other from the best model of a run of ptb-char, ptb-word or text, and \
      prints each as it comes, after the prompt. Needs the run's folder, or the model's file, alone. The same seed gives the \
      same text. A prompt for a model of words may have <unk> in it for words that the model doesn't know.

      With a model of music, frames of a tune are drawn in the same way, and a MIDI file is written to --out: after the tune \
      of --prime, if there is one.

      EXAMPLES:
        cellgate generate runs/text-lstm
        cellgate generate runs/text-lstm --prompt "To be" --length 1000
        cellgate generate runs/text-lstm --temperature 0.7 --top-p 0.9 --seed 7
        cellgate generate runs/ptb-char-lstm --prompt the_market_ --top-k 5
        cellgate generate model.safetensors --prompt "To be"
        cellgate generate runs/tunes --prompt "X:1" --length 5000 --check abc
        cellgate generate runs/text-lstm --cache 500 --memory own.vectors
        cellgate generate model.safetensors --prompt "To be" --precision int8
        cellgate generate runs/music-lstm --length 200 --out tune.mid --seed 3
        cellgate generate runs/music-lstm --prime begin.mid --out tune.mid
      """)

  @Argument(help: ArgumentHelp("The folder of the run, or the file of its model.", valueName: "run"))
  var folder: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What the text begins with; nothing if you leave it out.", valueName: "text"))
  var prompt = ""

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Characters to write, or frames of a tune.", valueName: "n"))
  var length = WholeNumber(400)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Above 1 for more surprises, below 1 for fewer; 0 always takes the likeliest symbol.", valueName: "x"
    )
  )
  var temperature = RealNumber(1)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Draw from the n likeliest symbols alone.", valueName: "n")
  )
  var topK: WholeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draw from the likeliest symbols alone, until their probabilities sum to x, above 0, up to 1.",
      valueName: "x"))
  var topP: RealNumber?

  @Option(parsing: .unconditional, help: ArgumentHelp("The seed of the random numbers.", valueName: "n"))
  var seed = WholeNumber(1)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads; one for each available processor if you leave it out. Changes no result.", valueName: "n"))
  var threads: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "Say afterwards, on standard error, what of the text is right: abc counts the valid tunes in ABC notation.",
      valueName: "name"))
  var check: String?

  @Option(help: ArgumentHelp("With a model of music: the MIDI file to write, NAME.mid.", valueName: "file"))
  var out: String?

  @Option(
    help: ArgumentHelp("With a model of music: the MIDI file that the tune begins with.", valueName: "file"))
  var prime: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With a model of music: quarter notes a minute; those of --prime, or 120, if you leave it out.",
      valueName: "x"))
  var tempo: RealNumber?

  @Option(
    help: ArgumentHelp(
      "Of text: \(OptionProblems.trainedPrecisionHelp) The model's own if you leave it out.",
      valueName: "name"))
  var precision: String?

  @OptionGroup var remembered: MemoryOptions

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let count = problems.whole("--length", length, in: 1...1_000_000_000)
    var sampling = Sampling()
    if let value = problems.real("--temperature", temperature, "a number of 0 or more", { $0 >= 0 }) {
      sampling.temperature = value
    }
    sampling.topK = problems.whole("--top-k", topK, in: 1...Int.max)
    sampling.topP = problems.real("--top-p", topP, "a number above 0, up to 1", { $0 > 0 && $0 <= 1 })
    let seed = problems.seed(seed)
    let memory = remembered.request(&problems)
    let chosen = problems.trainedPrecision(precision)
    problems.threads(threads)
    let tempo = problems.real("--tempo", tempo, "a number from 4 to 1000", { $0 >= 4 && $0 <= 1000 })
    if let check, check != "abc" { problems.add("--check: " + Names.unknown("check", check, known: ["abc"])) }
    if MusicGenerator.isOne(folder) {
      if memory != nil { problems.add("--cache and --memory: are for text") }
      if check != nil { problems.add("--check: is for text") }
      if precision != nil { problems.add("--precision: is for text") }
      if out == nil { problems.add("--out: expected a MIDI file to write, NAME.mid, with a model of music") }
      if let out, !MIDIName.isOne(out) {
        problems.add("--out: expected a name that ends with .mid, found '\(quotedName(out))'")
      }
      if !prompt.isEmpty { problems.add("--prompt: is for text; a tune begins with --prime FILE.mid") }
      try problems.check()
      let options = MusicWriter(
        model: folder, out: out ?? "", prime: prime, frames: count, tempo: tempo, sampling: sampling,
        seed: seed ?? 1, trustsWeights: trusted.weights)
      try options.run(json: json)
      return
    }
    for (name, value) in [("--out", out), ("--prime", prime)] where value != nil {
      problems.add("\(name): is for models of music")
    }
    if tempo != nil { problems.add("--tempo: is for models of music") }
    try problems.check()
    let generator = try generator(memory, chosen)
    let text = try generator.text(after: prompt, sampling: sampling, seed: seed ?? 1)
    Interruption.install()
    if json {
      try printRecord(text, count, sampling, seed ?? 1)
    } else {
      try printText(text, count)
    }
  }

  private func generator(
    _ request: MemoryOptions.Request?, _ precision: Precision?
  ) throws -> TextGenerator {
    if request != nil || precision != nil {
      let loaded = try Model.load(folder, trustingWeights: trusted.weights).computing(inOption: precision)
      let (model, tokenizer) = try LanguageModel.of(loaded, file: folder)
      return TextGenerator(
        model: model, tokenizer: tokenizer,
        memory: try request?.memory(for: folder, outputSize: model.outputSize))
    }
    let isFile = !Paths.isFolder(folder) && FileManager.default.fileExists(atPath: folder)
    return try isFile
      ? TextGenerator(model: folder, trustingWeights: trusted.weights)
      : TextGenerator(run: folder, trustingWeights: trusted.weights)
  }

  private func printText(_ text: GeneratedText, _ count: Int) throws {
    Console.write(prompt)
    var written = String.UnicodeScalarView()
    do {
      var last: Unicode.Scalar?
      defer { if last != "\n" { Console.print() } }
      for character in text.prefix(count) {
        Console.write(String(character))
        last = character
        if check != nil { written.append(character) }
        if Console.isOutputClosed { return }
        try Interruption.check()
      }
    }
    guard check != nil else { return }
    let result = Self.checked(prompt + String(written))
    var line =
      "\(result.valid) of \(Text.plural(result.tunes, "whole tune")) \(result.tunes == 1 ? "is" : "are") valid ABC"
    if let error = result.firstError { line += "; the first that isn't: \(error)" }
    Console.printError("cellgate: " + line)
  }

  /// How many tunes of a text are valid; the last of several, which ends with the text, is left out.
  private static func checked(_ text: String) -> (tunes: Int, valid: Int, firstError: ABCError?) {
    let tunes = ABCTune.texts(in: text)
    return ABCTune.check((tunes.count > 1 ? tunes.dropLast() : tunes[...]).joined())
  }

  private func printRecord(_ text: GeneratedText, _ count: Int, _ sampling: Sampling, _ seed: UInt64) throws {
    let isFile = !Paths.isFolder(folder)
    let settings = isFile ? try? ModelFile.settings(of: folder) : try RunDirectory.settings(of: folder)
    var written = String.UnicodeScalarView()
    for character in text.prefix(count) {
      written.append(character)
      try Interruption.check()
    }
    let record: JSONValue = [
      "task": settings.map { .string($0.task) } ?? .null, "cell": settings.map { .string($0.cell) } ?? .null,
      "directory": .string(folder),
      "prompt": .string(prompt), "text": .string(String(written)), "length": .integer(count),
      "temperature": .number(sampling.temperature), "top_k": .optional(sampling.topK),
      "top_p": .optional(sampling.topP), "seed": .unsigned(seed),
      "check": check == nil ? .null : Self.record(Self.checked(prompt + String(written))),
    ]
    record.print()
  }

  private static func record(_ check: (tunes: Int, valid: Int, firstError: ABCError?)) -> JSONValue {
    .object([
      ("tunes", .integer(check.tunes)), ("valid", .integer(check.valid)),
      ("first_error", check.firstError.map { .string($0.description) } ?? .null),
    ])
  }
}
