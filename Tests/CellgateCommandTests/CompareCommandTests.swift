import Foundation
import Testing

@Suite("cellgate compare")
struct CompareCommandTests {
  static let tiny = "compare adding --length 6 --hidden 6 --batch 4 --threads 1 --evaluation-interval 10"

  @Test("A comparison ends with a table of all cells and files with the same numbers")
  func table() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.tiny + " --steps 20 --cells lstm,gru --seeds 2")
    #expect(run.status == 0, "\(run.error)")
    for part in ["parameters", "test mse", "ms/step", "solved at", "±", "curves.svg", "runs/compare-adding"] {
      #expect(run.output.contains(part), "\(part) is missing in\n\(run.output)")
    }
    let names = workplace.names(in: "runs/compare-adding").filter { !$0.hasPrefix(".") }
    #expect(
      names == [
        "compare.csv", "compare.json", "config.json", "curves.svg", "gru-seed1", "gru-seed2", "lstm-seed1",
        "lstm-seed2",
      ])
    #expect(try workplace.text("runs/compare-adding/compare.csv").split(separator: "\n").count == 3)
    #expect(try workplace.text("runs/compare-adding/curves.svg").contains("<svg"))
    let score = try workplace.run(line: "evaluate runs/compare-adding")
    #expect(score.status == 66)
    #expect(score.error.contains("such as runs/compare-adding/gru-seed1"))
    #expect(try workplace.run(line: "evaluate runs/compare-adding/gru-seed1").status == 0)
    // The suggested commands are commands.
    let suggestion = try #require(run.output.split(separator: "\n").first { $0.contains("is it chance?") })
    #expect(suggestion.hasSuffix("--steps 20 --cells lstm,gru --seeds 3"))
  }

  @Test("A temporary file that a killed start left is removed, by a new start and by one that goes on")
  func leftovers() throws {
    let workplace = try Workplace()
    let folder = workplace.path + "/c"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    for start in ["", " --resume"] {
      try Data("{".utf8).write(to: URL(fileURLWithPath: folder + "/.config.json.4a14.tmp"))
      let run = try workplace.run(line: Self.tiny + " --steps 10 --cells gru --seeds 1 --out c" + start)
      #expect(run.status == 0, "\(run.error)")
      #expect(workplace.has("c/compare.json") && !workplace.has("c/.config.json.4a14.tmp"))
    }
  }

  @Test("Shards are merged into the table of one machine; missing runs are named")
  func shards() throws {
    let workplace = try Workplace()
    let line = Self.tiny + " --steps 10 --cells lstm,gru --seeds 2 --json"
    let whole = try #require(try workplace.run(line: line + " --out whole").records().last)
    for number in 1...2 {
      let part = try workplace.run(line: line + " --shard \(number)/2 --out part\(number)")
      #expect(part.status == 0, "\(part.error)")
    }
    let half = try workplace.run(line: "merge part1 --out all")
    #expect(half.status == 1)
    #expect(half.error.contains("all: expected 4 runs that have ended, found 2; missing: "))
    let merged = try workplace.run(line: "merge part1 part2 --out all --json")
    #expect(merged.status == 0, "\(merged.error)")
    let records = try merged.records()
    #expect((records.first?["runs"] as? [String])?.count == 2)
    func means(_ record: [String: Any]?) -> [Double] {
      ((record?["rows"] as? [[String: Any]]) ?? []).compactMap { $0["mean"] as? Double }
    }
    #expect(means(records.last) == means(whole) && means(whole).count == 2)
    let wrong = try workplace.run(line: line + " --shard 3/2")
    #expect(wrong.status == 64 && wrong.error.contains("--shard: expected K/N such as 3/8"))
    let study = try workplace.run(line: "reproduce transformer --budget smoke --shard 1/2")
    #expect(study.status == 64 && study.error.contains("transformer-adding"))
  }

  @Test("The JSON lines are those of every run and then a summary with the promised keys")
  func json() throws {
    let run = try Workplace().run(line: Self.tiny + " --steps 20 --out c --json")
    #expect(run.status == 0)
    let records = try run.records()
    let results = records.filter { $0["record"] as? String == "result" }
    #expect(results.compactMap { $0["cell"] as? String } == ["lstm", "lstm-ph-full", "lstm-wm"])
    #expect(results.first?["directory"] as? String == "c/lstm-seed1")
    let summary = try #require(records.last)
    #expect(summary["record"] as? String == "summary")
    #expect(summary["task"] as? String == "adding")
    let rows = try #require(summary["rows"] as? [[String: Any]])
    #expect(rows.count == 3)
    for (row, result) in zip(rows, results) {
      #expect(row["cell"] as? String == result["cell"] as? String)
      #expect(row["metric"] as? String == "mse")
      #expect(row["mean"] as? Double == result["value"] as? Double)
      #expect(row["spread"] is NSNull)
      #expect(row["parameters"] as? Int == result["parameters"] as? Int)
      #expect(row["ms_per_step"] is Double)
    }
  }

  @Test("'all' is every cell that the list doesn't name, and each of them learns without an error")
  func allCells() throws {
    let run = try Workplace().run(
      line: "compare adding --cells lstm,all --length 4 --hidden 2 --batch 2 --threads 1 --steps 2 --json")
    #expect(run.status == 0, "\(run.error)")
    let rows = try #require(try run.records().last?["rows"] as? [[String: Any]])
    let names = rows.compactMap { $0["cell"] as? String }
    #expect(names.first == "lstm" && Set(names).count == names.count)
    #expect(
      Set(names).isSuperset(of: ["gru", "indrnn", "slstm", "tau-gru", "unicornn"]) && names.count >= 48)
    #expect(rows.allSatisfy { ($0["mean"] as? Double)?.isFinite == true })
  }

  @Test("At equal parameters larger cells get fewer hidden units, which are shown")
  func equalParameters() throws {
    let run = try Workplace().run(line: Self.tiny + " --steps 5 --equal parameters --json")
    let rows = try #require(try run.records().last?["rows"] as? [[String: Any]])
    let hidden = rows.compactMap { $0["hidden"] as? Int }
    let parameters = rows.compactMap { $0["parameters"] as? Int }
    #expect(hidden.first == 6)
    #expect(hidden.dropFirst().allSatisfy { $0 < 6 })
    #expect(parameters.dropFirst().allSatisfy { $0 <= parameters[0] })
    let text = try Workplace().run(line: Self.tiny + " --steps 5 --equal parameters").output
    #expect(text.contains("hidden units: lstm 6, lstm-ph-full \(hidden[1]), lstm-wm \(hidden[2])"))
  }

  @Test("After Ctrl-C the printed command continues, and the comparison ends like one that never stopped")
  func interruption() throws {
    let workplace = try Workplace()
    let long = Self.tiny + " --steps 400 --cells lstm,gru"
    #expect(try workplace.run(line: long + " --out whole").status == 0)
    let arguments = (long + " --out parts --json").split(separator: " ").map(String.init)
    let started = try workplace.start(arguments)
    #expect(started.wait { workplace.has("parts/gru-seed1/model.safetensors") })
    started.interrupt()
    let stopped = try started.wait()
    #expect(stopped.status == 130)
    let command = try #require(try stopped.records().last?["resume"] as? String)
    let resumed = try workplace.start(command.split(separator: " ").dropFirst().map(String.init)).wait()
    #expect(resumed.status == 0, "\(resumed.error)")
    for cell in ["lstm", "gru"] {
      let file = "\(cell)-seed1/metrics.csv"
      #expect(try workplace.data("parts/" + file) == workplace.data("whole/" + file))
    }
    #expect(workplace.has("parts/curves.svg"))
  }

  @Test("TensorBoard gets a file in the folder of each run, side by side")
  func tensorBoard() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: Self.tiny + " --steps 20 --cells lstm,gru --out c --tensorboard --save-every 5")
    #expect(run.status == 0, "\(run.error)")
    for folder in ["c/lstm-seed1", "c/gru-seed1"] {
      #expect(workplace.names(in: folder).filter { $0.hasPrefix("events.out.tfevents.") }.count == 1)
      #expect(workplace.has(folder + "/checkpoint-000015.safetensors"))
    }
  }

  @Test("A cell that diverges is named and the others are compared")
  func divergence() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: Self.tiny
        + " --steps 20 --cells rnn-relu,gru --optimizer sgd --learning-rate 1e30 --clip none --out d")
    #expect(run.status == 1)
    #expect(run.errorLines.count == 2)
    #expect(run.error.contains("rnn-relu, seed 1: diverged at step"))
    #expect(run.output.contains("diverged"))
    #expect(workplace.has("d/compare.json"))
  }

  @Test("A comparison of a text that an earlier version began goes on with the metric that it had")
  func olderText() throws {
    let workplace = try Workplace()
    let text = String(repeating: "to be or not to be\n", count: 40) + String(repeating: "x y z\n", count: 10)
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/my.txt"))
    let line =
      "compare text --data my.txt --cells lstm,gru --hidden 4 --embedding 3 --length 8 --batch 4 --steps 4 --out c --json"
    let new = try workplace.run(line: line)
    #expect(new.status == 0 && new.error.contains("bits_per_character leaves them out"), "\(new.error)")
    // What an earlier version that was stopped at once leaves.
    let config = try workplace.text("c/config.json").split(separator: "\n", omittingEmptySubsequences: false)
    let older = config.filter { !$0.contains("unknown_scored") }.joined(separator: "\n")
      .replacing(/,(\s*})/) { $0.output.1 }
    #expect(older.utf8.count < config.joined(separator: "\n").utf8.count)
    for name in ["lstm-seed1", "gru-seed1", "compare.json"] {
      try FileManager.default.removeItem(atPath: workplace.path + "/c/" + name)
    }
    try Data(older.utf8).write(to: URL(fileURLWithPath: workplace.path + "/c/config.json"))
    let resumed = try workplace.run(line: line + " --resume")
    #expect(
      resumed.status == 0 && resumed.error.contains("bits_per_character counts them"), "\(resumed.error)")
    #expect(try !workplace.text("c/lstm-seed1/config.json").contains("unknown_scored"))
  }
}
