import CellgateFiles
import Foundation
import Testing

@Suite("cellgate score captions")
struct ScoreCommandTests {
  private static let names = [
    "Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr", "CIDEr_plain",
  ]

  private func write(_ text: String, _ name: String, in workplace: Workplace) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: workplace.path + "/" + name))
  }

  @Test("The same captions as COCO's files, JSON Lines and plain texts have the same scores")
  func forms() throws {
    let workplace = try Workplace()
    try write(
      """
      {"images": [{"id": 1}, {"id": 2}], "annotations": [
        {"image_id": 1, "id": 1, "caption": "A red ball on the grass."}, {"image_id": 1, "id": 2, "caption": "The ball is red."},
        {"image_id": 2, "id": 3, "caption": "A blue box."}, {"image_id": 2, "id": 4, "caption": "The box is blue, isn't it?"}]}
      """, "r.json", in: workplace)
    try write(
      "[{\"image_id\": 1, \"caption\": \"a red ball\"}, {\"image_id\": 2, \"caption\": \"the box is green\"}]",
      "c.json",
      in: workplace)
    try write(
      "{\"image_id\": 2, \"caption\": \"the box is green\"}\n{\"image_id\": 1, \"caption\": \"a red ball\"}\n",
      "c.jsonl",
      in: workplace)
    try write("A red ball on the grass.\nA blue box.\n", "r1.txt", in: workplace)
    try write("The ball is red.\nThe box is blue, isn't it?\n", "r2.txt", in: workplace)
    try write("a red ball\nthe box is green\n", "c.txt", in: workplace)
    var found: [[Double?]] = []
    for files in [
      "--references r.json --candidates c.json", "--references r.json --candidates c.jsonl",
      "--references r1.txt,r2.txt --candidates c.txt", "--references r1.txt r2.txt --candidates c.txt",
    ] {
      let run = try workplace.run(line: "score captions \(files) --json")
      #expect(
        run.status == 0 && run.errorLines.count == 1 && run.error.contains("--meteor-data"), "\(run.error)")
      let record = try #require(try run.records().first)
      #expect(record["METEOR"] is NSNull && Self.names.allSatisfy { record[$0] != nil })
      found.append(Self.names.map { record[$0] as? Double })
    }
    #expect(found.allSatisfy { $0 == found[0] } && (found[0][6] ?? 0) > 0)
    let table = try workplace.run(
      line: "score captions --references r.json --candidates c.json --per-picture p.csv")
    #expect(table.status == 0 && table.output.contains("CIDEr-plain"))
    let rows = try workplace.text("p.csv").split(separator: "\n")
    #expect(
      rows.count == 3 && rows[0] == "image_id,Bleu_1,Bleu_2,Bleu_3,Bleu_4,METEOR,ROUGE_L,CIDEr,CIDEr_plain")
    let one = try workplace.run(line: "score captions --references r.json --candidates one.json --json")
    #expect(one.status == 66)
  }

  @Test("Tokens are taken as they are, and a single picture has a CIDEr of 0")
  func tokenized() throws {
    let workplace = try Workplace()
    try write("A ball .\n", "r.txt", in: workplace)
    try write("A ball .\n", "c.txt", in: workplace)
    let run = try workplace.run(
      line: "score captions --references r.txt --candidates c.txt --tokenized --json")
    let record = try #require(try run.records().first)
    #expect(abs((record["Bleu_1"] as? Double ?? 0) - 1) < 1e-8 && record["CIDEr"] as? Double == 0)
  }

  @Test(
    "What is wrong is one line that names the file",
    arguments: [
      ("[{\"image_id\": 1, \"caption\": \"a\"}", 65, "ends too early"),
      ("[{\"image_id\": 1, \"caption\": \"a\"}, {\"image_id\": 1, \"caption\": \"b\"}]", 65, "found twice"),
      ("[{\"image_id\": 9, \"caption\": \"a\"}]", 65, "picture 9"), ("[{\"image_id\": 1}]", 65, "caption"),
      ("[]", 65, "c.json"), ("", 65, "c.json"), ("a ball\nthe box\n", 65, "c.json"),
    ])
  func mistakes(text: String, status: Int, part: String) throws {
    let workplace = try Workplace()
    try write("[{\"image_id\": 1, \"caption\": \"a ball\"}]", "r.json", in: workplace)
    try write(text, "c.json", in: workplace)
    let run = try workplace.run(line: "score captions --references r.json --candidates c.json --json")
    #expect(run.status == Int32(status) && run.error.contains(part), "\(run.error)")
    #expect(run.errorLines.count == 1 && run.output.isEmpty)
  }

  @Test("The known answers of pycocoevalcap, to 1e-12")
  func known() throws {
    guard let data = ProcessInfo.processInfo.environment["CELLGATE_DATA"],
      FileManager.default.fileExists(atPath: data + "/caption_metrics/ptb_expected.json")
    else {
      print("skipped: CELLGATE_DATA has no caption_metrics")
      return
    }
    for name in ["ptb_flickr8k_test_human", "ptb_flickr8k_test_shuffled", "ptb_tricky"] {
      let workplace = try Workplace()
      let file = data + "/caption_metrics/\(name).json.gz"
      let set = try #require(
        try JSONSerialization.jsonObject(
          with: Data(Gzip.decompress(Array(Data(contentsOf: URL(fileURLWithPath: file))), file: file, limit: 1 << 28)))
          as? [String: Any])
      let references = try #require(set["references"] as? [String: [String]])
      let candidates = try #require(set["candidates"] as? [String: [String]])
      func records(_ captions: [String: [String]]) throws -> Data {
        let all = captions.sorted { $0.key < $1.key }.flatMap { id, texts in
          texts.map { ["image_id": id, "caption": $0] }
        }
        return try JSONSerialization.data(withJSONObject: all)
      }
      try records(references).write(to: URL(fileURLWithPath: workplace.path + "/r.json"))
      try records(candidates).write(to: URL(fileURLWithPath: workplace.path + "/c.json"))
      let run = try workplace.run(
        line: "score captions --references r.json --candidates c.json --per-picture p.jsonl --json")
      #expect(run.status == 0, "\(run.error)")
      let found = try #require(try run.records().first)
      let expected = try #require(set["expected"] as? [String: Double])
      for (metric, value) in expected where metric != "METEOR" {
        #expect(abs((found[metric] as? Double ?? .nan) - value) < 1e-12, "\(name) \(metric)")
      }
      let pictures = try #require(set["per_picture"] as? [String: [Double]])
      for line in try workplace.text("p.jsonl").split(separator: "\n") {
        let one = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let id = "\(try #require(one["image_id"]))"
        let values = try #require(pictures[id])
        for (metric, value) in zip(
          ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr"], values)
        where metric != "METEOR" {
          #expect(abs((one[metric] as? Double ?? .nan) - value) < 1e-12, "\(name) \(id) \(metric)")
        }
      }
    }
  }
}
