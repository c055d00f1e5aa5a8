import CellgateTensor
import Foundation
import Testing

@Suite("--precision")
struct PrecisionOptionTests {
  static let portable = ["CELLGATE_ISA": "portable"]
  static let refusal = "--precision: bf16 needs AVX512-BF16, which portable doesn't have here; use f32"

  @Test(
    "Where bf16 can't be had, a line says what it needs, and nothing is made",
    arguments: ["train adding", "compare adding", "bench"])
  func refused(_ command: String) throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: command + " --precision bf16", environment: Self.portable)
    #expect(run.status == 64)
    #expect(run.error == "cellgate: \(Self.refusal)\n")
    #expect(run.output.isEmpty)
    #expect(!workplace.has("runs"))
  }

  @Test("bench says what it timed", .enabled(if: InstructionSet.active.supports(.bfloat16)))
  func bench() throws {
    let record = try Workplace().run(line: BenchCommandTests.tiny + " --precision bf16 --json").records()
      .first
    #expect(record?["precision"] as? String == "bf16")
  }

  @Test(
    "A run keeps its precision, evaluates with it, and with f32 where bf16 can't be had",
    .enabled(if: InstructionSet.active.supports(.bfloat16)))
  func training() throws {
    let workplace = try Workplace()
    let line = TrainCommandTests.tiny + " --cell lstm-wm --steps 3 --precision bf16 --out here"
    let result = try #require(try workplace.run(line: line + " --json").records().last)
    #expect(try workplace.text("here/config.json").contains("\"precision\" : \"bf16\""))
    func value(_ options: String) throws -> Double? {
      try workplace.run(line: "evaluate here --json" + options).records().first?["value"] as? Double
    }
    #expect(try value("") == result["value"] as? Double)
    #expect(try value(" --precision f32") != value(""))

    let elsewhere = try workplace.run(line: "evaluate here", environment: Self.portable)
    #expect(elsewhere.status == 64)
    #expect(elsewhere.error == "cellgate: \(Self.refusal)\n")
    let score = try workplace.run(line: "evaluate here --precision f32", environment: Self.portable)
    #expect(score.status == 0)

    let other = try workplace.run(line: line.replacing("bf16", with: "f32") + " --resume")
    #expect(other.status == 64)
    #expect(other.error.contains("precision"))
  }
}
