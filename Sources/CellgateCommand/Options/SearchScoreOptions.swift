import ArgumentParser
import Cellgate
import CellgateFiles

/// How captions of a run's pictures, or translations of its sentences, are searched and scored.
struct SearchScoreOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Of captions and translations: the scores of beam search of these widths.", valueName: "n,n"))
  var beam: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "α of beam search, whose scores are ln p over the number of symbols^α; 1 for captions and the run's own for translations if you leave it out.",
      valueName: "x"))
  var lengthPower: RealNumber?

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

  /// A search and what it scores, by name.
  private typealias Row = (search: BeamSearch, scores: [(name: String, value: Double?)])

  /// Prints the scores of a run's best model by search.
  func evaluate(
    _ folder: String, _ task: CaptionsTask, on split: Split, searches: [BeamSearch], trustingWeights: Bool,
    json: Bool
  ) throws {
    let meteor = try meteorData.map { try Meteor(folder: $0) }
    let writer = try CaptionWriter(folder, trustingWeights: trustingWeights)
    let rows = try rows(of: searches) { search in
      try task.scores(
        writer, on: split, search: search, meteor: meteor, shouldStop: { Interruption.isRequested })?.named
    }
    report(
      rows, task.settings, on: split, folder, json: json, scale: 100,
      without: meteor == nil ? ["METEOR"] : [], note: "× 100, on the \(split.rawValue) pictures")
  }

  /// The same of translations.
  func evaluate(
    _ folder: String, _ task: TranslateTask, on split: Split, searches: [BeamSearch], trustingWeights: Bool,
    json: Bool
  ) throws {
    let translator = try Translator(folder, trustingWeights: trustingWeights)
    let searches = searches.map { search in
      BeamSearch(
        width: search.width, lengthPower: lengthPower == nil ? task.search.lengthPower : search.lengthPower)
    }
    let rows = try rows(of: searches) { search in
      task.scores(translator, on: split, search: search, shouldStop: { Interruption.isRequested })
        .map { [("BLEU", $0.bleu), ("chrF", $0.chrF)] }
    }
    report(
      rows, task.settings, on: split, folder, json: json, scale: 1, without: [],
      note: "on the \(split.rawValue) sentences")
  }

  private func rows(
    of searches: [BeamSearch], _ scores: (BeamSearch) throws -> [(name: String, value: Double?)]?
  ) throws -> [Row] {
    Interruption.install()
    var rows: [Row] = []
    for search in searches {
      let found = try scores(search)
      try Interruption.check()
      if let found { rows.append((search, found)) }
    }
    return rows
  }

  /// Prints rows: as JSON, or as a table of the scores times `scale`.
  private func report(
    _ rows: [Row], _ settings: TrainingSettings, on split: Split, _ folder: String, json: Bool, scale: Double,
    without hidden: [String], note: String
  ) {
    if json {
      for (search, scores) in rows {
        JSONValue.object(
          RunRecord.identity(settings) + [
            ("split", .string(split.rawValue)), ("beam", .integer(search.width)),
            ("length_power", .number(search.lengthPower)),
          ] + scores.map { (key: $0.name, value: .optional($0.value)) } + [("directory", .string(folder))]
        ).print()
      }
      return
    }
    Console.print()
    let names = (rows.first?.scores.map(\.name) ?? []).filter { !hidden.contains($0) }
    var table = Table([.right("beam")] + names.map { .right($0.replacing("_", with: "-")) })
    for (search, scores) in rows {
      let values = scores.filter { names.contains($0.name) }
      table.add(["\(search.width)"] + values.map { Text.fixed(scale * ($0.value ?? 0), 1) })
    }
    table.print()
    Console.print("\n  \(note); length power \(Text.number(rows.first?.search.lengthPower ?? 1))\n")
  }
}
