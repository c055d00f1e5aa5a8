import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train tag, evaluate, predict and report")
struct TagCommandTests {
  private let sentences = (0..<40).map { number in
    let name = ["Ada", "Emmy", "Kurt"][number % 3]
    return number % 2 == 0 ? "\(name) B-PER\nsleeps O\n\n" : "the O\nsea O\nwakes O\n\(name) B-PER\n\n"
  }.joined()

  private func write(_ text: String, _ name: String, in workplace: Workplace) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/" + name))
  }

  @Test("A file of sentences trains a model, which is scored, shown, and tags new ones")
  func all() throws {
    let workplace = try Workplace()
    try write(sentences, "train.conll", in: workplace)
    try write(sentences, "test.conll", in: workplace)
    let run = try workplace.run(
      line:
        "train tag --data train.conll --test test.conll --columns token,tag --cell gru --hidden 8 --embedding 8 "
        + "--character-units 8 --steps 40 --dropout 0 --learning-rate 0.03 --threads 1 --out run --json")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.error.contains("4 sentences of --data, held out for want of --valid"), "\(run.error)")
    let last = try #require(try run.records().last)
    let extras = try #require(last["extras"] as? [String: Any])
    #expect(last["value"] as? Double == 1 && last["metric"] as? String == "accuracy", "\(last)")
    #expect(extras["span_f1"] as? Double == 1 && extras["span_f1_PER"] as? Double == 1)
    #expect(last["selection"] as? String == "span_f1" && last["selection_value"] as? Double == 1)
    let evaluated = try #require(try run.records().first { $0["record"] as? String == "evaluation" })
    #expect(evaluated["selection"] as? String == "span_f1" && evaluated["selection_value"] is Double)
    let scored = try workplace.run(line: "evaluate run --data test.conll --threads 1 --json")
    #expect(scored.status == 0, "\(scored.error)")
    let score = try #require(try scored.records().last?["extras"] as? [String: Any])
    #expect(score["span_precision_PER"] as? Double == 1)
    try write("# new\nAda\nsleeps\n\nthe\nsea\nwakes\nEmmy\n", "new.conll", in: workplace)
    for model in ["run", "run/model.safetensors"] {
      let predicted = try workplace.run(
        line: "predict \(model) --data new.conll --out out.conll --threads 1 --json")
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.records().last?["tokens"] as? Int == 6)
      #expect(
        try workplace.text("out.conll")
          == "# new\nAda\tB-PER\nsleeps\tO\n\nthe\tO\nsea\tO\nwakes\tO\nEmmy\tB-PER\n")
    }
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    let page = try workplace.text("report.html")
    #expect(page.contains("class=\"tagged\"") && page.contains("chosen by validation span f1 1"))
  }

  @Test("Tags that are no spans have no scores of spans, and a comparison says what models were chosen by")
  func noSpans() throws {
    let workplace = try Workplace()
    let sizes = "--hidden 4 --embedding 4 --character-units 4 --steps 3 --threads 1"
    try write((0..<12).map { "w\($0) X\nv Y\n\n" }.joined(), "classes.conll", in: workplace)
    let run = try workplace.run(line: "train tag --data classes.conll \(sizes) --out run")
    #expect(run.status == 0 && run.output.contains("Test accuracy"), "\(run.error)")
    #expect(!run.output.contains("span") && !run.output.contains("chosen by"), "\(run.output)")
    for file in ["run/result.json", "run/metrics.csv"] {
      #expect(!(try workplace.text(file)).contains("span"), "\(file)")
    }
    let score = try workplace.run(line: "evaluate run --threads 1")
    #expect(score.status == 0 && !score.output.contains("span"), "\(score.error)")
    try write(sentences, "spans.conll", in: workplace)
    let spans = try workplace.run(line: "train tag --data spans.conll \(sizes) --out spans")
    #expect(spans.output.contains(", chosen by validation span f1, "), "\(spans.output)")
    let both = try workplace.run(
      line: "compare tag --data spans.conll --cells gru,rnn-tanh \(sizes) --seeds 1 --out both")
    #expect(
      both.output.contains("Test accuracy of the best model, chosen by validation span f1, higher"),
      "\(both.output)\(both.error)")
    #expect(try workplace.text("both/compare.json").contains("\"selection\" : \"span_f1\""))
  }

  @Test("What is wrong is one line, and nothing is written")
  func errors() throws {
    let workplace = try Workplace()
    try write("a X\nb\n", "a.conll", in: workplace)
    let columns = try workplace.run(line: "train tag --data a.conll --out run")
    #expect(columns.status == 65 && columns.error.contains("line 2: expected 2 columns"), "\(columns.error)")
    let none = try workplace.run(line: "train tag --out run")
    #expect(none.status == 64 && none.error.contains("--data FILE"), "\(none.error)")
    let names = try workplace.run(line: "train tag --data a.conll --columns word,label --out run")
    #expect(names.status == 64 && names.error.contains("--columns"), "\(names.error)")
    let missing = try workplace.run(line: "train tag --data none.conll --out run")
    #expect(missing.status == 66, "\(missing.error)")
    #expect(!FileManager.default.fileExists(atPath: workplace.path + "/run"))
  }
}
