import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train answer, evaluate, predict and report")
struct AnswerCommandTests {
  private let stories = (0..<60).map { number in
    let places = ["attic", "cellar", "garden"]
    return
      "1 Ada went to the \(places[number % 3]).\n2 Kurt went to the \(places[number / 3 % 3]).\n"
      + "3 Where is Ada?\t\(places[number % 3])\t1\n4 Where is Kurt?\t\(places[number / 3 % 3])\t2\n"
  }.joined()

  private func write(_ text: String, _ name: String, in workplace: Workplace) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/" + name))
  }

  private static let sizes = "--cell gru --hidden 8 --embedding 8 --attention 8 --threads 1"

  @Test("A file of stories trains a model, which is scored, shown, and answers new questions")
  func all() throws {
    let workplace = try Workplace()
    try write(stories, "train.txt", in: workplace)
    let run = try workplace.run(
      line: "train answer --data train.txt --test train.txt --model attention --steps 100 --dropout 0 "
        + "--learning-rate 0.03 --out run --json \(Self.sizes)")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.error.contains("12 questions of --data, held out for want of --valid"), "\(run.error)")
    let last = try #require(try run.records().last)
    #expect(last["metric"] as? String == "accuracy" && (last["value"] as? Double ?? 0) > 0.9, "\(last)")
    #expect((last["extras"] as? [String: Any])?["log_loss"] is Double)
    let questions = """
      {"context": "Kurt went to the attic. Ada went to the garden.", "question": "Where is Ada?", "id": "a"}
      {"context": ["Ada went to the cellar."], "question": "Where is Ada?", "id": "b"}
      """
    try write(questions, "new.jsonl", in: workplace)
    for model in ["run", "run/model.safetensors"] {
      let predicted = try workplace.run(line: "predict \(model) --data new.jsonl --out out.csv --json")
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.records().last?["samples"] as? Int == 2)
      let lines = try workplace.text("out.csv").split(separator: "\n").map { $0.split(separator: ",") }
      #expect(lines[0] == ["id", "question", "prediction", "probability", "sentences"])
      #expect(lines[1][0] == "a" && lines[1][2] == "garden" && lines[1][4] == "2")
      #expect(lines[2][2] == "cellar" && lines[2][4] == "1")
    }
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("test questions"))
    let wrong = try workplace.run(line: "predict run --data new.jsonl --out out.txt")
    #expect(wrong.status == 64 && wrong.error.contains(".csv"))
  }

  @Test("Bad files and options end with one line and leave nothing")
  func mistakes() throws {
    let workplace = try Workplace()
    try write("1 Ada.\n2 Who?\tAda\t9\n", "bad.txt", in: workplace)
    try write(stories, "train.txt", in: workplace)
    for (line, status, part) in [
      ("--data bad.txt", 65, "bad.txt: line 2: expected the number of a sentence"), ("", 64, "--data FILE"),
      ("--data train.txt --model looks", 64, "attention"),
      ("--data train.txt --supporting -1", 64, "--supporting"),
      ("--data train.txt --valid-percent 60 --test-percent 60", 64, "valid-percent"),
    ] as [(String, Int32, String)] {
      let run = try workplace.run(line: "train answer \(line) --out run \(Self.sizes)")
      #expect(run.status == status && run.error.contains(part), "\(line): \(run.status), \(run.error)")
      #expect(run.errorLines.count == 1 && !workplace.has("run"))
    }
  }
}
