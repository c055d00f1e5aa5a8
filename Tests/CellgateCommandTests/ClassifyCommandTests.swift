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
