import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train encoder, evaluate, predict and report")
struct EncoderCommandTests {
  private static let sizes =
    "--cell gru --hidden 6 --embedding 8 --dimension 5 --threads 1 --batch 8 --least-count 1"

  private func write(_ text: String, _ name: String, in workplace: Workplace) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/" + name))
  }

  private func pairs(_ range: Range<Int>) -> String {
    range.map { "thing w\($0 % 7) and x\($0)\tx\($0) with w\($0 % 7)\n" }.joined()
  }

  @Test("Pairs train a model, which is scored, compared, shown, and writes the vectors of texts")
  func all() throws {
    let workplace = try Workplace()
    try write(pairs(0..<40), "a.tsv", in: workplace)
    let run = try workplace.run(line: "train encoder --pairs a.tsv --steps 10 --out run --json \(Self.sizes)")
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    #expect(last["metric"] as? String == "recall_at_1")
    let extras = try #require(last["extras"] as? [String: Any])
    for name in ["recall_at_5", "recall_at_10", "reciprocal_rank", "bm25_recall_at_1", "tfidf_recall_at_10"] {
      #expect(extras[name] is Double, "\(name)")
    }
    let again = try workplace.run(line: "evaluate run --json")
    #expect(try again.records().last?["value"] as? Double == last["value"] as? Double, "\(again.error)")
    try write(pairs(40..<50), "other.tsv", in: workplace)
    let other = try workplace.run(line: "evaluate run --data other.tsv --json")
    #expect(try other.records().last?["value"] is Double, "\(other.error)")

    try write("thing w1\n\nx2 with w3\n", "new.txt", in: workplace)
    let array = try workplace.run(line: "predict run --data new.txt --out v.npy --json")
    #expect(array.status == 0, "\(array.error)")
    #expect(try NumpyArray(path: workplace.path + "/v.npy").shape == [3, 5])
    let table = try workplace.run(line: "predict run --data new.txt --out v.csv")
    #expect(table.status == 0, "\(table.error)")
    let lines = try workplace.text("v.csv").split(separator: "\n")
    #expect(lines.count == 4 && lines[0] == "row,v1,v2,v3,v4,v5")
    let length = lines[1].split(separator: ",").dropFirst().reduce(0) {
      $0 + (Double($1) ?? 0) * (Double($1) ?? 0)
    }
    #expect(abs(length - 1) < 1e-5 && lines[2].hasPrefix("2,0"))
    let wrong = try workplace.run(line: "predict run --data new.txt --out v.txt")
    #expect(wrong.status == 64 && wrong.error.contains(".npy or .csv"))

    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("nearest of all test texts"))
    let compared = try workplace.run(
      line: "compare encoder --pairs a.tsv --cells gru,lstm --steps 4 --out both --json "
        + "--hidden 6 --embedding 8 --dimension 5 --threads 1 --batch 8 --least-count 1")
    #expect(compared.status == 0 && workplace.has("both/compare.json"), "\(compared.error)")
    let further = try workplace.run(
      line: "train encoder --pairs other.tsv --from run --steps 2 --out more --threads 1 --batch 4")
    #expect(further.status == 0, "\(further.error)")
  }

  @Test("Bad files and options end with one line and leave nothing")
  func mistakes() throws {
    let workplace = try Workplace()
    try write(pairs(0..<40), "a.tsv", in: workplace)
    try write("a b c\n", "one.tsv", in: workplace)
    try write("{\"a\n", "bad.jsonl", in: workplace)
    for (line, status, part) in [
      ("--pairs none.tsv", 66, "none.tsv: no such file"),
      ("--pairs one.tsv", 65, "line 1: expected two texts"),
      ("--data bad.jsonl", 65, "line 1: expected JSON"), ("--data .", 66, "token.txt: no such file"),
      ("--pairs a.tsv --temperature 0", 64, "temperature"), ("--pairs a.tsv --pooling sum", 64, "pooling"),
      ("--pairs a.tsv --valid-percent 60 --test-percent 40", 64, "valid-percent"),
    ] {
      let run = try workplace.run(line: "train encoder \(line) --out run \(Self.sizes)")
      #expect(run.status == status && run.error.contains(part), "\(line): \(run.status) \(run.error)")
      #expect(!FileManager.default.fileExists(atPath: workplace.path + "/run"))
    }
  }
}
