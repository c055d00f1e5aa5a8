import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train captions, evaluate --beam and caption")
struct CaptionCommandTests {
  /// A run of a few updates on made pictures.
  private func trained(_ model: String) throws -> (workplace: Workplace, pictures: MadePictures) {
    let (workplace, pictures) = (try Workplace(), try MadePictures())
    let features = model == "show-and-tell" ? pictures.pooled : pictures.regions
    let run = try workplace.run(
      line:
        "train captions --captions \(pictures.captions) --features \(features) --model \(model) --cell lstm-wm "
        + "--hidden 8 --embedding 6 --attention 5 --least-count 1 --batch 8 --steps 20 --learning-rate 0.02 "
        + "--threads 1 --out run")
    #expect(run.status == 0, "\(run.error)")
    return (workplace, pictures)
  }

  @Test(
    "Captions are records with image_id, caption and score, the same from the run's folder and from its model's file"
  )
  func captions() throws {
    let (workplace, pictures) = try trained("show-and-tell")
    let line = " --features \(pictures.pooled) --beam 3 --threads 1 --json"
    let own = try workplace.run(line: "caption run" + line)
    #expect(own.status == 0, "\(own.error)")
    let records = try own.records()
    #expect(records.count == 24)
    for record in records {
      #expect(record["image_id"] != nil && record["caption"] is String && record["score"] is Double)
    }
    let file = try workplace.run(line: "caption run/model.safetensors" + line)
    #expect(file.output == own.output)
    let three = try workplace.run(line: "caption run 5 7" + line + " --n-best 3")
    let best = try #require(try three.records().first?["captions"] as? [[String: Any]])
    #expect(best.count == 3)
    let page = try workplace.run(line: "caption run --features \(pictures.pooled) --attention page.html")
    #expect(page.status == 64 && page.error.contains("show-attend-tell"))
    let out = try workplace.run(
      line: "caption run --features \(pictures.pooled) --out results.json --threads 1")
    #expect(out.status == 0)
    let written = try JSONSerialization.jsonObject(with: Data(workplace.text("results.json").utf8))
    #expect((written as? [[String: Any]])?.count == 24)
  }

  @Test("Evaluation by beam gives every score, and a page shows what each word looked at")
  func scores() throws {
    let (workplace, pictures) = try trained("show-attend-tell")
    let run = try workplace.run(line: "evaluate run --beam 1,3 --length-power 0.7 --threads 1 --json")
    #expect(run.status == 0, "\(run.error)")
    let records = try run.records()
    #expect(records.map { $0["beam"] as? Int } == [1, 3])
    for name in ["Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr", "CIDEr_plain"] {
      #expect(records.allSatisfy { $0[name] is Double }, "\(name)")
    }
    let page = try workplace.run(
      line: "caption run 3 --features \(pictures.regions) --attention page.html --threads 1")
    #expect(page.status == 0, "\(page.error)")
    #expect(try workplace.text("page.html").contains("<svg"))
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("class=\"captions\""))
    #expect(try !workplace.text("report.html").contains("class=\"thumbnail\""))
    // A file of a test picture, one that is no picture, and one of a picture that is not shown.
    for (name, bytes) in [
      ("1-1.jpg", [0xFF, 0xD8, 0xFF, 0xE0]), ("1-4.jpg", [0, 1, 2, 3]), ("0-0.jpg", [0xFF, 0xD8, 0xFF]),
    ] {
      try Data(bytes.map(UInt8.init)).write(to: URL(fileURLWithPath: workplace.path + "/" + name))
    }
    let shown = try workplace.run(line: "report run --out report.html --pictures .")
    #expect(shown.status == 0, "\(shown.error)")
    #expect(try workplace.text("report.html").split(separator: "data:image/jpeg;base64,/9j/4A==").count == 2)
    #expect(try workplace.text("report.html").split(separator: "class=\"thumbnail\"").count == 2)
  }

  /// A line, its exit code, and what its error names; made files stand for some words.
  private static let mistakes: [(line: String, status: Int32, part: String)] = [
    ("caption nothing --features pool", 66, "nothing"),
    ("caption run --features regions", 65, "expected features of width"),
    ("caption run unknown.jpg --features pool", 65, "unknown.jpg"),
    ("caption run --features absent.npy", 66, "absent.npy"),
    ("caption run --features pool --beam 0", 64, "--beam"),
    ("caption run --features pool --n-best 9", 64, "--n-best"),
    ("caption run --features pool --without zebra", 64, "zebra"),
    ("report run --pictures absent", 66, "absent"), ("evaluate run --beam 1,x", 64, "--beam"),
    ("evaluate run --meteor-data here", 64, "--beam"),
    ("train captions --captions absent.json --features pool --out other", 66, "absent.json"),
    ("train captions --captions captions --features captions --out other", 65, "dataset_made.json"),
    ("train captions --captions captions --features pool --splits a,b --out other", 64, "splits"),
    (
      "train captions --captions captions --features pool --model show-attend-tell --out other", 65,
      "regions"
    ),
  ]

  @Test("What is wrong is one line with its exit code")
  func mistakes() throws {
    let (workplace, pictures) = try trained("show-and-tell")
    let names = ["pool": pictures.pooled, "regions": pictures.regions, "captions": pictures.captions]
    for (line, status, part) in Self.mistakes {
      let words = line.split(separator: " ").map { names[String($0)] ?? String($0) }
      // The task's name stays one.
      let given = words.enumerated().map { $0 == 1 && words[0] == "train" ? "captions" : $1 }
      let run = try workplace.run(line: given.joined(separator: " "))
      #expect(run.status == status, "\(line): \(run.error)")
      #expect(run.error.contains(part), "\(line): \(run.error)")
      #expect(run.errorLines.allSatisfy { $0.utf8.count < 1000 } && run.output.isEmpty, "\(line)")
    }
  }
}
