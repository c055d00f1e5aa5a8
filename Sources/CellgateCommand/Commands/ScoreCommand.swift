import ArgumentParser
import Cellgate
import CellgateFiles
import Foundation

/// `cellgate score`: metrics of texts against references.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score", abstract: "Score texts against references.",
    subcommands: [ScoreCaptionsCommand.self])
}

/// `cellgate score captions`.
struct ScoreCaptionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "captions",
    abstract: "Score captions of pictures against what people wrote: BLEU, METEOR, ROUGE-L and CIDEr.",
    discussion: """
      The numbers are those of pycocoevalcap, Java not needed; captions are split into words as its PTB tokenizer does it. \
      CIDEr is CIDEr-D; CIDEr_plain has neither clipping nor the penalty of lengths. CIDEr weighs words by how many of the \
      scored pictures have them, so that a single picture's is 0.

      Files: COCO's annotations and results, Karpathy's dataset_*.json, JSON Lines of {"image_id", "caption"}, Flickr's token \
      files; or texts with a caption a line, line n of each file for the same picture. Any of them may be gzipped.

      METEOR reads its own data, which pycocoevalcap installs, from --meteor-data; without it there is no METEOR.

      EXAMPLES:
        cellgate score captions --references captions_val2014.json --candidates results.json
        cellgate score captions --references r1.txt,r2.txt --candidates mine.txt --json
        cellgate score captions --references refs.json --candidates c.jsonl --per-picture scores.csv
        cellgate score captions --references refs.json --candidates c.json --meteor-data pycocoevalcap/meteor
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What people wrote: one file, or several, with spaces or commas between.", valueName: "files"))
  var references: [String]

  @Option(help: ArgumentHelp("The captions to be scored.", valueName: "file"))
  var candidates: String

  @Flag(help: "Captions are tokens already, with spaces between.")
  var tokenized = false

  @Flag(help: "Refuse references of pictures without a caption; they are left out otherwise.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Write the scores of each picture here, as CSV or, ending with .jsonl, JSON Lines.", valueName: "file"))
  var perPicture: String?

  @Option(
    help: ArgumentHelp(
      "METEOR's data, the folder that pycocoevalcap installs: meteor-1.5.jar and data/paraphrase-en.gz.",
      valueName: "dir"))
  var meteorData: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let files = references.flatMap { path -> [String] in
      // A path may have a comma in it.
      FileManager.default.fileExists(atPath: path) ? [path] : path.split(separator: ",").map(String.init)
    }
    let pairs = try CaptionPairs(candidates: candidates, references: files, needsAll: all)
    let meteor = try meteorData.map { try Meteor(folder: $0) }
    let metrics = try CaptionMetrics(
      candidates: pairs.candidates, references: pairs.references, areTokenized: tokenized, meteor: meteor)
    if meteor == nil {
      Console.printError("cellgate: METEOR: not scored, as it reads its own data: --meteor-data DIR")
    }
    if let perPicture { try write(metrics, pairs, to: perPicture) }
    let named = metrics.overall.named
    if json {
      JSONValue.object(
        named.map { (key: $0.name, value: .optional($0.value)) } + [("pictures", .integer(pairs.ids.count))]
      ).print()
      return
    }
    Console.print()
    var table = Table([.left(Text.plural(pairs.ids.count, "picture")), .right("× 100")])
    for (name, value) in named {
      table.add([name.replacing("_", with: "-"), value.map { Text.fixed(100 * $0, 2) } ?? "–"])
    }
    table.print()
    Console.print()
    if let perPicture { Console.print("  each picture's: \(perPicture)\n") }
  }

  private func write(_ metrics: CaptionMetrics, _ pairs: CaptionPairs, to file: String) throws {
    let isCSV = !file.hasSuffix(".jsonl")
    var lines = isCSV ? ["image_id," + CaptionScores.names.joined(separator: ",")] : []
    for (id, scores) in zip(pairs.ids, metrics.pictures) {
      if isCSV {
        let row = CSVWriter.line([id] + scores.named.map { $0.value.map { "\($0)" } ?? "" })
        lines.append(String(row.dropLast()))
      } else {
        let record = JSONValue.object(
          [("image_id", Int(id).map { .integer($0) } ?? .string(id))]
            + scores.named.map { (key: $0.name, value: .optional($0.value)) })
        lines.append("\(record)")
      }
    }
    try AtomicFile.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: file)
  }
}
