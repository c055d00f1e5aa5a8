import Foundation
import Testing

/// Runs, models and an interface of an earlier version; `Recorded/make` made them.
enum Recorded {
  static let folder = (Bundle.module.resourceURL?.path ?? "") + "/Recorded"

  /// A run of the folder, and what it was trained with besides its settings.
  struct Run: CustomTestStringConvertible, Sendable {
    let name: String
    let task: String
    /// The file or folder of its data below `Recorded`; nil for none.
    var data: String?
    var testDescription: String { name }
  }

  static let runs = [
    Run(name: "adding", task: "adding"), Run(name: "copying", task: "copying"),
    Run(name: "ptb-char", task: "ptb-char", data: "data"),
    Run(name: "text", task: "text", data: "data/text.txt"),
    Run(name: "text-mark", task: "text", data: "data/mark.txt"),
  ]

  static func text(_ file: String) throws -> String {
    try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
  }

  /// A line of `variants.txt`: options of `train adding`, and what came out.
  struct Variant: CustomTestStringConvertible, Sendable {
    let options: String
    let rows: [String]
    let value: Double
    var testDescription: String { options }
  }

  static let variants: [Variant] = {
    let blocks = ((try? text("variants.txt")) ?? "").split(separator: "\n\n")
    return blocks.map { block in
      let lines = block.split(separator: "\n").map(String.init)
      return Variant(
        options: lines[0], rows: Array(lines.dropFirst().dropLast()), value: Double(lines.last ?? "") ?? .nan)
    }
  }()

  /// `interface.txt` by command: options of a help text, or keys below a line that begins with "> ".
  static func interface() throws -> (options: [(String, [String])], keys: [(String, [String])]) {
    var result: (options: [(String, [String])], keys: [(String, [String])]) = ([], [])
    var command: String?
    for line in try text("interface.txt").split(separator: "\n") {
      if let known = command {
        result.keys.append((known, line.split(separator: " ").map(String.init)))
        command = nil
      } else if line.hasPrefix("> ") {
        command = String(line.dropFirst(2))
      } else {
        let parts = line.split(separator: ":", maxSplits: 1)
        result.options.append((String(parts[0]), parts[1].split(separator: " ").map(String.init)))
      }
    }
    return result
  }
}

extension Workplace {
  /// Puts a copy of a recorded run into the folder.
  func copyRecorded(_ name: String) throws {
    try FileManager.default.copyItem(atPath: Recorded.folder + "/" + name, toPath: path + "/" + name)
  }
}

@Suite("Recorded runs")
struct RecordedRunsTests {
  private static let dataFolder = ProcessInfo.processInfo.environment["CELLGATE_DATA"] ?? ""

  /// Checks that a record has what was recorded, to the last bit; it may have more.
  private func expect(_ found: [String: Any], has recorded: [String: Any], _ context: String) {
    for (key, value) in recorded where key != "directory" {
      switch (value, found[key]) {
      case (let value as [String: Any], let other as [String: Any]):
        expect(other, has: value, context + "." + key)
      case (let value as NSObject, let other as NSObject): #expect(value == other, "\(context).\(key)")
      default: Issue.record("\(context): \(key) is missing")
      }
    }
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// Continues a recorded run from the checkpoint in its middle.
  private func checkResume(_ recorded: Recorded.Run, in workplace: Workplace, data: [String]) throws {
    let name = recorded.name
    let result = try object(workplace.text(name + "/result.json"))
    let newest = try #require(workplace.names(in: name).last { $0.hasPrefix("checkpoint-") })
    for file in ["result.json", newest] {
      try FileManager.default.removeItem(atPath: workplace.path + "/\(name)/\(file)")
    }
    let arguments = ["train", recorded.task, "--out", name, "--resume", "--json"]
    let resumed = try workplace.start(arguments + data).wait()
    #expect(resumed.status == 0, "\(resumed.error)")
    var again = try object(workplace.text(name + "/result.json"))
    for key in ["seconds", "ms_per_step"] { again[key] = result[key] }
    expect(again, has: result, "result")
    for file in ["metrics.csv", "diagnostics.csv", "gradients.csv"] where workplace.has(name + "/" + file) {
      #expect(try workplace.text(name + "/" + file) == Recorded.text(name + "/" + file), "\(file)")
    }
  }

  @Test("An old run evaluates and resumes with the same numbers", arguments: Recorded.runs)
  func runs(_ recorded: Recorded.Run) throws {
    let (workplace, name) = (try Workplace(), recorded.name)
    let data = recorded.data.map { ["--data", Recorded.folder + "/" + $0] } ?? []
    try workplace.copyRecorded(name)
    let evaluation = try workplace.start(["evaluate", name, "--json"] + data).wait()
    #expect(evaluation.status == 0, "\(evaluation.error)")
    let recordedEvaluation = try object(Recorded.text(name + "/evaluation.json"))
    expect(try object(evaluation.output), has: recordedEvaluation, "evaluation")
    try checkResume(recorded, in: workplace, data: data)
  }

  // Digits take long in a debug build: each part of what is checked above is checked on one of the two tasks.
  @Test(
    "An old run on digits resumes with the same numbers",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"))
  func digitsResume() throws {
    let workplace = try Workplace()
    try workplace.copyRecorded("smnist")
    try checkResume(
      Recorded.Run(name: "smnist", task: "smnist"), in: workplace, data: ["--data", Self.dataFolder])
  }

  @Test(
    "An old model of digits evaluates with the same numbers",
    .enabled(if: !dataFolder.isEmpty, "set CELLGATE_DATA to the data directory"))
  func digitsEvaluate() throws {
    let workplace = try Workplace()
    try workplace.copyRecorded("pmnist")
    let run = try workplace.start([
      "evaluate", "pmnist", "--split", "validation", "--json", "--data", Self.dataFolder,
    ])
    .wait()
    let result = try object(Recorded.text("pmnist/result.json"))
    #expect(
      try object(run.output)["value"] as? Double == result["validation_value"] as? Double, "\(run.error)")
  }

  @Test("An old language model writes the same text", arguments: ["ptb-char", "text", "text-mark"])
  func generates(_ name: String) throws {
    let workplace = try Workplace()
    try workplace.copyRecorded(name)
    let run = try workplace.run(line: "generate \(name) --length 120 --seed 7 --temperature 0.8")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output == (try Recorded.text(name + "/generated.txt")))
  }

  @Test("Old runs are reported")
  func reports() throws {
    let workplace = try Workplace()
    for run in Recorded.runs { try workplace.copyRecorded(run.name) }
    let names = Recorded.runs.map(\.name)
    let run = try workplace.start(["report"] + names + ["--out", "report.html", "--json"]).wait()
    #expect(run.status == 0, "\(run.error)")
    let reported = try #require(try run.records().first?["runs"] as? [[String: Any]])
    #expect(reported.compactMap { $0["state"] as? String } == names.map { _ in "complete" })
  }

  @Test("Every cell, optimiser and schedule learns with the recorded numbers", arguments: Recorded.variants)
  func learns(_ variant: Recorded.Variant) throws {
    let workplace = try Workplace()
    let line = "train adding --length 5 --hidden 4 --batch 3 --steps 6 --evaluation-interval 3 --threads 1"
    let run = try workplace.run(line: line + " --out run --json " + variant.options)
    #expect(run.status == 0, "\(run.error)")
    #expect(
      try workplace.text("run/metrics.csv").split(separator: "\n").dropFirst().map(String.init)
        == variant.rows)
    #expect(run.output.contains("\"value\":\(variant.value),"))
  }

  @Test("There are as many variants as were recorded")
  func variants() { #expect(Recorded.variants.count == 61) }

  @Test("No option has gone")
  func options() throws {
    let workplace = try Workplace()
    for (command, options) in try Recorded.interface().options {
      let help = try workplace.run(line: command + " --help-hidden")
      for option in options {
        #expect(help.output.contains(option), "\(command) \(option)")
      }
    }
  }

  @Test("No key of --json has gone")
  func keys() throws {
    let workplace = try Workplace()
    try workplace.copyRecorded("text")
    for (command, keys) in try Recorded.interface().keys {
      let run = try workplace.run(line: command)
      for key in keys { #expect(run.output.contains("\"\(key)\":"), "\(command): \(key)") }
    }
  }
}
