import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train classify, evaluate and predict")
struct ClassifyCommandTests {
  private let table =
    "id;t;a;y\n"
    + (0..<60).flatMap { group in
      (0..<4).map { "s\(group);\($0);\(group % 2 == 0 ? $0 : -$0),5;\(group % 2 == 0 ? "up" : "down")\n" }
    }.joined()

  @Test("A long table trains a model, which is scored and takes raw rows without classes")
  func long() throws {
    let workplace = try Workplace()
    try Data(table.utf8).write(to: URL(fileURLWithPath: workplace.path + "/log.csv"))
    let run = try workplace.run(
      line:
        "train classify --data log.csv --group id --time t --features a --label y --hidden 8 --steps 60 --warm-up 0 "
        + "--learning-rate 0.02 --threads 1 --out run --json")
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    let extras = try #require(last["extras"] as? [String: Any])
    #expect(last["value"] as? Double == 1, "\(last)")
    #expect(extras["macro_f1"] as? Double == 1 && extras["auc"] as? Double == 1)
    let scored = try workplace.run(line: "evaluate run --threads 1 --json")
    #expect(scored.status == 0, "\(scored.error)")
    try Data("id;t;a\nx;1;3,5\nx;0;1,5\ny;0;-2,5\ny;1;-4,5\n".utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/new.csv"))
    for model in ["run", "run/model.safetensors"] {
      let predicted = try workplace.run(
        line: "predict \(model) --data new.csv --out out.csv --threads 1 --json")
      #expect(predicted.status == 0, "\(predicted.error)")
      let lines = try workplace.text("out.csv").split(separator: "\n")
      #expect(lines[0] == "id,prediction,probability_down,probability_up")
      #expect(lines[1].hasPrefix("x,up,") && lines[2].hasPrefix("y,down,"))
    }
  }

  @Test(
    "Rows of several labels train a model, which is described, scored, shown, and finds labels of raw rows")
  func labels() throws {
    let workplace = try Workplace()
    let (words, names) = (["bright", "wet", "stormy"], ["sun", "rain", "strong wind"])
    let rows = (0..<80).map { number in
      let own = (0..<3).filter { (number + number / 8) >> $0 & 1 == 1 }
      return
        "a day \(own.map { words[$0] }.joined(separator: " ")),\(own.map { names[$0] }.joined(separator: ", "))"
        .replacing(",", with: ",\"", maxReplacements: 1) + "\"\n"
    }
    try Data(("text,tags\n" + rows.joined()).utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/days.csv"))
    let columns = "--data days.csv --text text --label tags --multi-label"
    let described = try workplace.run(line: "train classify \(columns) --describe --json")
    #expect(described.status == 0, "\(described.error)")
    let classes = try #require(try described.records().last?["classes"] as? [[String: Any]])
    #expect(classes.map { $0["label"] as? String } == ["rain", "strong wind", "sun"])
    #expect(classes.map { $0["count"] as? Int } == [40, 40, 40])
    let run = try workplace.run(
      line:
        "train classify \(columns) --hidden 8 --embedding 8 --steps 100 --warm-up 0 --learning-rate 0.02 "
        + "--threads 1 --out run --json")
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    let extras = try #require(last["extras"] as? [String: Any])
    #expect(last["task"] as? String == "multi-label" && last["metric"] as? String == "accuracy")
    #expect(last["value"] as? Double == 1 && extras["micro_f1"] as? Double == 1, "\(last)")
    #expect(extras["auc_strong wind"] as? Double == 1 && extras["hamming_loss"] as? Double == 0)
    try Data("text\na stormy and wet day\na day\n".utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/new.csv"))
    let predicted = try workplace.run(line: "predict run --data new.csv --out out.csv --threads 1")
    #expect(predicted.status == 0 && predicted.output.contains("1  strong wind"), "\(predicted.error)")
    let lines = try workplace.text("out.csv").split(separator: "\n")
    #expect(lines[0] == "row,prediction,probability_rain,probability_strong wind,probability_sun")
    #expect(lines[1].hasPrefix("1,\"rain,strong wind\",") && lines[2].hasPrefix("2,,"), "\(lines)")
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("rain, strong wind"))
    let both = try workplace.run(line: "train classify \(columns) --regress")
    #expect(both.status == 64 && both.error.contains("--regress and --multi-label"), "\(both.error)")
    let other = try workplace.run(line: "train adding --multi-label")
    #expect(other.status == 64 && other.error.contains("--multi-label: is no option"), "\(other.error)")
  }

  @Test("What is wrong is one line, and nothing is written")
  func errors() throws {
    let workplace = try Workplace()
    try Data("a,b\n1,x\n".utf8).write(to: URL(fileURLWithPath: workplace.path + "/a.csv"))
    let column = try workplace.run(line: "train classify --data a.csv --text review --label b --out run")
    #expect(column.status == 65 && column.error.contains("expected a column 'review'"), "\(column.error)")
    let none = try workplace.run(line: "train classify --out run")
    #expect(none.status == 64 && none.error.contains("--data FILE"), "\(none.error)")
    let label = try workplace.run(line: "train classify --data a.csv --text a --out run")
    #expect(label.status == 64 && label.error.contains("label"), "\(label.error)")
    #expect(!FileManager.default.fileExists(atPath: workplace.path + "/run"))
  }
}
