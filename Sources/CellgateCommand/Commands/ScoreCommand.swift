import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate score`: metrics of texts against references.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Score texts against references.",
    discussion: """
      EXAMPLES:
        cellgate score captions --references annotations.json --candidates mine.json
        cellgate score captions --references refs.txt --candidates mine.txt --json
        cellgate score translation --references test.en --candidates mine.en
      """,
    subcommands: [ScoreCaptionsCommand.self, ScoreTranslationCommand.self])
}

/// `cellgate score captions`.
struct ScoreCaptionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "captions",
    abstract: "BLEU, METEOR, ROUGE-L and CIDEr of captions, with pycocoevalcap's numbers.",
    discussion: """
      Files are COCO's annotations or results, JSON Lines of {"image_id", "caption"}, Karpathy's data sets, Flickr's \
      token files, or texts with the caption of a picture a line, of which several can be given as references. Each may \
      be gzipped. Captions are tokenised as the Penn Treebank is, in lower case and without punctuation. METEOR needs its \
      own data, the folder 'meteor' that pycocoevalcap installs. CIDEr weighs words by the references that are scored \
      here: of a single picture it is 0.

      EXAMPLES:
        cellgate score captions --references captions_val2014.json --candidates r.json
        cellgate score captions --references a.txt b.txt --candidates mine.txt
        cellgate score captions --references r.json --candidates c.json --json
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "The references: a file, or several texts, a line of each for a picture.", valueName: "file"))
  var references: [String]

  @Option(help: ArgumentHelp("The captions to be scored, one for each picture.", valueName: "file"))
  var candidates: String

  @Option(help: ArgumentHelp("Score a part of Karpathy's data sets: train, val or test.", valueName: "name"))
  var split: String?

  @Flag(help: "Take captions as tokens with a space between.")
  var tokenized = false

  @Flag(help: "Leave captions of pictures without references out, instead of refusing them.")
  var common = false

  @Option(
    help: ArgumentHelp(
      "Write the scores of each picture here, as CSV where the name ends with .csv, else as JSON Lines.",
      valueName: "file"))
  var perPicture: String?

  @Option(
    help: ArgumentHelp("METEOR's data: the folder 'meteor' that pycocoevalcap installs.", valueName: "dir"))
  var meteorData: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let part = split.flatMap(CaptionSet.Split.init(rawValue:))
    if let split, part == nil {
      problems.add("--split: expected train, val or test, found '\(split)'")
    }
    try problems.check()
    let meteor = try meteorData.map { try Meteor(folder: $0) }
    let pairs: CaptionPairs
    do throws(CaptionDataError) {
      pairs = try CaptionPairs(
        candidates: candidates, references: references, split: part, onlyCommon: common)
    } catch {
      if case .noReferences = error {
        throw CommandFailure(.data, "\(error); --common leaves such captions out")
      }
      throw error
    }
    if meteor == nil {
      Console.warn(
        "METEOR is left out: it needs its own data, --meteor-data DIR, the folder 'meteor' of pycocoevalcap")
    }
    let metrics = try CaptionMetrics(
      candidates: pairs.candidates, references: pairs.references, areTokenized: tokenized, meteor: meteor)
    if let perPicture { try write(metrics, pairs.ids, to: perPicture) }
    if json {
      JSONValue.object(metrics.overall.named.map { ($0.name, .optional($0.value)) }).print()
      return
    }
    var table = Table([.left("metric"), .right("score × 100")])
    for (name, value) in metrics.overall.named {
      table.add([Self.titles[name] ?? name, value.map { Text.fixed($0 * 100, 2) } ?? "—"])
    }
    Console.print()
    table.print()
    let count = pairs.references.reduce(0) { $0 + $1.count }
    Console.print("\n  \(Text.plural(pairs.ids.count, "picture")), \(Text.plural(count, "reference"))\n")
  }

  private static let titles = [
    "Bleu_1": "BLEU-1", "Bleu_2": "BLEU-2", "Bleu_3": "BLEU-3", "Bleu_4": "BLEU-4", "ROUGE_L": "ROUGE-L",
    "CIDEr": "CIDEr (CIDEr-D)", "CIDEr_plain": "CIDEr, plain",
  ]

  private func write(_ metrics: CaptionMetrics, _ ids: [String], to path: String) throws {
    var text = ""
    if path.hasSuffix(".csv") { text += CSVWriter.line(["image_id"] + CaptionScores.names) }
    for (id, scores) in zip(ids, metrics.pictures) {
      if path.hasSuffix(".csv") {
        text += CSVWriter.line([id] + scores.named.map { $0.value.map { "\($0)" } ?? "" })
      } else {
        let number = Int(id).flatMap { String($0) == id ? JSONValue.integer($0) : nil }
        let members = scores.named.map { (key: $0.name, value: JSONValue.optional($0.value)) }
        text += JSONValue.object([(key: "image_id", value: number ?? .string(id))] + members).text + "\n"
      }
    }
    try AtomicFile.write(to: path) { file throws(FileError) in try file.write(Data(text.utf8)) }
  }
}
