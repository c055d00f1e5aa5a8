import ArgumentParser
import Cellgate
import CellgateBasics

/// `cellgate merge`: the folders of shards become one.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put the folders of a sharded comparison or experiment together.",
    discussion: """
      Machines that share nothing each make a part of the runs of 'compare' or 'reproduce', as with \
      'cellgate compare adding --seeds 8 --shard 1/2 --out part1' on one and \
      --shard 2/2 on another. This command copies the runs that have ended into one folder and writes the same tables \
      and figures as one machine that made all of them. Runs that are missing are named; they can be made where they \
      were begun, and merged into the same folder later. The folders themselves stay as they are.

      EXAMPLES:
        cellgate merge part1 part2 --out all
        cellgate merge part* --out all --json
      """)

  @Argument(help: ArgumentHelp("The shards' folders.", valueName: "folder"))
  var folders: [String]

  @Option(help: ArgumentHelp("The folder for all, new or of an earlier merge.", valueName: "dir"))
  var out: String

  @Option(help: ArgumentHelp("The data folder: see 'cellgate data --help'.", valueName: "dir"))
  var data: String?

  @Flag(help: "Print JSON, one record a line, and nothing else.")
  var json = false

  func run() throws {
    Interruption.install()
    let directory = DataDirectory(option: data)
    let merge = try FolderMerge(folders, into: out)
    if json {
      let record: JSONValue = [
        "record": "merged", "folders": .array(folders.map { .string($0) }),
        "runs": .array(merge.copied.map { .string($0) }), "directory": .string(out),
      ]
      record.print()
    } else {
      let all = Text.plural(folders.count, "folder")
      Console.print("\n  \(Text.plural(merge.copied.count, "run")) of \(all) copied into \(out)")
    }
    switch merge.subject {
    case .comparison(let settings): try show(settings, directory)
    case .reproduction(let experiment): try show(experiment, directory)
    }
  }

  private func show(_ settings: ComparisonSettings, _ directory: DataDirectory) throws {
    let type = try Tasks.named(settings.training.task)
    let comparison = try Comparison(
      settings, task: type, data: Tasks.source(of: directory, for: type), directory: out, resuming: true)
    comparison.lockWarning.map(Console.warn)
    try check(comparison.missingRuns(), of: comparison.runs.count)
    try ComparisonSession(
      comparison: comparison, task: type, folder: out, json: json, suggests: false
    ).run()
  }

  private func show(_ experiment: Experiment, _ directory: DataDirectory) throws {
    let type = try Tasks.named(experiment.task)
    let (experiment, source) = try experiment.prepared(type, in: directory)
    let reproduction = try Reproduction(experiment, task: type, data: source, directory: out)
    reproduction.lockWarning.map(Console.warn)
    let missing = try reproduction.missingRuns()
    if !missing.isEmpty { try reproduction.writeKnown() }
    try check(missing, of: reproduction.runs.count)
    let ended = try ReproductionSession(
      reproduction: reproduction, task: type, folder: out, jobs: nil, json: json
    ).run()
    if !ended.divergences.isEmpty { throw CommandFailure(.failed, lines: ended.divergences) }
  }

  /// Ends the command where runs are missing: nothing is trained here.
  private func check(_ missing: [String], of count: Int) throws {
    if missing.isEmpty { return }
    let names = missing.prefix(8).joined(separator: ", ") + (missing.count > 8 ? ", …" : "")
    let found = "expected \(count) runs that have ended, found \(count - missing.count)"
    throw CommandFailure(.failed, "\(out): \(found); missing: \(names)")
  }
}
