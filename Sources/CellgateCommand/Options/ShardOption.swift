import ArgumentParser
import Cellgate

/// Which part of the runs this machine makes.
struct ShardOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Make only part K of N of the runs, on this machine; 'cellgate merge' puts the folders of all parts together.",
      valueName: "k/n"))
  var shard: String?

  /// The shard; nil for all runs.
  func parsed(_ problems: inout OptionProblems) -> RunShard? {
    guard let shard else { return nil }
    let found = RunShard(shard)
    if found == nil {
      problems.add(
        "--shard: expected K/N such as 3/8, with K from 1 to N and N up to 10000, found '\(shard)'")
    }
    return found
  }
}

extension RunShard {
  /// "shard 3/8", before "of the runs".
  var title: String { "shard \(self)" }
  /// What a folder's name ends with.
  var suffix: String { "-shard\(number)of\(count)" }

  /// Says what to do with the folder.
  func printNextStep(_ folder: String) {
    Console.print(
      "  This is \(title) of the runs. When all shards have ended, put their folders together with:\n")
    Console.print("  \(TypedCommand.line(["merge", folder])) … --out FOLDER\n")
  }
}
