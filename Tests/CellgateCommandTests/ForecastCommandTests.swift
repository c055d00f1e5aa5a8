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

  @Test("Paths are drawn by seed, and a model is scored at moving origins, trained on or not")
  func pathsAndBacktest() throws {
    let workplace = try Workplace()
    try Self.write(workplace)
    #expect(try workplace.run(line: Self.train + " --target a --split 0.6,0.1,0.3").status == 0)
    let draw = "predict run --data s.csv --samples 3"
    let drawn = try workplace.run(line: draw + " --seed 5 --out p.csv --json")
    #expect(drawn.status == 0, "\(drawn.error)")
    #expect(try #require(drawn.records().first)["paths"] as? Int == 3)
    let rows = try workplace.text("p.csv").split(separator: "\n").map(String.init)
    #expect(rows[0] == "id,time,target,step,sample,value" && rows.count == 19)
    #expect(rows[18].hasPrefix(",2020-01-11 05:00:00,a,6,3,"))
    #expect(try workplace.run(line: draw + " --seed 5 --out q.csv --batch 1").status == 0)
    #expect(try workplace.run(line: draw + " --out r.csv").status == 0)
    #expect(try workplace.text("q.csv") == workplace.text("p.csv"))
    #expect(try workplace.text("r.csv") != workplace.text("p.csv"))
    let seed = try workplace.run(line: "predict run --data s.csv --out p.csv --seed 1")
    #expect(seed.status == 64 && seed.error.contains("--seed: expected --samples as well"))

    let before = try workplace.text("run/config.json")
    for refit in ["", " --refit --refit-updates 2"] {
      let run = try workplace.run(line: "evaluate run --backtest 3 --stride 4 --json" + refit)
      #expect(run.status == 0, "\(run.error)")
      let record = try #require(try run.records().first)
      let origins = try #require(record["origins"] as? [[String: Any]])
      #expect(
        origins.compactMap { $0["time"] as? String }.map { String($0.suffix(8)) } == [
          "10:00:00", "14:00:00", "18:00:00",
        ])
      #expect(record["windows"] as? Int == 3 && record["stride"] as? Int == 4)
      #expect(record["refit_updates"] as? Int == (refit.isEmpty ? nil : 2))
      let extras = try #require(origins[0]["extras"] as? [String: Any])
      #expect(extras["skill_seasonal"] is Double && origins[0]["value"] is Double)
    }
    #expect(try workplace.text("run/config.json") == before)
    let table = try workplace.run(line: "evaluate run --backtest 2 --data s.csv")
    #expect(
      table.status == 0 && table.output.contains("2020-01-10 12:00:00"), "\(table.output)\(table.error)")
    func fails(_ status: Int32, _ words: String, _ options: String) throws {
      let run = try workplace.run(line: "evaluate run " + options)
      #expect(run.status == status && run.errorLines.count == 1, "\(run.error)")
      #expect(run.error.contains(words), "\(run.error)")
    }
    try fails(64, "--stride: expected --backtest as well", "--stride 3")
    try fails(64, "--refit: expected --backtest as well", "--refit")
    try fails(64, "--refit-updates: expected --refit as well", "--backtest 2 --refit-updates 3")
    try fails(64, "--backtest: expected none of", "--backtest 2 --split validation")
    try fails(65, "room for 40 origins", "--backtest 40")
  }

  @Test("Static columns and categories are trained on, and are in the model's file")
  func categories() throws {
    let workplace = try Workplace()
    let days = ["mon", "tue", "wed"]
    let text =
      "shop,t,v,day,town\n"
      + (0..<120).flatMap { step in
        ["x", "y"].map { "\($0),\(step),\(step % 5),\(days[step % 3]),\($0)ville\n" }
      }.joined()
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/s.csv"))
    let train =
      "train forecast --data s.csv --time t --target v --group shop --future day --horizon 6 --hidden 4 "
      + "--batch 16 --epochs 1 --threads 1 --static town --out run"
    let run = try workplace.run(line: train)
    #expect(run.status == 0, "\(run.error)")
    #expect(try workplace.run(line: "evaluate run").status == 0)
    #expect(
      try workplace.run(line: "evaluate run --data s.csv --backtest 2 --refit --refit-updates 1").status == 0)
    let next = text + (120..<126).map { "x,\($0),,sun,xville\ny,\($0),,mon,yville\n" }.joined()
    try Data(next.utf8).write(to: URL(fileURLWithPath: workplace.path + "/n.csv"))
    let predicted = try workplace.run(line: "predict run/model.safetensors --data n.csv --out p.csv")
    #expect(predicted.status == 0, "\(predicted.error)")
    #expect(try workplace.text("p.csv").split(separator: "\n").count == 13)
    let wrong = text.replacingOccurrences(of: "y,7,2,tue,yville", with: "y,7,2,tue,elsewhere")
    try Data(wrong.utf8).write(to: URL(fileURLWithPath: workplace.path + "/s.csv"))
    let changing = try workplace.run(line: train.replacingOccurrences(of: "--out run", with: "--out other"))
    #expect(changing.status == 65 && changing.errorLines.count == 1 && !workplace.has("other"))
    #expect(changing.error.contains("s.csv: line 17: column 'town': expected 'yville'"), "\(changing.error)")
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
