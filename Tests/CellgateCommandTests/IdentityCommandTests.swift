import Foundation
import Testing

@Suite("What a model may be used with")
struct IdentityCommandTests {
  /// A workplace with two texts as Penn Treebank data, in which one letter differs, and a run of the first.
  private func trained() throws -> Workplace {
    let workplace = try Workplace()
    for (folder, letter) in [("a", "q"), ("b", "z")] {
      let text = String(repeating: "to be or not to be \(letter)\n", count: 40)
      try FileManager.default.createDirectory(
        atPath: workplace.path + "/\(folder)/ptb", withIntermediateDirectories: true)
      for part in ["train", "valid", "test"] {
        try Data(text.utf8).write(
          to: URL(fileURLWithPath: workplace.path + "/\(folder)/ptb/ptb.\(part).txt"))
      }
    }
    let run = try workplace.run(
      line: "train ptb-char --data a --hidden 4 --embedding 3 --length 8 --batch 4 --steps 4 --out run")
    #expect(run.status == 0, "\(run.error)")
    return workplace
  }

  @Test("A run is not resumed on other data, nor scored with another cell, and both values are said")
  func refused() throws {
    let workplace = try trained()
    let files = workplace.names(in: "run")
    let resumed = try workplace.run(line: "train ptb-char --resume --out run --data b")
    #expect(resumed.status == 65 && resumed.errorLines.count == 1, "\(resumed.error)")
    #expect(resumed.error.contains("vocabulary: made with '") && resumed.error.contains("z"))
    let config = try workplace.text("run/config.json")
    let other = config.replacing("\"cell\" : \"lstm\"", with: "\"cell\" : \"lstm-coupled\"")
    #expect(other != config)
    try Data(other.utf8).write(to: URL(fileURLWithPath: workplace.path + "/run/config.json"))
    for line in ["evaluate run --data a", "generate run", "train ptb-char --resume --out run --data a"] {
      let run = try workplace.run(line: line)
      #expect(run.status == 65 && run.errorLines.count == 1, "\(line): \(run.error)")
      #expect(
        run.error.contains(".safetensors: cell: made with lstm, found lstm-coupled in config.json"))
    }
    #expect(workplace.names(in: "run") == files)
  }

  @Test("Data with other characters are scored with the model's own, and one that it doesn't know is named")
  func otherData() throws {
    let workplace = try trained()
    let other = try workplace.run(line: "evaluate run --data b")
    #expect(other.status == 65 && other.errorLines.count == 1 && other.output.isEmpty)
    #expect(other.error.contains("b/ptb/ptb.test.txt: character 19: the model doesn't know 'z'"))
    let found = try workplace.start(["evaluate", "run"], environment: ["CELLGATE_DATA": "b"]).wait()
    #expect(found.status == 65 && found.error.contains("vocabulary: made with '"), "\(found.error)")
    let path = workplace.path + "/b/ptb/ptb.test.txt"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try Data(text.replacing("z", with: "q").utf8).write(to: URL(fileURLWithPath: path))
    let score = try #require(try workplace.run(line: "evaluate run --data b --json").records().first)
    let own = try #require(try workplace.run(line: "evaluate run --data a --json").records().first)
    #expect(score["value"] as? Double == own["value"] as? Double)
  }

  @Test("A run is made longer by its option, and nothing else may change")
  func longer() throws {
    let workplace = try trained()
    let line = "train ptb-char --resume --out run --data a "
    let run = try workplace.run(line: line + "--steps 7")
    #expect(run.status == 0 && run.errorLines == ["cellgate: steps 4 made 7: the run goes on from step 4"])
    #expect(try workplace.text("run/config.json").contains("\"steps\" : 7"))
    for (option, text) in [
      ("--steps 5", "steps: expected 7 or more, found 5"), ("--batch 5", "batch: expected 4"),
    ] {
      let refused = try workplace.run(line: line + option)
      #expect(refused.status == 64 && refused.error.contains(text), "\(refused.error)")
    }
  }

  @Test("A model with another checksum is used when its weights are trusted, and only then")
  func trusted() throws {
    let workplace = try trained()
    let score = try workplace.run(line: "evaluate run --data a --json").output
    let path = URL(fileURLWithPath: workplace.path + "/run/model.safetensors")
    var bytes = try Data(contentsOf: path)
    let place = try #require(bytes.range(of: Data("crc32:".utf8)))
    bytes[place.upperBound] = bytes[place.upperBound] == 0x30 ? 0x31 : 0x30
    try bytes.write(to: path)
    for line in ["evaluate run --data a --json", "generate run --length 5", "report run --data a --json"] {
      let run = try workplace.run(line: line)
      #expect(run.status == 65 && run.errorLines.count == 1, "\(line): \(run.error)")
      #expect(
        run.error.contains("checksum is missing or of other bytes") && run.error.contains("--trust-weights"))
      #expect(try workplace.run(line: line + " --trust-weights").status == 0)
    }
    #expect(try workplace.run(line: "evaluate run --data a --json --trust-weights").output == score)
  }
}
