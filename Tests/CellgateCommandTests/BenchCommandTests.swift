import Foundation
import Testing

@Suite("cellgate bench")
struct BenchCommandTests {
  static let tiny = "bench --steps 3 --batch 2 --input 2 --hidden 4 --repeats 1 --threads 1"

  @Test("The JSON record has the promised keys")
  func json() throws {
    let run = try Workplace().run(line: Self.tiny + " --cell gru --layers 2 --json")
    #expect(run.status == 0)
    let records = try run.records()
    #expect(records.count == 1)
    let record = try #require(records.first)
    #expect(record["cell"] as? String == "gru")
    for (key, value) in ["steps": 3, "batch": 2, "input": 2, "hidden": 4, "layers": 2, "threads": 1] {
      #expect(record[key] as? Int == value, "\(key)")
    }
    #expect(record["precision"] as? String == "f32")
    #expect(record["isa"] is String)
    #expect(record["parameters"] as? Int == 3 * (4 * 2 + 4 * 4 + 8) + 3 * (4 * 4 + 4 * 4 + 8))
    for key in ["training_ms", "inference_ms", "training_gflops", "inference_gflops", "peak_gflops"] {
      let value = try #require(record[key] as? Double, "\(key)")
      #expect(value > 0)
    }
    let peak = try #require(record["peak_gflops"] as? Double)
    for step in ["training", "inference"] {
      let rate = try #require(record["\(step)_gflops"] as? Double)
      let share = try #require(record["\(step)_peak_share"] as? Double)
      #expect(abs(share - rate / peak) <= 1e-12 * share)
    }
    // 72 + 96 multiply-adds forward; backward two for each, but none for the gradient of the first's 2 inputs.
    func operations(_ step: String) throws -> Double {
      try #require(record["\(step)_ms"] as? Double) * #require(record["\(step)_gflops"] as? Double)
    }
    #expect(abs(try operations("training") / operations("inference") - (3 * 168 - 24) / 168) < 1e-9)
  }

  @Test("Both directions have parameters of their own, and the next layer reads both")
  func bidirectional() throws {
    let run = try Workplace().run(line: Self.tiny + " --cell rnn-tanh --layers 2 --bidirectional --json")
    let record = try #require(try run.records().first)
    #expect(record["bidirectional"] as? Bool == true)
    // Per direction, input 2 or 8, 4 units: W, U and one bias.
    #expect(record["parameters"] as? Int == 2 * (4 * 2 + 4 * 4 + 4) + 2 * (4 * 8 + 4 * 4 + 4))
  }

  @Test(
    "Gradient checkpointing is in the record, under its former name too, and takes a positive number of steps",
    arguments: ["--recompute-every", "--checkpoint-every"])
  func recomputing(_ option: String) throws {
    let run = try Workplace().run(line: Self.tiny + " \(option) 2 --json")
    let record = try #require(try run.records().first)
    #expect(record["recompute_every"] as? Int == 2)
    #expect(record["checkpoint_every"] as? Int == 2)
    let bad = try Workplace().run(line: Self.tiny + " \(option) 0")
    #expect(bad.status == 64)
    #expect(bad.error.contains("--recompute-every: expected a whole number from 1"))
    let both = try Workplace().run(line: Self.tiny + " --recompute-every 2 --checkpoint-every 2")
    #expect(both.status == 64)
    #expect(both.error.contains("--recompute-every and --checkpoint-every: expected only one of them"))
  }

  @Test("The environment chooses the instruction set that is reported")
  func instructionSet() throws {
    let run = try Workplace().run(line: Self.tiny + " --json", environment: ["CELLGATE_ISA": "portable"])
    #expect(try run.records().first?["isa"] as? String == "portable")
  }

  @Test("People get a table of both steps")
  func table() throws {
    let run = try Workplace().run(line: Self.tiny)
    #expect(run.status == 0)
    #expect(run.output.contains("training step"))
    #expect(run.output.contains("inference"))
    #expect(run.output.contains("of peak"))
  }

  @Test("Sizes that need more memory than there is are refused with what they need")
  func absurd() throws {
    let run = try Workplace().run(line: "bench --steps 10000000 --batch 1000000 --hidden 4096")
    #expect(run.status == 64)
    #expect(run.errorLines.count == 1)
    #expect(run.error.contains("would need about"))
    #expect(run.output.isEmpty)
  }
}
