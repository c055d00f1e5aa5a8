import Foundation
import Testing

@Suite("cellgate score captions")
struct ScoreCommandTests {
  private let workplace: Workplace

  init() throws {
    workplace = try Workplace()
    try write(
      "r1.txt",
      "A red kite flies over the harbour.\nTwo cats sleep on the sofa.\nThe old clock doesn't work.\n")
    try write("r2.txt", "A kite is flying, high above some boats!\nTwo cats are asleep on a sofa\nhats\n")
    try write("c.txt", "a red kite is flying over the boats\ntwo cats sleep on the sofa\nhat\n")
    try write("r.json", #"[{"image_id":1,"caption":"a dog"},{"image_id":"b","caption":"a cat"}]"#)
    try write("c.json", #"[{"image_id":"b","caption":"a cat"},{"image_id":1,"caption":"the dog"}]"#)
  }

  private func write(_ name: String, _ text: String) throws {
    try text.write(toFile: workplace.path + "/" + name, atomically: true, encoding: .utf8)
  }

  private static let keys = [
    "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr", "CIDEr_plain",
  ]

  @Test("The JSON object has the promised keys in their order, and METEOR null with a line that says why")
  func json() throws {
    let run = try workplace.run(line: "score captions --references r1.txt r2.txt --candidates c.txt --json")
    #expect(run.status == 0)
    let record = try #require(try run.records().first)
    #expect(Set(record.keys) == Set(Self.keys) && record["METEOR"] is NSNull)
    let places = Self.keys.map { run.output.firstRange(of: "\"\($0)\"")?.lowerBound }
    #expect(places == places.sorted { ($0 ?? run.output.endIndex) < ($1 ?? run.output.endIndex) })
    #expect(run.errorLines.count == 1 && run.error.contains("--meteor-data"))
    #expect((record["Bleu_1"] as? Double ?? 0) > 0.9)
  }

  @Test("People get a table of the scores times 100")
  func table() throws {
    let run = try workplace.run(
      line: "score captions --references r1.txt --references r2.txt --candidates c.txt")
    #expect(run.status == 0 && run.output.contains("3 pictures, 6 references"))
    for name in ["BLEU-1", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr (CIDEr-D)", "CIDEr, plain"] {
      #expect(run.output.contains("  \(name) "), "\(name)")
    }
  }

  @Test("Scores of each picture are written as JSON Lines and as CSV")
  func pictures() throws {
    let line = "score captions --references r.json --candidates c.json --tokenized --json --per-picture "
    #expect(try workplace.run(line: line + "p.jsonl").status == 0)
    let lines = try String(contentsOfFile: workplace.path + "/p.jsonl", encoding: .utf8).split(
      separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("{\"image_id\":1,\"Bleu_1\":0.4999"))
    #expect(lines[1].hasPrefix("{\"image_id\":\"b\","))
    #expect(try workplace.run(line: line + "p.csv").status == 0)
    let table = try String(contentsOfFile: workplace.path + "/p.csv", encoding: .utf8)
    #expect(
      table.hasPrefix("image_id,Bleu_1,Bleu_2,Bleu_3,Bleu_4,METEOR,ROUGE_L,CIDEr,CIDEr_plain\n1,0.4999"))
  }

  @Test("Mistakes are one line with the file and the pictures, and the right exit code")
  func mistakes() throws {
    try write("one.json", #"[{"image_id":1,"caption":"x"}]"#)
    try write("cut.json", #"[{"image_id":1,"caption":"x"},{"image_id":"#)
    func error(_ line: String, _ status: Int32) throws -> String {
      let run = try workplace.run(line: "score captions " + line)
      #expect(run.status == status && run.output.isEmpty && run.errorLines.count == 1, "\(run.error)")
      return run.error
    }
    #expect(try error("--references one.json --candidates r.json", 65).contains("found picture b"))
    #expect(try error("--references r.json --candidates cut.json", 65).contains("cut off"))
    #expect(try error("--references r.json --candidates no.json", 66).contains("no.json: no such file"))
    #expect(try error("--references r.json --candidates c.json --split x", 64).contains("--split"))
    #expect(
      try error("--references r.json --candidates c.json --meteor-data .", 66).contains("meteor-1.5.jar"))
    let common = try workplace.run(
      line: "score captions --references one.json --candidates c.json --common --json")
    #expect(common.status == 0, "\(common.error)")
    let fewer = try workplace.run(line: "score captions --references r.json --candidates one.json --json")
    #expect(fewer.status == 0, "\(fewer.error)")
  }
}
