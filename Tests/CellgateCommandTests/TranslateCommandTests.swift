import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train translate, translate, evaluate, predict and score translation")
struct TranslateCommandTests {
  private static let made = Result { try MadeSentences() }

  private func trained(_ options: String = "") throws -> (workplace: Workplace, made: MadeSentences) {
    let (workplace, made) = (try Workplace(), try Self.made.get())
    let run = try workplace.run(
      line:
        "train translate --source \(made.train[0]) --target \(made.train[1]) --valid-source \(made.valid[0]) "
        + "--valid-target \(made.valid[1]) --test-source \(made.test[0]) --test-target \(made.test[1]) --unit words "
        + "--least-count 1 --cell gru --hidden 12 --dropout 0 --batch 16 --steps 60 --evaluation-interval 60 "
        + "--learning-rate 0.03 --threads 1 --out run --json \(options)")
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    let extras = try #require(last["extras"] as? [String: Any])
    #expect(last["metric"] as? String == "BLEU" && last["value"] is Double)
    #expect(extras["chrF"] is Double && extras["cross_entropy"] is Double)
    #expect(run.error.contains("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp"), "\(run.error)")
    return (workplace, made)
  }

  @Test(
    "Lines are translated, as they come too, with n-best lists, pictures, and the same from the model's file")
  func translates() throws {
    let (workplace, made) = try trained()
    let own = try workplace.run(line: "translate run \(made.test[0]) --threads 1")
    #expect(own.status == 0, "\(own.error)")
    #expect(own.output.split(separator: "\n", omittingEmptySubsequences: false).count == 9)
    let input = try workplace.run(
      shell:
        "printf 'ro su.\\n\\nke\\n' | '\(Workplace.executable)' translate run/model.safetensors - --threads 1 --json"
    )
    #expect(input.status == 0, "\(input.error)")
    let records = try input.records()
    #expect(records.map { $0["line"] as? Int } == [1, 2, 3])
    #expect(records[1]["translation"] as? String == "" && records[0]["score"] is Double)
    let best = try workplace.run(
      line: "translate run \(made.test[0]) --beam 4 --n-best 3 --threads 1 --batch 1")
    let lines = best.output.split(separator: "\n")
    #expect(lines.count == 24 && lines.allSatisfy { $0.split(separator: "|||").count == 3 })
    let json = try workplace.run(
      line: "translate run \(made.test[0]) --n-best 3 --coverage-penalty 0.2 --threads 1 --json")
    #expect((try json.records().first?["translations"] as? [Any])?.count == 3)
    let out = try workplace.run(
      line: "translate run \(made.test[0]) --threads 1 --out out.txt --alignments seen.svg")
    #expect(out.status == 0, "\(out.error)")
    #expect(try workplace.text("out.txt") == own.output)
    #expect(try workplace.text("seen.svg").hasPrefix("<svg xmlns="))
    let predicted = try workplace.run(
      line: "predict run --data \(made.test[0]) --out predicted.txt --threads 1 --json")
    #expect(predicted.status == 0, "\(predicted.error)")
    #expect(try workplace.text("predicted.txt") == own.output)
    let evaluated = try workplace.run(line: "evaluate run --threads 1 --json")
    let value = try #require(try evaluated.records().last?["value"] as? Double)
    let scored = try workplace.run(
      line: "score translation --references \(made.test[1]) --candidates out.txt --json")
    #expect(scored.status == 0, "\(scored.error)")
    let scores = try #require(try scored.records().last)
    #expect(abs((scores["BLEU"] as? Double ?? -1) - value) < 1e-9 && scores["chrF"] is Double)
    #expect((scores["precisions"] as? [Any])?.count == 4 && scores["brevity_penalty"] is Double)
    #expect(
      (scores["signature"] as? String)?.hasPrefix("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|") == true)
    let beams = try workplace.run(line: "evaluate run --beam 1,5 --threads 1 --json").records()
    #expect(beams.map { $0["beam"] as? Int } == [1, 5] && beams[0]["chrF"] is Double)
    #expect(abs((beams[1]["BLEU"] as? Double ?? -1) - value) < 1e-9)
    let summary = try workplace.run(line: "summary run")
    #expect(summary.output.contains("source") && summary.output.contains(" words"), "\(summary.output)")
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("class=\"alignment\""))
  }

  @Test(
    "People get a table of scores with sacreBLEU's signature, of several references and small letters too")
  func scores() throws {
    let workplace = try Workplace()
    for (name, text) in [("c.txt", "The cat sat on the mat.\n"), ("r.txt", "the cat sat on a mat.\n")] {
      try text.write(toFile: workplace.path + "/" + name, atomically: true, encoding: .utf8)
    }
    let run = try workplace.run(
      line: "score translation --references r.txt,c.txt --candidates c.txt --lowercase --tokenize none")
    #expect(run.status == 0, "\(run.error)")
    #expect(
      run.output.contains("100.00") && run.output.contains("nrefs:2|case:lc|eff:no|tok:none|smooth:exp"))
  }

  @Test("What is wrong is one line with its exit code")
  func mistakes() throws {
    let (workplace, made) = try trained()
    try Data("one\n".utf8).write(to: URL(fileURLWithPath: workplace.path + "/one.txt"))
    try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B]).write(
      to: URL(fileURLWithPath: workplace.path + "/cut.gz"))
    let test = made.test[0]
    for (line, status, part) in [
      ("translate nothing \(test)", 66, "nothing"), ("translate run absent.txt", 66, "absent.txt"),
      ("translate run cut.gz", 65, "cut.gz"), ("translate run \(test) --beam 0", 64, "--beam"),
      ("translate run \(test) --n-best 9", 64, "--n-best"),
      ("translate run \(test) --unknown guess", 64, "--unknown"),
      ("translate run \(test) --alignments a.png", 64, "--alignments"),
      ("translate run \(test) --coverage-penalty -1", 64, "--coverage-penalty"),
      ("score translation --references one.txt --candidates \(test)", 65, "one.txt: expected as many lines"),
      ("score translation --references one.txt, --candidates one.txt", 64, "--references"),
      ("score translation --references one.txt --candidates one.txt --tokenize x", 64, "--tokenize"),
      ("train translate --source one.txt --target \(test) --out other", 65, "expected as many lines"),
      ("train translate --source one.txt --out other", 64, "target"),
      ("train translate --source one.txt --target one.txt --out other", 65, "expected 3 pairs"),
      ("train translate --source cut.gz --target cut.gz --out other", 65, "cut.gz"),
      ("train translate --out other", 64, "--source FILE"),
      ("train translate --data one.txt --out other", 65, "one.txt: line 1: expected a sentence, a tab"),
    ] {
      let run = try workplace.run(line: line)
      #expect(run.status == Int32(status), "\(line): \(run.status) \(run.error)")
      #expect(run.error.contains(part), "\(line): \(run.error)")
      #expect(run.errorLines.count == 1 && run.output.isEmpty, "\(line): \(run.error)")
    }
    let bytes = try workplace.run(
      shell: "printf 'a\\n\\377\\n' | '\(Workplace.executable)' translate run - --threads 1")
    #expect(bytes.status == 65 && bytes.error.contains("standard input: line 2"), "\(bytes.error)")
  }
}
