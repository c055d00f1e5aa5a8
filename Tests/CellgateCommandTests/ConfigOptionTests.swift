import Foundation
import Testing

@Suite("--config of train and compare")
struct ConfigOptionTests {
  private let workplace: Workplace

  init() throws {
    workplace = try Workplace()
    let run = try workplace.run(
      line: TrainCommandTests.tiny
        + " --cell gru --steps 20 --learning-rate 0.01 --clip none --seed 5 --out first")
    #expect(run.status == 0, "\(run.error)")
  }

  @Test("A run's config.json makes the run again, and options on top of it another one")
  func train() throws {
    for (name, config) in [("file", "first/config.json"), ("folder", "first")] {
      let run = try workplace.run(line: "train adding --config \(config) --out \(name) --threads 1")
      #expect(run.status == 0, "\(run.error)")
      for file in ["config.json", "metrics.csv", "model.safetensors"] {
        #expect(try workplace.data("\(name)/\(file)") == workplace.data("first/\(file)"), "\(file)")
      }
    }
    let other = try workplace.run(
      line: "train adding --config first/config.json --seed 6 --length 7 --cell lstm --out other --threads 1")
    #expect(other.status == 0)
    let settings = try workplace.text("other/config.json")
    for text in ["\"seed\" : 6", "\"length\" : 7", "\"cell\" : \"lstm\"", "\"hidden\" : 4", "\"steps\" : 20"]
    {
      #expect(settings.contains(text), "\(text)")
    }
    #expect(!settings.contains("clip_norm"))
  }

  @Test("A comparison takes all but the cell from it")
  func compare() throws {
    let line = "compare adding --config first/config.json --cells rnn-tanh,gru --out both --threads 1"
    let run = try workplace.run(line: line)
    #expect(run.status == 0, "\(run.error)")
    let folder = try #require(workplace.names(in: "both").first { $0.hasPrefix("gru") })
    #expect(
      try workplace.data("both/\(folder)/metrics.csv") == workplace.data("first/metrics.csv"))
    #expect(try workplace.run(line: line + " --resume").status == 0)
  }

  @Test("What is wrong with the file is said with its name, and another task's settings are refused")
  func wrong() throws {
    let other = try workplace.run(line: "train copying --config first/config.json")
    #expect(other.status == 64)
    #expect(
      other.errorLines == [
        "cellgate: --config: expected the settings of a run of copying, found adding in first/config.json"
      ])
    #expect(try workplace.run(line: "train adding --config nowhere.json").status == 66)
    let text = try workplace.text("first/config.json")
    func write(_ change: (from: String, to: String)) throws {
      try text.replacingOccurrences(of: change.from, with: change.to)
        .write(toFile: workplace.path + "/bad.json", atomically: true, encoding: .utf8)
    }
    try write(("\"hidden\" : 4", "\"hidden\" : 0"))
    let bad = try workplace.run(line: "train adding --config bad.json")
    #expect(bad.status == 65)
    #expect(bad.errorLines == ["cellgate: bad.json: hidden: expected 1 or more, found 0"])
    try write(("\"length\" : 6", "\"length\" : \"six\""))
    let typed = try workplace.run(line: "compare adding --config bad.json")
    #expect(typed.status == 65)
    #expect(typed.errorLines == ["cellgate: bad.json: length: expected 2 to 1000000000, found six"])
    let both = try workplace.run(line: "train adding --config first/config.json --out first --resume")
    #expect(both.status == 64)
    #expect(both.error.contains("--config and --resume: expected only one of them"))
  }

  @Test("The settings of a run on a text of one's own know the text")
  func text() throws {
    let characters = String(repeating: "abcab\n", count: 60)
    try characters.write(toFile: workplace.path + "/my.txt", atomically: true, encoding: .utf8)
    let line = "train text --length 5 --embedding 3 --hidden 3 --batch 2 --steps 4 --threads 1"
    let run = try workplace.run(line: line + " --data my.txt --out a")
    #expect(run.status == 0, "\(run.error)")
    #expect(try workplace.run(line: "train text --config a/config.json --out b --threads 1").status == 0)
    for file in ["config.json", "metrics.csv"] {
      #expect(try workplace.data("b/\(file)") == workplace.data("a/\(file)"), "\(file)")
    }
    // The name of earlier versions.
    let former = try workplace.text("a/config.json").replacingOccurrences(
      of: "\"data\" :", with: "\"text\" :")
    try former.write(toFile: workplace.path + "/former.json", atomically: true, encoding: .utf8)
    #expect(try workplace.run(line: "train text --config former.json --out c --threads 1").status == 0)
    #expect(try workplace.data("c/config.json") == workplace.data("a/config.json"))
    try (characters + "x").write(toFile: workplace.path + "/my.txt", atomically: true, encoding: .utf8)
    let changed = try workplace.run(line: "train text --config a/config.json --out d")
    #expect(changed.status == 65 && changed.error.contains("changed since the run began"))
    let given = try workplace.run(
      line: "train text --config a/config.json --data my.txt --out d --threads 1")
    #expect(given.status == 0, "\(given.error)")
  }
}
