import Foundation
import Testing

@Suite("Regularisation on the command line")
struct RegularizationCommandTests {
  private static let text =
    "train text --data \(Recorded.folder)/data/text.txt --length 5 --embedding 4 --hidden 6 --layers 2 --batch 4 --epochs 1 --threads 1"
  private static let options =
    " --dropout 0.1 --output-dropout 0.2 --input-dropout 0.5 --embedding-dropout 0.25 --recurrent-dropout 0.3 --zoneout h=0.125,c=0.5 --weight-drop 0.4 --average-weights ema:0.9"

  private func config(_ workplace: Workplace, _ folder: String) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(workplace.text(folder + "/config.json").utf8))
        as? [String: Any])
  }

  @Test("A run has each option in its config.json, which makes it again, and each changes what is learned")
  func options() throws {
    let workplace = try Workplace()
    let keys: [String: NSObject] = [
      "output_dropout": NSNumber(value: Float(0.2)), "input_dropout": 0.5 as NSNumber,
      "embedding_dropout": 0.25 as NSNumber,
      "recurrent_dropout": NSNumber(value: Float(0.3)),
      "zoneout": ["h": 0.125, "c": 0.5] as NSDictionary, "weight_drop": NSNumber(value: Float(0.4)),
      "average_weights": "ema:0.9" as NSString,
    ]
    let all = try workplace.run(line: Self.text + Self.options + " --out all")
    #expect(all.status == 0, "\(all.error)")
    #expect(all.output.contains("zoneout c=0.5,h=0.125") && all.output.contains("weight drop 0.4"))
    let config = try config(workplace, "all")
    for (key, value) in keys {
      if let number = value as? NSNumber {
        #expect((config[key] as? NSNumber)?.floatValue == number.floatValue, "\(key)")
      } else {
        #expect(config[key] as? NSObject == value, "\(key)")
      }
    }
    let again = try workplace.run(
      line: "train text --data \(Recorded.folder)/data/text.txt --config all --out again --threads 1")
    #expect(again.status == 0, "\(again.error)")
    #expect(try workplace.data("again/model.safetensors") == workplace.data("all/model.safetensors"))

    let unaveraged = try workplace.run(
      line:
        "train text --data \(Recorded.folder)/data/text.txt --config all --average-weights none --out none --threads 1"
    )
    #expect(unaveraged.status == 0, "\(unaveraged.error)")
    #expect(try self.config(workplace, "none")["average_weights"] == nil)
    #expect(try workplace.data("none/model.safetensors") != workplace.data("all/model.safetensors"))

    var metrics: Set<String> = []
    let each = Self.options.split(separator: " --").map { " --" + $0 }
    for (place, option) in ([""] + each).enumerated() {
      let run = try workplace.run(line: Self.text + option + " --out r\(place)")
      #expect(run.status == 0, "\(run.error)")
      metrics.insert(try workplace.text("r\(place)/metrics.csv"))
    }
    #expect(metrics.count == each.count + 1)
    let plain = try self.config(workplace, "r0")
    for key in keys.keys { #expect(plain[key] == nil, "\(key)") }
  }

  @Test("A stopped run goes on to the same model, which is evaluated, generates and stands by itself")
  func resume() throws {
    let workplace = try Workplace()
    let line = Self.text + Self.options + " --save-every 3 --evaluation-interval 5"
    let whole = try workplace.run(line: line + " --out whole")
    #expect(whole.status == 0, "\(whole.error)")
    try FileManager.default.copyItem(atPath: workplace.path + "/whole", toPath: workplace.path + "/part")
    let newest = try #require(workplace.names(in: "part").last { $0.hasPrefix("checkpoint-") })
    for file in ["result.json", newest] {
      try FileManager.default.removeItem(atPath: workplace.path + "/part/" + file)
    }
    let part = try workplace.run(
      line: "train text --data \(Recorded.folder)/data/text.txt --out part --resume --threads 1")
    #expect(part.status == 0, "\(part.error)")
    for file in ["model.safetensors", "metrics.csv"] {
      #expect(try workplace.data("part/" + file) == workplace.data("whole/" + file), "\(file)")
    }
    let evaluation = try workplace.run(
      line: "evaluate whole --data \(Recorded.folder)/data/text.txt --json")
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(workplace.text("whole/result.json").utf8))
        as? [String: Any])
    #expect(try evaluation.records().first?["value"] as? Double == result["value"] as? Double)
    let summary = try workplace.run(line: "summary whole/model.safetensors")
    #expect(summary.status == 0, "\(summary.error)")
    let texts = try ["whole", "whole/model.safetensors"].map {
      try workplace.run(line: "generate \($0) --length 20 --seed 3").output
    }
    #expect(texts[0] == texts[1] && texts[0].count >= 20)
  }

  @Test("Diagnostics see the gates of a run with zoneout")
  func diagnostics() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line: TrainCommandTests.tiny
        + " --cell lstm-wm --steps 4 --zoneout 0.2 --weight-drop 0.3 --recurrent-dropout 0.1 --diagnostics-every 2 --out run"
    )
    #expect(run.status == 0, "\(run.error)")
    let plain = try workplace.run(
      line: TrainCommandTests.tiny + " --cell lstm-wm --steps 4 --diagnostics-every 2 --out plain")
    #expect(plain.status == 0, "\(plain.error)")
    func places(_ folder: String) throws -> [Substring] {
      try workplace.text(folder + "/diagnostics.csv").split(separator: "\n").map {
        $0[..<($0.lastIndex(of: ",") ?? $0.endIndex)]
      }
    }
    #expect(try places("run") == places("plain"))
  }

  @Test("All that is wrong is said at once, each with its option")
  func mistakes() throws {
    let workplace = try Workplace()
    func lines(_ options: String) throws -> [String] {
      let run = try workplace.run(line: "train adding --cell lstm " + options)
      #expect(run.status == 64)
      return run.errorLines
    }
    #expect(
      try lines("--zoneout m=0.1 --weight-drop 1 --recurrent-dropout -1 --embedding-dropout 0.1") == [
        "cellgate: --recurrent-dropout: expected 0 or more, below 1, found -1.0",
        "cellgate: --weight-drop: expected 0 or more, below 1, found 1.0",
        "cellgate: --zoneout: expected states of the cell lstm, h, c, found 'm'",
        "cellgate: --embedding-dropout: the task adding has no embeddings",
      ])
    #expect(
      try lines("--zoneout a --average-weights swa:1 --output-dropout x") == [
        "cellgate: --output-dropout: expected a number, found 'x'",
        "cellgate: --zoneout: expected a number, or states' numbers as in h=0.05,c=0.5, found 'a'",
        "cellgate: --average-weights: expected ema:X, from:N, plateau:N or none, found 'swa:1'",
      ])
    #expect(
      try lines("--average-weights ema:2") == [
        "cellgate: --average-weights: expected a decay above 0, below 1, found 2.0"
      ])
    let bench = try workplace.run(line: "bench --zoneout x=0.1")
    #expect(
      bench.status == 64 && bench.error.contains("--zoneout: expected states of the cell lstm-wm, h, c"))
  }

  @Test("A run whose settings lack an option of its task has its default, in its own config.json too")
  func missingOption() throws {
    let workplace = try Workplace()
    let first = try workplace.run(
      line: "train adding --length 100 --hidden 4 --batch 4 --threads 1 --steps 4 --out run")
    #expect(first.status == 0, "\(first.error)")
    let config = try workplace.text("run/config.json")
    let older = config.replacing(/"length" : \d+/, with: "")
    #expect(older != config)
    try older.write(toFile: workplace.path + "/older.json", atomically: true, encoding: .utf8)
    for options in ["", " --length 100"] {
      let folder = "again" + (options.isEmpty ? "" : "-typed")
      let again = try workplace.run(
        line: "train adding --config older.json --threads 1 --out \(folder)" + options)
      #expect(again.status == 0, "\(again.error)")
      #expect(try workplace.data(folder + "/metrics.csv") == workplace.data("run/metrics.csv"))
      #expect(try workplace.text(folder + "/config.json") == config)
    }
  }
}
