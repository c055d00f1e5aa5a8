import ArgumentParser
import Cellgate
import CellgateBasics
import CellgateFiles

/// `cellgate report`: runs as one HTML page.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show runs on one HTML page: settings, curves, samples, a comparison.",
    discussion: """
      Writes a page for any browser that needs no network and no other file. Of each run it shows the result \
      beside the baseline, the learning curves, the diagnostics if there are any, what the best model makes of \
      some test examples, the cell's equations and the settings; of several runs of a task a table and a chart \
      as well. A folder that holds runs, such as that of a comparison, counts as all of them. Runs that are \
      not complete are shown with what they have. Of a model's file the page has the layers, equations and parameters.

      EXAMPLES:
        cellgate report runs/adding-lstm
        cellgate report runs/compare-adding --out adding.html
        cellgate report runs/digits runs/digits-2 --data /scratch/data
        cellgate report runs/captions --pictures photos
        cellgate report runs --json
        cellgate report model.safetensors
      """)

  @Argument(help: ArgumentHelp("Folders of runs, or folders that hold such folders.", valueName: "run"))
  var folders: [String]

  @Option(
    help: ArgumentHelp(
      "The page; report.html in the folder, or in the current one for several, if you leave it out.",
      valueName: "file.html"))
  var out: String?

  @Option(help: ArgumentHelp("The data folder, for samples: see 'cellgate data --help'.", valueName: "dir"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "A folder with the pictures that models write captions of, which the page then shows.", valueName: "dir"
    ))
  var pictures: String?

  @OptionGroup var trusted: TrustOptions

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    if folders.count == 1, !Paths.isFolder(folders[0]), FileManager.default.fileExists(atPath: folders[0]) {
      try writeModelPage(folders[0])
      return
    }
    if let pictures, !Paths.isFolder(pictures) {
      throw CommandFailure(.noInput, "--pictures: expected a folder, found none at '\(quotedName(pictures))'")
    }
    var report = try Report(
      of: folders, data: DataDirectory(option: data), trustingWeights: trusted.weights)
    report.picturesFolder = pictures
    let file = out ?? (folders.count == 1 ? folders[0] + "/report.html" : "report.html")
    let size = try report.write(to: file)
    for warning in report.warnings { Console.warn(warning) }
    if json {
      record(report, file: file, size: size).print()
    } else {
      let states = ["complete", "incomplete", "diverged"].compactMap { name -> String? in
        let count = report.runs.count { $0.state.name == name }
        return count > 0 ? "\(count) \(name)" : nil
      }
      Console.print("\n  \(Text.plural(report.runs.count, "run")): \(states.joined(separator: ", "))")
      Console.print("  In \(file), \(Text.bytes(Double(size))), for any browser\n")
    }
  }

  /// A page about the model in a file.
  private func writeModelPage(_ path: String) throws {
    let model = try Model.load(path, trustingWeights: trusted.weights)
    let file = out ?? Paths.withoutExtension(path) + ".html"
    let page = Data(ModelPage(model, title: path).text.utf8)
    try AtomicFile.write(page, to: file)
    if json {
      JSONValue.object([
        ("report", .string(file)), ("model", .string(path)),
        ("parameters", .integer(model.summary.parameters)),
      ]).print()
    } else {
      Console.print("\n  In \(file), \(Text.bytes(Double(page.count))), for any browser\n")
    }
  }

  private func record(_ report: Report, file: String, size: Int) -> JSONValue {
    let runs = report.runs.map { run in
      JSONValue.object(
        RunRecord.identity(run.settings) + [
          ("directory", .string(run.folder)), ("state", .string(run.state.name)),
          ("parameters", .optional(run.parameters)), ("value", .optional(run.result?.value)),
          ("best_validation_value", .optional(run.best?.validation.value)),
          ("solved_at_step", .optional(run.solvedAtStep)), ("samples", .integer(run.samples.count)),
          ("missing", .strings(run.notes)),
        ])
    }
    return [
      "file": .string(file), "bytes": .integer(size), "runs": .array(runs),
      "warnings": .strings(report.warnings),
    ]
  }
}
