import Foundation
import Testing

/// The commands on a run's folder with a value replaced; `MutatedRunTests` replaces many more, in the library.
@Suite("Commands on folders with a wrong value")
struct DamagedFolderTests {
  /// A text, and a run on it that was stopped.
  private func trained() throws -> Workplace {
    let workplace = try Workplace()
    try write(String(repeating: "ab\nac\n\nbd", count: 30), "my.txt", in: workplace)
    let run = try workplace.run(
      line: "train text --data my.txt --hidden 2 --embedding 2 --length 3 --batch 2 --steps 6 --out good"
        + " --evaluation-interval 3 --valid-percent 10 --test-percent 10 --diagnostics-every 2")
    #expect(run.status == 0, "\(run.error)")
    return workplace
  }

  private func write(_ text: String, _ file: String, in workplace: Workplace) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/" + file))
  }

  /// A field of the settings, and what is put in its place.
  private static let wrong = [
    ("valid-percent", "9223372036854775807"), ("test-percent", "9223372036854775807"),
    ("hidden", "2147483648"), ("symbols", "-1"), ("layers", "9223372036854775807"), ("seed", "-1"),
    ("hidden", "\"\(String(repeating: "\\n", count: 9000))\""),
  ]

  @Test("Each is named in one short line, exit code 65")
  func named() throws {
    let workplace = try trained()
    let config = try workplace.text("good/config.json")
    try FileManager.default.copyItem(atPath: workplace.path + "/good", toPath: workplace.path + "/bad")
    for (field, value) in Self.wrong {
      let place = try #require(config.firstMatch(of: try Regex("\"\(field)\" : [0-9]+")), "no \(field)")
      let text = config.replacingCharacters(in: place.range, with: "\"\(field)\" : \(value)")
      try write(text, "bad/config.json", in: workplace)
      for line in ["evaluate bad", "generate bad", "report bad", "train text --out bad --resume"] {
        let run = try workplace.run(line: line)
        #expect(run.status == 65 && run.output.isEmpty, "\(field), \(line): \(run.error)")
        #expect(
          run.errorLines.count == 1 && run.error.utf8.count < 1000, "\(field), \(line): \(run.error)")
        #expect(run.error.hasPrefix("cellgate: bad/config.json: ") && run.error.contains(field))
      }
      let report = try workplace.run(line: "report good bad --out both.html")
      #expect(report.status == 0 && report.errorLines.count == 1)
      #expect(report.error.contains("bad/config.json") && report.error.contains("the run is left out"))
      #expect(try workplace.text("both.html").contains("A run is left out"))
    }
  }
}
