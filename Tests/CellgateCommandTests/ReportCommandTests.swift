import Foundation
import Testing

@Suite("cellgate report")
struct ReportCommandTests {
  private static let tiny = TrainCommandTests.tiny

  /// A folder with two runs below `runs`, one of them stopped by its divergence.
  private func trained() throws -> Workplace {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.tiny + " --cell gru --steps 20 --out runs-gru").status == 0)
    #expect(try workplace.run(line: Self.tiny + " --steps 20 --learning-rate 1e30 --out broken").status == 1)
    return workplace
  }

  @Test("One folder gets its page inside, several get one where the command is run, --out names another")
  func pages() throws {
    let workplace = try trained()
    let one = try workplace.run(line: "report runs-gru")
    #expect(one.status == 0 && one.error.isEmpty, "\(one.error)")
    #expect(one.output.contains("1 run: 1 complete") && one.output.contains("runs-gru/report.html"))
    #expect(try workplace.text("runs-gru/report.html").hasPrefix("<!DOCTYPE html>"))
    let several = try workplace.run(line: "report runs-gru broken")
    #expect(several.output.contains("2 runs: 1 complete, 1 diverged"))
    #expect(try workplace.text("report.html").contains("Diverged."))
    #expect(try workplace.run(line: "report . --out all.html").status == 0)
    // The page is that of the same runs, named from the folder above.
    #expect(try workplace.text("all.html").contains("2 runs of adding"))
  }

  @Test("The JSON object names the page and each run with its state")
  func json() throws {
    let workplace = try trained()
    let run = try workplace.run(line: "report runs-gru broken --out page.html --json")
    let record = try #require(try run.records().first)
    #expect(record["file"] as? String == "page.html")
    #expect(record["bytes"] as? Int == (try workplace.data("page.html").count))
    let runs = try #require(record["runs"] as? [[String: Any]])
    #expect(runs.map { $0["state"] as? String } == ["complete", "diverged"])
    #expect(runs.map { $0["cell"] as? String } == ["gru", "lstm"])
    #expect(runs[0]["value"] is Double && runs[1]["value"] is NSNull)
    #expect(runs[0]["samples"] as? Int == 8)
  }

  @Test("A folder of a comparison counts as all its runs")
  func comparison() throws {
    let workplace = try Workplace()
    let line = Self.tiny.replacing("train", with: "compare", maxReplacements: 1)
    #expect(try workplace.run(line: line + " --cells lstm,gru --seeds 2 --steps 20 --out cmp").status == 0)
    let run = try workplace.run(line: "report cmp")
    #expect(run.status == 0 && run.output.contains("4 runs: 4 complete"), "\(run.error)")
  }

  @Test("Missing data are reported on standard error, and the page is made")
  func missingData() throws {
    let workplace = try Workplace()
    #expect(try workplace.run(line: Self.tiny + " --steps 20 --out run").status == 0)
    let config = try workplace.text("run/config.json")
      .replacing("\"adding\"", with: "\"smnist\"").replacing(/\{\s*"length" : 6\s*\}/, with: "{}")
    try Data(config.utf8).write(to: URL(fileURLWithPath: workplace.path + "/run/config.json"))
    let header =
      "step,training_loss,validation_accuracy,validation_cross_entropy,learning_rate,gradient_norm\n"
    for (file, text) in [("metrics.csv", header + "10,2.3,0.1,2.3,0.001,1\n")] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/run/" + file))
    }
    try FileManager.default.removeItem(atPath: workplace.path + "/run/result.json")
    let run = try workplace.run(line: "report run --data nowhere")
    #expect(run.status == 0)
    #expect(run.errorLines.count == 1)
    #expect(run.error.hasPrefix("cellgate: smnist: no samples: nowhere/mnist/train-images-idx3-ubyte"))
    #expect(try workplace.text("run/report.html").contains("There are no samples: nowhere/mnist"))
  }

  @Test("What is wrong is reported in a line, with the exit code for it")
  func errors() throws {
    let workplace = try trained()
    func expect(_ line: String, _ status: Int32, _ text: String) throws {
      let run = try workplace.run(line: line)
      #expect(run.status == status && run.errorLines.count == 1 && run.error.contains(text), "\(run.error)")
    }
    try expect("report nothing", 66, "nothing: not a run's folder")
    try expect("report", 64, "run")
    try expect("report runs-gru --out no/page.html", 73, "no/page.html: cannot create")
    try Data("x".utf8).write(to: URL(fileURLWithPath: workplace.path + "/runs-gru/model.safetensors"))
    try expect("report runs-gru", 65, "runs-gru/model.safetensors")
    try Data("{}".utf8).write(to: URL(fileURLWithPath: workplace.path + "/broken/config.json"))
    try expect("report broken", 65, "broken/config.json")
  }
}
