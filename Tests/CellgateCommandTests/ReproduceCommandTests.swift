import Foundation
import Testing

@Suite("cellgate reproduce")
struct ReproduceCommandTests {
  static let smoke = "reproduce adding --budget smoke --out r"

  /// A results.json without what time and the number of jobs change.
  private static func timeless(_ workplace: Workplace) throws -> NSDictionary {
    func stripped(_ value: Any) -> Any {
      if let object = value as? [String: Any] {
        let times = [
          "seconds", "wall_seconds", "ms_per_step", "jobs", "threads", "equal_seconds", "equal_time_value",
        ]
        return object.filter { !times.contains($0.key) }.mapValues(stripped) as NSDictionary
      }
      return (value as? [Any])?.map(stripped) ?? value
    }
    let object = try JSONSerialization.jsonObject(with: workplace.data("r/results.json"))
    return try #require(stripped(object) as? NSDictionary)
  }

  @Test(
    "Killed in the middle and typed again it ends with the numbers of one that never was, on one job or two")
  func killed() throws {
    let (whole, parts) = (try Workplace(), try Workplace())
    let run = try whole.run(line: Self.smoke + " --jobs 1 --threads 1")
    #expect(run.status == 0, "\(run.error)")
    for part in ["T = 6", "T = 12", "lstm-wm", "test mse", "results.md", "steps-to-solve.svg"] {
      #expect(run.output.contains(part), "\(part) is missing in\n\(run.output)")
    }
    let arguments = (Self.smoke + " --jobs 2 --threads 2").split(separator: " ").map(String.init)
    let started = try parts.start(arguments)
    #expect(started.wait { parts.has("r/length6-lstm-6units-seed1/result.json") })
    started.kill()
    #expect(try started.wait().status == 128 + 9)
    // As a kill in the middle of a write leaves it.
    try Data("{".utf8).write(to: URL(fileURLWithPath: parts.path + "/r/.experiment.json.4a14.tmp"))
    let again = try parts.start(arguments).wait()
    #expect(!parts.has("r/.experiment.json.4a14.tmp"))
    #expect(again.status == 0, "\(again.error)")
    #expect(again.output.contains("complete already"))
    #expect(try Self.timeless(parts) == Self.timeless(whole))
    for name in whole.names(in: "r") where name.hasSuffix(".svg") || name.contains("seed") {
      let file = name.hasSuffix(".svg") ? "r/" + name : "r/\(name)/metrics.csv"
      #expect(try parts.data(file) == whole.data(file), "\(file)")
    }
    // A changed setting of the protocol is refused.
    let file = parts.path + "/r/experiment.json"
    let text = try parts.text("r/experiment.json").replacing("\"batch\" : 4", with: "\"batch\" : 5")
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let refused = try parts.run(line: Self.smoke)
    #expect(refused.status == 64)
    #expect(
      refused.errorLines == ["cellgate: r: made with other settings: T = 6: batch: expected 5, found 4"])
  }

  @Test("The JSON lines are those of every run, distinguished by name, and a summary with the promised keys")
  func json() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.smoke + " --json --seeds 1 --cells lstm,lstm-wm")
    #expect(run.status == 0, "\(run.error)")
    let records = try run.records()
    let results = records.filter { $0["record"] as? String == "result" }
    #expect(results.count == 6)
    #expect(Set(results.compactMap { $0["run"] as? String }).count == 6)
    #expect(records.filter { $0["record"] as? String == "progress" }.allSatisfy { $0["run"] is String })
    let summary = try #require(records.last)
    #expect(summary["record"] as? String == "summary")
    let rows = try #require(summary["rows"] as? [[String: Any]])
    #expect(rows.count == 8)
    #expect(
      rows.compactMap { $0["equal"] as? String }.prefix(4) == ["units", "units", "parameters", "parameters"])
    #expect(
      rows.allSatisfy { $0["mean"] is Double && $0["parameters"] is Int && $0["ms_per_step"] is Double })
  }

  @Test("One comparison alone, and the other later in the same folder")
  func oneComparison() throws {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.smoke + " --equal units --precision f32").status == 0)
    let page = try workplace.text("r/results.md")
    #expect(page.contains("--seeds 1 --equal units --precision f32\n"))
    #expect(page.contains("equal units") && !page.contains("equal parameters"))
    #expect(try workplace.run(line: Self.smoke).status == 0)
    #expect(try workplace.text("r/results.md").contains("equal parameters"))
  }

  @Test("After Ctrl-C the printed command is the one that was typed, and goes on")
  func interruption() throws {
    let workplace = try Workplace()
    let arguments = (Self.smoke + " --seeds 3 --json").split(separator: " ").map(String.init)
    let started = try workplace.start(arguments)
    #expect(started.wait { workplace.has("r/length6-lstm-6units-seed1/result.json") })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130)
    let command = try #require(try stopped.records().last?["resume"] as? String)
    #expect(command.hasSuffix(Self.smoke + " --seeds 3 --json"))
    let page = try workplace.text("r/results.md")
    #expect(page.contains("**So far**"))
  }

  @Test("A search comes first, its table is kept and printed, and the settings that it finds are the runs'")
  func search() throws {
    let workplace = try Workplace()
    let line =
      Self.smoke + " --search --search-rates 0.02,0.002 --cells lstm --equal units --threads 1 --json"
    let run = try workplace.run(line: line)
    #expect(run.status == 0, "\(run.error)")
    let records = try run.records()
    // Two parts, four trials each of which two go on.
    #expect(records.count { $0["record"] as? String == "trial" } == 2 * (4 + 2))
    let rows = try #require(records.last?["rows"] as? [[String: Any]])
    #expect(
      rows.count == 2 && rows.allSatisfy { $0["learning_rate"] is Double && $0["initialization"] is String })
    let found = try #require(rows.first?["learning_rate"] as? Double)
    #expect(
      try workplace.text("r/length6-lstm-6units-seed1/config.json").contains("\"learning_rate\" : \(found),"))
    #expect(try workplace.text("r/search.csv").split(separator: "\n").count == 1 + 2 * (4 + 2))
    let again = try workplace.run(line: line.replacing(" --json", with: ""))
    #expect(again.status == 0, "\(again.error)")
    for part in ["search: halving over the rates 0.02, 0.002", "Found by the search", "search.csv"] {
      #expect(again.output.contains(part), "\(part) is missing in\n\(again.output)")
    }
    #expect(try workplace.text("r/results.md").contains("--search --search-rates 0.02,0.002"))
    let other = try workplace.run(line: Self.smoke + " --cells lstm --equal units")
    #expect(other.status == 64 && other.errorLines.first?.contains("search: expected halving") == true)
  }

  @Test("A dry run says how long it takes and makes nothing")
  func dryRun() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.smoke + " --search --dry-run --threads 1")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("hours of one thread; of that the search"))
    #expect(run.output.contains("the initialisations own, pytorch, "))
    let transformer = try workplace.run(
      line: "reproduce transformer-adding --budget smoke --search --dry-run --threads 1")
    #expect(transformer.status == 0, "\(transformer.error)")
    #expect(transformer.output.contains("the initialisations own, 0.25 of"))
    // Seven updates, in which the rate has hardly begun to rise.
    let notices = transformer.output.split(separator: "\n").filter {
      $0.contains("and its rate rises over 400")
    }
    #expect(notices.count == 1 && notices[0].contains("the trials of transformer end after"), "\(notices)")
    #expect(!workplace.has("r") && !workplace.has("runs"))
    let json = try workplace.run(line: Self.smoke + " --search --dry-run --threads 1 --json").records()
    #expect(json.count == 1 && json[0]["record"] as? String == "estimate")
    #expect(["seconds", "thread_hours", "search_seconds"].allSatisfy { json[0][$0] is NSNumber })
  }

  @Test(
    "A study makes the experiments whose data are there, says which it leaves out, and ends with one table")
  func study() throws {
    let workplace = try Workplace()
    let line = "reproduce transformer --budget smoke --cells lstm,transformer --data nowhere --out s"
    let run = try workplace.run(line: line)
    #expect(run.status == 0, "\(run.error)")
    let left = ["characters", "reviews", "forecast", "translate"].map {
      "cellgate: transformer-\($0): left out:"
    }
    #expect(run.errorLines.count == 4)
    for (line, start) in zip(run.errorLines, left) { #expect(line.hasPrefix(start), "\(line)") }
    #expect(run.output.contains("When is an LSTM still the better choice?"))
    let table = try workplace.text("s/results.md")
    for part in [
      "Left out: transformer-reviews", "## `adding`, T = 6", "`transformer`", "validation mse after",
      "transformer-adding/",
    ] {
      #expect(table.contains(part), "\(part) is missing in\n\(table)")
    }
    #expect(workplace.has("s/transformer-adding/lstm-24units-seed1/result.json"))
    // Typed again it only reads; of another budget it is refused.
    let again = try workplace.run(line: line + " --json")
    let last = try #require(try again.records().last)
    #expect(last["record"] as? String == "study" && last["complete"] as? Bool == true)
    #expect(
      (last["rows"] as? [[String: Any]])?.compactMap { $0["cell"] as? String } == ["lstm", "transformer"])
    let other = try workplace.run(line: line.replacing("smoke", with: "quick"))
    #expect(other.status == 65)
    #expect(
      other.errorLines == [
        "cellgate: s/results.json: expected results of transformer, budget quick, found those of transformer, budget smoke"
      ])
    let empty = try workplace.run(line: line.replacing("--out s", with: "--out e --equal units"))
    #expect(empty.status == 64)
    #expect(empty.errorLines.count == 1)
  }
}
