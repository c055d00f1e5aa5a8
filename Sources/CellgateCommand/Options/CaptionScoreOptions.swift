import ArgumentParser
import Cellgate
import CellgateFiles

/// How captions of a run's pictures are searched and scored.
struct CaptionScoreOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of captions: the scores of beam search of these widths, instead of greedy captions'.", valueName: "n,n"
    ))
  var beam: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("α of beam search, whose scores are ln p over the number of words^α.", valueName: "x"))
  var lengthPower = RealNumber(1)

  @Option(
    help: ArgumentHelp(
      "METEOR's data, the folder that pycocoevalcap installs: meteor-1.5.jar and data/paraphrase-en.gz.",
      valueName: "dir"))
  var meteorData: String?

  /// The searches that are asked for; nil for none.
  func searches(_ problems: inout OptionProblems) -> [BeamSearch]? {
    let power = problems.real("--length-power", lengthPower, "a number of 0 or more", { $0 >= 0 }) ?? 1
    guard let beam else {
      if meteorData != nil { problems.add("--meteor-data: expected --beam as well") }
      return nil
    }
    return beam.split(separator: ",", omittingEmptySubsequences: false).map { text in
      let width: Int = problems.whole("--beam", WholeNumber(argument: String(text)), in: 1...10_000)
      return BeamSearch(width: max(1, width), lengthPower: power)
    }
  }

  /// Prints the scores of a run's best model by search.
  func evaluate(
    _ folder: String, _ task: CaptionsTask, on split: Split, searches: [BeamSearch], trustingWeights: Bool,
    json: Bool
  ) throws {
    let meteor = try meteorData.map { try Meteor(folder: $0) }
    let writer = try CaptionWriter(folder, trustingWeights: trustingWeights)
    Interruption.install()
    var found: [(search: BeamSearch, scores: CaptionScores)] = []
    for search in searches {
      let scores = try task.scores(
        writer, on: split, search: search, meteor: meteor, shouldStop: { Interruption.isRequested })
      try Interruption.check()
      if let scores { found.append((search, scores)) }
    }
    if json {
      for (search, scores) in found {
        JSONValue.object(
          RunRecord.identity(task.settings) + [
            ("split", .string(split.rawValue)), ("beam", .integer(search.width)),
            ("length_power", .number(search.lengthPower)),
          ] + scores.named.map { (key: $0.name, value: .optional($0.value)) } + [
            ("directory", .string(folder))
          ]
        ).print()
      }
      return
    }
    Console.print()
    let names = CaptionScores.names.filter { $0 != "METEOR" || meteor != nil }
    var table = Table([.right("beam")] + names.map { .right($0.replacing("_", with: "-")) })
    for (search, scores) in found {
      let values = scores.named.filter { names.contains($0.name) }
      table.add(["\(search.width)"] + values.map { Text.fixed(100 * ($0.value ?? 0), 1) })
    }
    table.print()
    Console.print(
      "\n  × 100, on the \(split.rawValue) pictures; length power \(Text.number(found.first?.search.lengthPower ?? 1))\n"
    )
  }
}
