import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate translate`: translations of lines by a trained model.
struct TranslateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "translate",
    abstract: "Translate sentences, a line each, with a trained model.",
    discussion: """
      Reads a text, gzipped or not, or with - standard input, whose lines are answered as they come, and writes the best \
      translation of each line that beam search finds. Needs the run's folder, or the model's file, alone: the symbols are part \
      of it. An empty line stays empty, and a sentence that is longer than those of the training is translated in parts.

      A translation's score is ln p of its symbols and its end, over their number to the power of --length-power, less \
      --coverage-penalty times what was not looked at. With --n-best a line of the output is the line's number from 0 on, the \
      translation and its score, with ||| between.

      EXAMPLES:
        cellgate translate runs/translate-lstm news.txt
        cellgate translate model.safetensors - < news.txt
        cellgate translate runs/translate-lstm news.txt --beam 10 --n-best 3
        cellgate translate runs/translate-lstm news.txt.gz --out news.en
        cellgate translate runs/translate-lstm news.txt --alignments seen.svg
        cellgate translate runs/translate-lstm - --json
      """)

  @Argument(help: ArgumentHelp("A model's file, or the folder of a run.", valueName: "model"))
  var path: String

  @Argument(help: ArgumentHelp("The sentences, a line each, or - for standard input.", valueName: "file"))
  var file: String

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Translations that are kept at each symbol.", valueName: "n"))
  var beam = WholeNumber(Translator.usualSearch.width)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "α of the score; 0 favours short translations, 1 compares the mean ln p of a symbol.", valueName: "x"))
  var lengthPower = RealNumber(Translator.usualSearch.lengthPower)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "β of the score, for symbols of the sentence that were hardly looked at.", valueName: "x"))
  var coveragePenalty = RealNumber(0)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Translations of each line, the best ones, up to --beam.", valueName: "n"))
  var nBest = WholeNumber(1)

  @Option(
    help: ArgumentHelp(
      "Words that the model doesn't know: replace them by the word that was looked at most, keep their mark, or avoid them.",
      valueName: "name"))
  var unknown = Translator.Unknown.replace.rawValue

  @Option(
    help: ArgumentHelp(
      "Draw what each symbol of the best translations looked at into this file, an SVG picture.",
      valueName: "file"))
  var alignments: String?

  @Option(help: ArgumentHelp("Write the translations here.", valueName: "file"))
  var out: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Lines that are computed at once. Changes no result.", valueName: "n"))
  var batch = WholeNumber(32)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads; one for each available processor if you leave it out.", valueName: "n"))
  var threads: WholeNumber?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print a JSON object a line and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let width = problems.whole("--beam", beam, in: 1...1000)
    let count = problems.whole("--n-best", nBest, in: 1...max(1, width))
    let power = problems.real("--length-power", lengthPower, "a number of 0 or more", { $0 >= 0 })
    let penalty = problems.real("--coverage-penalty", coveragePenalty, "a number of 0 or more", { $0 >= 0 })
    let batch = problems.whole("--batch", batch, in: 1...ModelOptions.largestSize)
    problems.threads(threads)
    let unknown = Translator.Unknown(rawValue: self.unknown)
    if unknown == nil {
      problems.add(
        "--unknown: "
          + Names.unknown("way", self.unknown, known: Translator.Unknown.allCases.map(\.rawValue)))
    }
    if let alignments, !alignments.lowercased().hasSuffix(".svg") {
      problems.add("--alignments: expected a name that ends with .svg, found '\(quotedName(alignments))'")
    }
    if json, out != nil { problems.add("--json and --out: expected only one of them") }
    try problems.check()
    let translator = try Translator(path, trustingWeights: trusted.weights)
    if alignments != nil, !translator.hasAttention {
      throw CommandFailure(.usage, "--alignments: expected a model with attention; \(path) has none")
    }
    var search = Translator.usualSearch
    (search.width, search.count) = (width, count)
    if let power { search.lengthPower = power }
    search.coveragePenalty = penalty ?? 0
    Interruption.install()
    let written = try out.map { try PendingFile($0) }
    var drawn: [(source: String, alignment: Alignment)] = []
    try translator.forEachLine(of: file, search: search, unknown: unknown ?? .replace, batch: batch) {
      number, source, found in
      try Interruption.check()
      if let written {
        try written.file.write(text(number, found))
      } else if json {
        record(number, source, found).print()
      } else {
        Console.write(text(number, found))
      }
      if alignments != nil, let best = found.first {
        drawn += translator.alignments(of: [source], [best]).map { (source, $0) }
      }
    }
    try written?.commit()
    if let alignments { try AtomicFile.write(Data(AlignmentMarkup.file(drawn).utf8), to: alignments) }
  }

  /// The lines of a sentence's translations.
  private func text(_ number: Int, _ found: [Translator.Translation]) -> String {
    guard nBest.text != "1" else { return (found.first?.text ?? "") + "\n" }
    return found.map { "\(number) ||| \($0.text) ||| \($0.score)\n" }.joined()
  }

  private func record(_ number: Int, _ source: String, _ found: [Translator.Translation]) -> JSONValue {
    var record: [(key: String, value: JSONValue)] = [
      ("line", .integer(number + 1)), ("source", .string(source)),
      ("translation", .string(found.first?.text ?? "")), ("score", .optional(found.first?.score)),
    ]
    if found.count > 1 {
      let all = found.map {
        JSONValue.object([("translation", .string($0.text)), ("score", .number($0.score))])
      }
      record.append(("translations", .array(all)))
    }
    return .object(record)
  }
}
