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

  @Test(
    "Nothing is trained in int8", arguments: ["train adding", "compare adding", "bench", "reproduce adding"])
  func trainedInBytes(_ command: String) throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: command + " --precision int8")
    #expect(run.status == 64)
    #expect(run.error == "cellgate: --precision: int8 is for trained models alone; train with f32\n")
    #expect(!workplace.has("runs"))
  }

  @Test("A run is evaluated in int8, and exported in a quarter of the size with the same numbers")
  func bytes() throws {
    let workplace = try Workplace()
    let text = String(repeating: "the cat sat on the mat and the dog lay down beside the door\n", count: 60)
    try Data(text.utf8).write(to: URL(filePath: workplace.path + "/t.txt"))
    let train = try workplace.run(
      line: "train text --data t.txt --hidden 48 --embedding 32 --batch 4 --length 20 --steps 30 --out run")
    try #require(train.status == 0, "\(train.error)")
    func value(_ line: String) throws -> Double {
      let run = try workplace.run(line: line + " --json")
      try #require(run.status == 0, "\(run.error)")
      return try #require(try run.records().first?["value"] as? Double)
    }
    let (floats, bytes) = (try value("evaluate run"), try value("evaluate run --precision int8"))
    #expect(floats != bytes && abs(floats - bytes) < 0.05)
    let model = "run/model.safetensors"
    let export = try workplace.run(
      line: "export run --format safetensors --quantize int8 --out small.safetensors")
    #expect(export.status == 0, "\(export.error)")
    func size(_ name: String) throws -> Int {
      try Data(contentsOf: URL(filePath: workplace.path + "/" + name)).count
    }
    #expect(try size("small.safetensors") < size(model) / 2)
    let small = try value("evaluate small.safetensors --data t.txt")
    #expect(try small == value("evaluate \(model) --data t.txt --precision int8"))
    #expect(try small != value("evaluate \(model) --data t.txt"))
    func written(_ line: String) throws -> String {
      try workplace.run(line: "generate \(line) --length 60 --seed 3").output
    }
    #expect(try written("small.safetensors") == written("run --precision int8"))

    for (line, error) in [
      (
        "export run --format onnx --quantize int8",
        "--quantize: expected the format safetensors or c, found onnx"
      ),
      ("export run --format safetensors --quantize int4", "--quantize: unknown kind 'int4'"),
    ] {
      let run = try workplace.run(line: line)
      #expect(run.status == 64)
      #expect(run.error.hasPrefix("cellgate: " + error), "\(run.error)")
    }
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
