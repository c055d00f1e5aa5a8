import CellgateBasics
import CellgateFiles

/// The command as it was typed, for commands to copy that go on from it.
enum TypedCommand {
  /// How this program was called: "cellgate" or a path, relative where that is shorter.
  static let program: String = {
    let typed = Arguments.firstInvalid == 0 ? "cellgate" : CommandLine.arguments.first ?? "cellgate"
    guard let here = Paths.workingFolder, typed.hasPrefix(here + "/") else { return typed }
    let relative = String(typed.dropFirst(here.count + 1))
    // `swift run` calls .build/TRIPLE/release/cellgate, to which .build/release leads too.
    let parts = relative.split(separator: "/")
    if parts.count == 4, parts[0] == ".build" {
      let short = ".build/\(parts[2])/\(parts[3])"
      if FileManager.default.isExecutableFile(atPath: short) { return short }
    }
    return relative.contains("/") ? relative : "./" + relative
  }()

  /// A command of this program, to copy into a shell.
  static func line(_ words: [String]) -> String {
    ([program] + words).map(Text.shellWord).joined(separator: " ")
  }

  /// The typed words without some options and flags, and with others after them.
  static func words(without options: [String], flags: [String] = [], adding: [String]) -> [String] {
    var result: [String] = []
    var rest = CommandLine.arguments.dropFirst()
    while let word = rest.popFirst() {
      if flags.contains(word) || options.contains(where: { word.hasPrefix($0 + "=") }) { continue }
      if options.contains(word) {
        rest = rest.dropFirst()
      } else {
        result.append(word)
      }
    }
    return result + adding
  }

  /// The command that continues the run in a folder. What it was given as `replaced` options is in the folder, and may
  /// have come from files that are gone: they are left out, or have other values.
  static func resuming(_ folder: String, replaced: [String: String?] = [:]) -> String {
    line(
      words(
        without: ["--out"] + replaced.keys, flags: ["--resume"],
        adding: values(replaced) + ["--out", folder, "--resume"]))
  }

  /// The command as it was typed, but for the values of some options.
  static func repeated(replaced: [String: String?]) -> String {
    line(words(without: Array(replaced.keys), adding: values(replaced)))
  }

  private static func values(_ replaced: [String: String?]) -> [String] {
    replaced.sorted { $0.key < $1.key }.flatMap { option, value in value.map { [option, $0] } ?? [] }
  }

  /// The command with an option changed, and its results in a new folder.
  static func changing(_ option: String, _ value: String) -> String {
    line(words(without: ["--out", option], flags: ["--resume"], adding: [option, value]))
  }
}
