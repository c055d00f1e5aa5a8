import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate transcribe`: transcripts of recordings by a trained model.
struct TranscribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transcribe",
    abstract: "Write down what is said in recordings, with a trained model.",
    discussion: """
      Reads WAV files of any rate, and writes the transcripts that a model of 'cellgate train transcribe' finds. Needs the \
      run's folder, or the model's file, alone. With - it reads a WAV file from standard input as it comes: a model that was trained with \
      --directions forward writes each character once its sound has come; one of both directions waits for the end.

      The likeliest path is taken, or with --beam the likeliest transcript that a prefix beam search finds. Its score is ln p, plus \
      --language-weight times ln p by a language model of characters, plus --length-bonus for each character. Such a model is \
      one of 'cellgate train text' on transcripts, one a line.

      With --json a line for each file has the transcript, its score, the seconds of sound, and what a model of one direction \
      needs: latency_ms, the mean and the most time that 20 ms of sound take, and sound_ms, what has to come before a step.

      EXAMPLES:
        cellgate transcribe runs/transcribe-lstm seven.wav
        cellgate transcribe model.safetensors a.wav b.wav --beam 20 --json
        cellgate transcribe RUN a.wav --language-model runs/text-lstm
        arecord -r 8000 -f S16_LE - | cellgate transcribe RUN -
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Argument(help: ArgumentHelp("WAV files, or - for standard input.", valueName: "file"))
  var files: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Prefixes that are kept at each step; 1 takes the likeliest path.", valueName: "n"))
  var beam: WholeNumber?

  @Option(
    help: ArgumentHelp(
      "A language model of characters: the folder of a run, or a model's file.", valueName: "model"))
  var languageModel: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What ln p by the language model is multiplied by; 0.5 if you leave it out.", valueName: "x"))
  var languageWeight: RealNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What each character adds to the score of a beam search.", valueName: "x"))
  var lengthBonus = RealNumber(0)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print a JSON object a file and nothing else.")
  var json = false

  /// The beam where there is a language model and nothing is said.
  private static let languageBeam = 20
  private static let languageWeight = 0.5

  func run() throws {
    var problems = OptionProblems()
    let width = problems.whole("--beam", beam, in: 1...10_000)
    let weight = problems.real("--language-weight", languageWeight, "a number of 0 or more", { $0 >= 0 })
    let bonus = problems.real("--length-bonus", lengthBonus, "a number", { _ in true })
    problems.threads(threads)
    if languageWeight != nil, languageModel == nil {
      problems.add("--language-weight: expected --language-model as well")
    }
    if files.count(where: { $0 == StandardInput.name }) > 1 {
      problems.add("file: expected - once, found it more often")
    }
    try problems.check()
    let model = try Model.load(path, trustingWeights: trusted.weights)
    guard let transcriber = Transcriber(model) else {
      throw CommandFailure(.usage, "\(path): expected a model of 'cellgate train transcribe', found another")
    }
    var search = Transcriber.Search()
    search.beam = width ?? (languageModel == nil ? 1 : Self.languageBeam)
    search.bonus = bonus ?? 0
    if let languageModel {
      let generator = try generator(languageModel)
      search.language = CTCBeam.Language(
        try generator.prefix(of: transcriber.alphabet, file: languageModel),
        weight: weight ?? Self.languageWeight)
    }
    Interruption.install()
    for file in files {
      try transcribe(file, transcriber, search)
      try Interruption.check()
    }
  }

  private func generator(_ path: String) throws -> TextGenerator {
    Paths.isFolder(path)
      ? try TextGenerator(run: path, trustingWeights: trusted.weights)
      : try TextGenerator(model: path, trustingWeights: trusted.weights)
  }

  private func transcribe(_ file: String, _ transcriber: Transcriber, _ search: Transcriber.Search) throws {
    let isInput = file == StandardInput.name
    let isLive = isInput && !json && search.isGreedy && transcriber.streams
    var session = TranscribeSession(transcriber, search: search)
    let transcript: Transcriber.Transcript
    if isInput {
      transcript = try session.input { text in if isLive { Console.write(text) } }
    } else {
      transcript = try session.file(file)
    }
    guard json else {
      if isLive { return Console.print() }
      return Console.print(files.count > 1 ? "\(quotedName(file)): \(transcript.text)" : transcript.text)
    }
    var record: [(key: String, value: JSONValue)] = [
      ("audio", .string(file)), ("text", .string(transcript.text)), ("score", .number(transcript.score)),
      ("seconds", .number(transcript.seconds)), ("steps", .integer(transcript.steps)),
      ("streams", .bool(transcriber.streams)),
    ]
    let latency = transcriber.streams ? session.latency : nil
    record.append(
      (
        "latency_ms",
        latency.map { .object([("mean", .number($0.mean)), ("most", .number($0.most))]) } ?? .null
      ))
    record.append(
      ("sound_ms", transcriber.streams ? .number(1000 * transcriber.secondsPerStep.sound) : .null))
    JSONValue.object(record).print()
  }
}
