import Foundation
import Testing

@Suite("cellgate train forecast")
struct ForecastCommandTests {
  /// 240 hours of a wave of a day.
  static func write(_ workplace: Workplace, rows: Int = 240, line: (Int) -> String = { wave($0) }) throws {
    let text = "date,a,b\n" + (0..<rows).map { line($0) + "\n" }.joined()
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/s.csv"))
  }

  static func wave(_ hour: Int) -> String {
    let day = 1 + hour / 24
    let time = "2020-01-\(day < 10 ? "0" : "")\(day) \(hour % 24 < 10 ? "0" : "")\(hour % 24):00:00"
    return "\(time),\(sin(Double(hour) * .pi / 12)),\(hour % 5)"
  }

  static let train =
    "train forecast --data s.csv --time date --horizon 6 --hidden 4 --batch 16 --epochs 1 --threads 1 --out run"

  @Test("A run is scored beside the naive forecasts, forecasts new data and is shown")
  func walk() throws {
    let workplace = try Workplace()
    try Self.write(workplace)
    let run = try workplace.run(line: Self.train + " --target all --json")
    #expect(run.status == 0, "\(run.error)")
    let result = try #require(try run.records().last)
    let extras = try #require(result["extras"] as? [String: Any])
    #expect(
      Set(extras.keys) == [
        "mae", "rmse", "mase", "smape", "pinball", "crps", "coverage", "skill_persistence",
        "skill_seasonal",
      ])
    let again = try workplace.run(line: "evaluate run --json")
    #expect(try #require(try again.records().first)["value"] as? Double == result["value"] as? Double)
    let predicted = try workplace.run(line: "predict run --data s.csv --out p.csv")
    #expect(predicted.status == 0, "\(predicted.error)")
    let rows = try workplace.text("p.csv").split(separator: "\n").map(String.init)
    #expect(rows[0] == "id,time,target,step,mean,q10,q50,q90" && rows.count == 13)
    #expect(rows[1].hasPrefix(",2020-01-11 00:00:00,a,1,") && rows[12].hasPrefix(",2020-01-11 05:00:00,b,6,"))
    #expect(
      rows.dropFirst().allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 8 })
    let file = try workplace.run(line: "predict run/model.safetensors --data s.csv --out q.csv --batch 1")
    #expect(file.status == 0)
    #expect(try workplace.text("q.csv") == workplace.text("p.csv"))
    let report = try workplace.run(line: "report run")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("run/report.html").contains("Test series"))
    let other = try workplace.run(line: "evaluate run --data s.csv --json")
    #expect(other.status == 0, "\(other.error)")
    #expect(try workplace.run(line: "summary run").output.contains("forecast"))
  }

  @Test("--targets is --target, and both are too many")
  func spellings() throws {
    let workplace = try Workplace()
    try Self.write(workplace)
    let both = try workplace.run(line: Self.train + " --target a --targets b")
    #expect(both.status == 64 && both.error.contains("expected only one of --target and --targets"))
    let run = try workplace.run(line: Self.train + " --targets b")
    #expect(run.status == 0, "\(run.error)")
    #expect(try workplace.run(line: "predict run --data s.csv --out p.csv").status == 0)
    #expect(try workplace.text("p.csv").split(separator: "\n").count == 7)
    let name = try workplace.run(line: "predict run --data s.csv --out p.npz")
    #expect(name.status == 64 && name.errorLines.count == 1)
  }

  @Test("Bad tables end with one line and leave nothing")
  func errors() throws {
    let workplace = try Workplace()
    func fails(_ status: Int32, _ words: String, _ options: String = "", line: (Int) -> String) throws {
      try Self.write(workplace, rows: 60, line: line)
      let run = try workplace.run(line: Self.train + " " + options)
      #expect(run.status == status && run.errorLines.count == 1, "\(run.error)")
      #expect(run.error.contains(words), "\(run.error)")
      #expect(!workplace.has("run"))
    }
    try fails(65, "line 4: column 'date': expected a time after") { Self.wave($0 == 2 ? 1 : $0) }
    try fails(65, "found the constant 1") { String(Self.wave($0).prefix(19)) + ",1,1" }
    try fails(65, "line 12: column 'a': expected a number", "--target a") {
      $0 == 10 ? String(Self.wave($0).prefix(19)) + ",much,1" : Self.wave($0)
    }
    try fails(65, "the horizon", "--horizon 100") { Self.wave($0) }
    try fails(65, "expected a column 'c'", "--target c") { Self.wave($0) }
    try fails(64, "split", "--split 0.5,0.5") { Self.wave($0) }
    let missing = try workplace.run(line: "train forecast --data none.csv --horizon 3")
    #expect(missing.status == 66 && missing.errorLines.count == 1)
    let none = try workplace.run(line: "train forecast --horizon 3")
    #expect(none.status == 64 && none.error.contains("expected a table of your own"))
  }
}
