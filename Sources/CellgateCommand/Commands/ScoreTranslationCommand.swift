import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate score translation`.
struct ScoreTranslationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "translation",
    abstract: "BLEU and chrF of translations, with sacreBLEU's numbers.",
    discussion: """
      Files are texts with a sentence a line, gzipped or not, and as many lines in each. BLEU is that of all sentences \
      together, with up to four words, "exp" smoothing, and words found as WMT's script mteval-v13a finds them, or with \
      --tokenize none between spaces. chrF looks at up to six characters without spaces, and counts recall twice (chrF2). \
      What was done is written with the numbers, as sacreBLEU's signature.

      EXAMPLES:
        cellgate score translation --references test.en --candidates mine.en
        cellgate score translation --references a.txt,b.txt --candidates mine.txt
        cellgate score translation --references r.en --candidates c.en --lowercase
        cellgate score translation --references r.txt --candidates c.txt --json
      """)

  @Option(
    help: ArgumentHelp(
      "The references: a text, or several with commas between, a line of each for a sentence.",
      valueName: "file,file"))
  var references: String

  @Option(help: ArgumentHelp("The translations to be scored.", valueName: "file"))
  var candidates: String

  @Option(
    help: ArgumentHelp(
      "How the words of BLEU are found: \(TranslationTokenizer.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var tokenize = TranslationTokenizer.mteval13a.rawValue

  @Flag(help: "Take capital letters as small ones.")
  var lowercase = false

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    var problems = OptionProblems()
    let tokenizer = TranslationTokenizer(rawValue: tokenize)
    if tokenizer == nil {
      problems.add(
        "--tokenize: "
          + Names.unknown("tokenizer", tokenize, known: TranslationTokenizer.allCases.map(\.rawValue)))
    }
    let files = references.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if files.contains("") {
      problems.add("--references: expected files with commas between, found '\(references)'")
    }
    try problems.check()
    let own = try TextLines.read(candidates)
    if own.isEmpty { throw TaskDataError.unfit(file: candidates, reason: "expected sentences, found none") }
    var others = [[String]](repeating: [], count: own.count)
    for file in files {
      let lines = try TextLines.read(file)
      guard lines.count == own.count else {
        throw TaskDataError.unfit(
          file: file, reason: "expected as many lines as \(candidates), \(own.count), found \(lines.count)")
      }
      for (place, line) in lines.enumerated() { others[place].append(line) }
    }
    let scores = TranslationMetrics(
      candidates: own, references: others, tokenizer: tokenizer ?? .mteval13a, isLowercased: lowercase)
    let version = "|version:cellgate-" + CellgateVersion.current
    if json {
      JSONValue.object([
        ("BLEU", .number(scores.bleu)), ("chrF", .number(scores.chrF)),
        ("precisions", .array(scores.precisions.map { .number($0) })),
        ("brevity_penalty", .number(scores.brevityPenalty)),
        ("candidate_length", .integer(scores.candidateLength)),
        ("reference_length", .integer(scores.referenceLength)), ("sentences", .integer(own.count)),
        ("signature", .string(scores.signature + version)),
        ("chrF_signature", .string(scores.chrFSignature + version)),
      ]).print()
      return
    }
    var table = Table([.left("metric"), .right("score"), .left("")])
    let shares = scores.precisions.map { Text.fixed($0, 1) }.joined(separator: "/")
    table.add([
      "BLEU", Text.fixed(scores.bleu, 2),
      "\(shares), brevity penalty \(Text.fixed(scores.brevityPenalty, 3)), "
        + "\(Text.count(scores.candidateLength)) words to \(Text.count(scores.referenceLength))",
    ])
    table.add(["chrF2", Text.fixed(scores.chrF, 2), ""])
    Console.print()
    table.print()
    Console.print("\n  BLEU|\(scores.signature)\(version)\n  chrF2|\(scores.chrFSignature)\(version)\n")
  }
}
