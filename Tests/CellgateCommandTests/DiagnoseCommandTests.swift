import Foundation
import Testing

@Suite("cellgate diagnose, and --diagnostics")
struct DiagnoseCommandTests {
  static let tiny =
    "train adding --cell lstm-wm --length 6 --hidden 4 --batch 4 --threads 1 --evaluation-interval 10 --steps 30"

  @Test("A run with --diagnostics leaves its observations and figures in the folder")
  func train() throws {
    let workplace = try Workplace()
    let run = try workplace.run(line: Self.tiny + " --diagnostics-every 10 --out run")
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("diagnostics.csv"))
    let lines = try workplace.text("run/diagnostics.csv").split(separator: "\n")
    // The header, and three times 2 states, 3 gates, and 3 memory products three times.
    #expect(lines.count == 1 + 3 * (2 + 3 + 9))
    #expect(try workplace.text("run/gradients.csv").split(separator: "\n").count == 1 + 3 * 12)
    #expect(try workplace.text("run/diagnostics-states.svg").contains("<svg"))
    let plain = try workplace.run(line: Self.tiny + " --out plain")
    #expect(plain.status == 0)
    #expect(try workplace.data("plain/metrics.csv") == workplace.data("run/metrics.csv"))
    #expect(try workplace.data("plain/config.json") == workplace.data("run/config.json"))

    let usual = try workplace.run(line: Self.tiny + " --diagnostics --out usual")
    #expect(usual.status == 0)
    let steps = try workplace.text("usual/diagnostics.csv").split(separator: "\n").dropFirst().map {
      $0.prefix { $0 != "," }
    }
    #expect(Set(steps) == ["0"])
  }

  @Test("Runs are drawn side by side, with their last observation as a table or as JSON")
  func diagnose() throws {
    let workplace = try Workplace()
    let compare =
      "compare adding --cells lstm-wm,gru --length 6 --hidden 4 --batch 4 --threads 1 --steps 20 --diagnostics-every 8"
    let both = try workplace.run(line: compare + " --out both")
    #expect(both.status == 0, "\(both.error)")
    #expect(both.output.contains("diagnostics-….svg"))
    #expect(workplace.has("both/diagnostics-metric.svg"))
    let run = try workplace.run(line: "diagnose both --out figures")
    #expect(run.status == 0, "\(run.error)")
    for part in ["lstm-wm", "gru", "after 16 updates", "cₜ", "mean |W c|", "diagnostics-gate-saturation.svg"]
    {
      #expect(run.output.contains(part), "\(part) is missing in\n\(run.output)")
    }
    #expect(
      try workplace.data("figures/diagnostics-states.svg") == workplace.data("both/diagnostics-states.svg"))
    let one = try #require(try workplace.run(line: "diagnose both/gru-seed1 --json").records().first)
    #expect(one["directory"] as? String == "both/gru-seed1")
    #expect((one["figures"] as? [String])?.contains("diagnostics-gradients-h.svg") == true)
    let last = try #require(one["last"] as? [[String: Any]])
    #expect(last.compactMap { $0["name"] as? String } == ["h", "r", "z"])
    #expect(last.allSatisfy { $0["step"] as? Int == 16 && $0["value"] is Double })
  }

  @Test("Mistakes are reported in one line")
  func mistakes() throws {
    let workplace = try Workplace()
    let number = try workplace.run(line: Self.tiny + " --diagnostics-every 0 --hidden x")
    #expect(number.status == 64)
    #expect(number.errorLines.count == 2)
    #expect(
      number.error.contains("--diagnostics-every: expected a whole number of at least 1, found '0'"))
    let nothing = try workplace.run(line: "diagnose nowhere")
    #expect(nothing.status == 66)
    #expect(nothing.error.contains("nowhere: expected diagnostics.csv, found none"))
    let several = try workplace.run(line: "diagnose a b")
    #expect(several.status == 64)
    #expect(
      several.errorLines == ["cellgate: --out: expected a folder for the figures of several runs, found none"]
    )
  }
}
