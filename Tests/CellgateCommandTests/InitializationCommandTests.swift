import Foundation
import Testing

extension Workplace {
  fileprivate func write(_ text: String, to file: String) throws {
    try text.write(toFile: path + "/" + file, atomically: true, encoding: .utf8)
  }

  fileprivate func remove(_ file: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + file)
  }
}

@Suite("Initialisation on the command line")
struct InitializationCommandTests {
  private static let line = "train adding --length 6 --hidden 4 --batch 4 --steps 1 --threads 1"

  private func config(_ workplace: Workplace, _ folder: String) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(workplace.text(folder + "/config.json").utf8))
        as? [String: Any])
  }

  @Test("A run starts as its options say, and its folder says how")
  func names() throws {
    let workplace = try Workplace()
    for (place, (options, keys)) in [
      ("", [:]), ("--initialization cellgate", [:]),
      ("--initialization pytorch", ["initialization": "pytorch"]),
      ("--initialization keras --forget-bias 2", ["initialization": "keras", "forget_bias": "2"]),
      ("--initialization chrono:5", ["chrono_steps": "5"]), ("--chrono-steps 5", ["chrono_steps": "5"]),
    ].enumerated() {
      let run = try workplace.run(line: Self.line + " --out r\(place) " + options)
      #expect(run.status == 0, "\(run.error)")
      let config = try config(workplace, "r\(place)")
      for key in ["initialization", "chrono_steps", "forget_bias"] {
        #expect(config[key].map { "\($0)" } == keys[key], "\(options): \(key)")
      }
    }
    func model(_ place: Int) throws -> String { try workplace.text("r\(place)/metrics.csv") }
    #expect(try model(0) == model(1))
    #expect(try model(4) == model(5))
    #expect(try Set([0, 2, 3, 4].map(model)).count == 4)
  }

  @Test("A forget bias takes the place of a task's own chrono biases")
  func chronoTask() throws {
    let run = try Workplace().run(
      line:
        "reproduce adding --budget smoke --forget-bias 1 --out here --seeds 1 --cells lstm --json --threads 1"
    )
    #expect(run.status == 0, "\(run.error)")
  }

  @Test("A file of rules is read once: the run has them")
  func file() throws {
    let workplace = try Workplace()
    try workplace.write(
      "{\"base\": \"pytorch\", \"rules\": [{\"role\": \"bias\", \"gate\": \"f\", \"start\": \"constant\", \"value\": 1}]}",
      to: "mine.json")
    let line = Self.line.replacing("--steps 1", with: "--steps 4 --evaluation-interval 2")
    let run = try workplace.run(line: line + " --initialization mine.json --out here")
    #expect(run.status == 0, "\(run.error)")
    let own = try #require(try config(workplace, "here")["initialization"] as? [String: Any])
    #expect(own["base"] as? String == "pytorch" && (own["rules"] as? [Any])?.count == 1)
    try workplace.remove("mine.json")
    let score = try workplace.run(line: "evaluate here --json")
    #expect(score.status == 0, "\(score.error)")
    let again = try workplace.run(line: "train adding --resume --out here --steps 8 --threads 1")
    #expect(again.status == 0, "\(again.error)")

    try workplace.write("{\"rules\": [{\"role\": \"memory\", \"start\": \"zero\"}]}", to: "memory.json")
    let wrong = try workplace.run(line: Self.line + " --initialization memory.json")
    #expect(wrong.status == 64)
    #expect(
      wrong.errorLines.first
        == "cellgate: --initialization: rule 1: expected a parameter, role and gate of lstm, or of the head or embedding; found none"
    )
    let both = try workplace.run(
      line: Self.line.replacing("train", with: "compare")
        + " --cells lstm,lstm-wm --initialization memory.json")
    #expect(both.status == 0, "\(both.error)")
    try workplace.write("{\"rules\": 3}", to: "broken.json")
    let broken = try workplace.run(line: Self.line + " --initialization broken.json")
    #expect(broken.status == 65)
    #expect(broken.errorLines == ["cellgate: broken.json: rules: expected a list, found another value"])
  }
}
