import Foundation
import Testing

@Suite("cellgate train --model transformer")
struct TransformerCommandTests {
  private static let text =
    "train text --model transformer --hidden 8 --heads 2 --layers 2 --length 10 --embedding 4 --batch 4 --steps 20 "
    + "--threads 1"

  private func workplace() throws -> Workplace {
    let workplace = try Workplace()
    let text = String(repeating: "To be, or not to be:\nthat is the question.\n", count: 30)
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/my.txt"))
    return workplace
  }

  @Test(
    "A language model is trained, described, scored, reported and written with, from its folder and its file")
  func language() throws {
    let workplace = try workplace()
    let run = try workplace.run(line: Self.text + " --data my.txt")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("runs/text-transformer") && run.output.contains("  transformer  "))
    let config = try #require(
      JSONSerialization.jsonObject(with: workplace.data("runs/text-transformer/config.json"))
        as? [String: Any])
    #expect(config["cell"] as? String == "transformer" && config["cell_text"] == nil)
    let summary = try workplace.run(line: "summary runs/text-transformer/model.safetensors")
    #expect(summary.status == 0 && summary.output.contains("transformer_encoder"), "\(summary.error)")
    let score = try workplace.run(line: "evaluate runs/text-transformer")
    #expect(score.status == 0, "\(score.error)")
    let report = try workplace.run(line: "report runs/text-transformer")
    #expect(report.status == 0, "\(report.error)")
    var texts: [String] = []
    for model in ["runs/text-transformer", "runs/text-transformer/model.safetensors"] {
      for threads in 1...2 {
        let line = "generate \(model) --prompt to --length 60 --seed 7 --threads \(threads)"
        let written = try workplace.run(line: line)
        #expect(written.status == 0, "\(written.error)")
        texts.append(written.output)
      }
    }
    #expect(Set(texts).count == 1 && texts[0].hasPrefix("to"))
  }

  @Test("A run goes on where it stopped, with the numbers of one that didn't, on any number of threads")
  func resumed() throws {
    let workplace = try workplace()
    let line = Self.text + " --positions sinusoidal --dropout 0.1 --data my.txt"
    #expect(try workplace.run(line: line + " --out whole").status == 0)
    let shorter = line.replacing("--steps 20", with: "--steps 11").replacing(
      "--threads 1", with: "--threads 2")
    #expect(try workplace.run(line: shorter + " --out parts").status == 0)
    let longer = try workplace.run(line: line + " --out parts --resume")
    #expect(longer.status == 0, "\(longer.error)")
    #expect(try workplace.data("whole/model.safetensors") == workplace.data("parts/model.safetensors"))
  }

  @Test("A run starts from a Transformer's model and takes its form")
  func started() throws {
    let workplace = try workplace()
    let line = Self.text + " --positions sinusoidal --context 7 --feed-forward 12 --data my.txt --out first"
    #expect(try workplace.run(line: line).status == 0)
    let other =
      "train text --from first/model.safetensors --data my.txt --length 9 --batch 3 --steps 3 --out other"
    let run = try workplace.run(line: other)
    #expect(run.status == 0, "\(run.error)")
    let config = try workplace.text("other/config.json")
    for part in ["transformer", "sinusoidal", "\"context\" : 7", "\"feed-forward\" : 12", "\"hidden\" : 8"] {
      #expect(config.contains(part), "\(part) is missing in\n\(config)")
    }
    let copying = try workplace.run(line: "train copying --from first/model.safetensors --steps 2")
    #expect(copying.status != 0 && copying.errorLines.count == 1, "\(copying.error)")
  }

  @Test("The adding problem has one too, and comparisons set it beside cells of as many parameters")
  func comparison() throws {
    let workplace = try Workplace()
    let run = try workplace.run(
      line:
        "compare adding --cells lstm,transformer --equal parameters --hidden 16 --length 6 --batch 4 --steps 20 "
        + "--seeds 1 --threads 1 --json --out c")
    #expect(run.status == 0, "\(run.error)")
    let rows = try run.records().filter { $0["record"] as? String == "result" }
    #expect(rows.compactMap { $0["cell"] as? String } == ["lstm", "transformer"])
    let counts = rows.compactMap { $0["parameters"] as? Int }
    #expect(counts[1] <= counts[0] && counts[1] > counts[0] / 2)
    let budget = try workplace.run(
      line: "train adding --model transformer --parameters 5000 --length 6 --batch 4 --steps 2 --json --out b"
    )
    #expect(budget.status == 0, "\(budget.error)")
    let count = try #require(try budget.records().last?["parameters"] as? Int)
    #expect(count <= 5000 && count > 3000)
    #expect(try workplace.run(line: "evaluate b").status == 0)
  }

  @Test("Series and texts are classified with one, and sentences translated")
  func others() throws {
    let workplace = try Workplace()
    let rows = (0..<80).map { number in
      "\(number % 2 == 0 ? "a good day and more" : "a bad day and less") \(number / 7),\(number % 2 == 0 ? "up" : "down")\n"
    }
    try Data(("text,label\n" + rows.joined()).utf8).write(to: URL(fileURLWithPath: workplace.path + "/t.csv"))
    let run = try workplace.run(
      line:
        "train classify --data t.csv --text text --label label --model transformer --hidden 16 --steps 60 "
        + "--warm-up 0 --learning-rate 0.01 --threads 1 --out run --json")
    #expect(run.status == 0, "\(run.error)")
    #expect(try #require(try run.records().last)["value"] as? Double == 1)
    try Data("text\na bad one\na good one\n".utf8).write(to: URL(fileURLWithPath: workplace.path + "/n.csv"))
    let predicted = try workplace.run(line: "predict run --data n.csv --out out.csv --threads 1")
    #expect(predicted.status == 0, "\(predicted.error)")
    let lines = try workplace.text("out.csv").split(separator: "\n")
    #expect(lines[1].contains("down") && lines[2].contains("up"))
    let report = try workplace.run(line: "report run")
    #expect(report.status == 0, "\(report.error)")
  }

  @Test("Series are forecast with one")
  func forecast() throws {
    let workplace = try Workplace()
    try ForecastCommandTests.write(workplace)
    let line = ForecastCommandTests.train.replacing("--hidden 4", with: "--hidden 8 --model transformer")
    let run = try workplace.run(line: line + " --target all --json")
    #expect(run.status == 0, "\(run.error)")
    let again = try workplace.run(line: "evaluate run --json")
    #expect(
      try #require(try again.records().first)["value"] as? Double
        == #require(try run.records().last)["value"] as? Double)
    let predicted = try workplace.run(line: "predict run --data s.csv --out p.csv")
    #expect(predicted.status == 0, "\(predicted.error)")
    let summary = try workplace.run(line: "summary run/model.safetensors")
    #expect(summary.output.contains("segment forecaster (transformer)"))
    let retrofit = try workplace.run(line: "retrofit run/model.safetensors --cell lstm-wm")
    #expect(retrofit.status != 0 && retrofit.errorLines.count == 1)
  }

  @Test("What has no meaning is said in a line")
  func refused() throws {
    let workplace = try workplace()
    for (line, message) in [
      (
        "train adding --model transformer --cell gru",
        "--cell: has no meaning with --model transformer, found gru"
      ),
      ("train adding --heads 2", "--heads: is an option of --model transformer"),
      ("train adding --model transformer --hidden 10", "--hidden: expected a multiple of 4 heads, found 10"),
      (
        "train adding --model transformer --hidden 12",
        "--hidden: expected a multiple of 8, as rotary positions turn pairs of numbers in each of 4 heads, found 12"
      ),
      (
        "train adding --model transformer --zoneout 0.1",
        "--zoneout: has no meaning with --model transformer"
      ),
      ("train adding --model transfomer", "unknown model 'transfomer'; did you mean transformer?"),
      (
        "compare adding --model transformer",
        "--model: is no option of a comparison: name transformer among the cells"
      ),
      ("compare copying --cells lstm,transformer", "--cells: the task copying has no Transformer"),
    ] {
      let run = try workplace.run(line: line)
      #expect(run.status == 64, "\(line)")
      #expect(run.errorLines.contains { $0.contains(message) }, "\(line): \(run.error)")
    }
  }
}
