import CellgateTestSupport
import Foundation
import Testing

@Suite("Killed runs")
struct KillTests {
  /// Of an update almost all the time goes into saving what it did.
  static let run =
    "train adding --length 3 --hidden 32 --batch 2 --threads 1 --evaluation-interval 5 --steps 400 --seed 3"
    + " --schedule plateau --schedule-factor 0.7 --schedule-patience 2 --patience 60"

  /// The steps of the checkpoints in a folder.
  private func checkpoints(_ workplace: Workplace, _ folder: String) -> [Int] {
    workplace.names(in: folder).compactMap { name in
      guard name.hasPrefix("checkpoint-") else { return nil }
      return Int(name.dropFirst("checkpoint-".count).prefix(6))
    }
  }

  private func hasTemporary(_ workplace: Workplace) -> Bool {
    workplace.names(in: "parts").contains { $0.hasSuffix(".tmp") }
  }

  @Test("A run that is killed at random moments, also while it saves, ends with the bits of one that was not")
  func kills() throws {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.run + " --out whole").status == 0)

    var random = SplitMix(state: 20_260)
    var inSave = 0
    for kill in 0..<12 {
      // Before its config.json is there a run has not begun.
      let resume = workplace.has("parts/config.json") ? " --resume" : ""
      let line = Self.run + " --out parts --save-every 1 --tensorboard" + resume
      let started = try workplace.start(line.split(separator: " ").map(String.init))
      if kill % 4 == 3 {
        // While it starts and reads what is there.
        usleep(UInt32.random(in: 0...60_000, using: &random))
      } else {
        let steps = Int.random(in: 1...12, using: &random)
        let first = checkpoints(workplace, "parts").max() ?? -1
        #expect(started.wait { (checkpoints(workplace, "parts").max() ?? -1) >= first + steps })
        if kill % 4 == 1 {
          #expect(started.wait { hasTemporary(workplace) })
        } else {
          usleep(UInt32.random(in: 0...15_000, using: &random))
        }
      }
      started.kill()
      #expect(try started.wait().status == 128 + 9)
      let left = checkpoints(workplace, "parts")
      // What an earlier kill left is cleaned up in the meantime, unless this one came too early for that.
      let isHit = kill % 4 != 3 && (hasTemporary(workplace) || left.count > 2)
      inSave += isHit ? 1 : 0
    }
    #expect(inSave >= 3, "only \(inSave) of the kills were inside a save")
    #expect(!workplace.has("parts/result.json"))

    let last = try workplace.run(line: Self.run + " --out parts --resume --json")
    #expect(last.status == 0)
    #expect(last.error.isEmpty, "\(last.error)")
    for file in ["metrics.csv", "model.safetensors", "config.json"] {
      #expect(try workplace.data("parts/" + file) == workplace.data("whole/" + file), "\(file)")
    }
    let values = try ["whole", "parts"].map { folder -> [String: Any] in
      let object = try JSONSerialization.jsonObject(with: workplace.data(folder + "/result.json"))
      return try #require(object as? [String: Any])
    }
    for key in ["value", "validation_value"] {
      let bits = values.map { ($0[key] as? Double)?.bitPattern }
      #expect(bits[0] != nil && bits[0] == bits[1], "\(key)")
    }
    #expect(values[0]["steps"] as? Int == values[1]["steps"] as? Int)
    #expect(values[0]["best_step"] as? Int == values[1]["best_step"] as? Int)
    #expect(checkpoints(workplace, "parts").count == 2)
    #expect(!hasTemporary(workplace))
  }
}
