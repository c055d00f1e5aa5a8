import CellgateData
import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train music, evaluate, generate and predict")
struct MusicCommandTests {
  /// A folder of tunes that go up and down a scale.
  private func tunes(_ workplace: Workplace) throws {
    try FileManager.default.createDirectory(
      atPath: workplace.path + "/tunes", withIntermediateDirectories: true)
    for number in 0..<8 {
      let frames = (0..<24).map { Chord([60 + ($0 + number) % 8, 48]) }
      try PianoRoll(frames: frames).midi(step: 0.25).write(to: workplace.path + "/tunes/\(number).mid")
    }
  }

  @Test("A folder of MIDI files trains a model, which is scored, writes tunes and gives probabilities")
  func folder() throws {
    let workplace = try Workplace()
    try tunes(workplace)
    let run = try workplace.run(
      line: "train music --data tunes --hidden 8 --steps 30 --learning-rate 0.02 --threads 1 --out run --json"
    )
    #expect(run.status == 0, "\(run.error)")
    let last = try #require(try run.records().last)
    #expect(last["metric"] as? String == "nll")
    #expect((last["extras"] as? [String: Any])?["nll_with_first"] is Double)
    let scored = try workplace.run(line: "evaluate run --threads 1 --json")
    #expect(
      scored.status == 0 && scored.error.contains("1 tunes; 6 for training, 1 for validation"),
      "\(scored.error)")
    let other = try workplace.run(line: "evaluate run --data tunes/3.mid --threads 1 --json")
    #expect(other.status == 0, "\(other.error)")
    for model in ["run", "run/model.safetensors"] {
      let written = try workplace.run(
        line: "generate \(model) --length 20 --prime tunes/0.mid --out new.mid --tempo 90 --threads 1 --json")
      #expect(written.status == 0, "\(written.error)")
      let record = try #require(try written.records().last)
      #expect(record["frames"] as? Int == 44 && record["prime_frames"] as? Int == 24)
      let tune = try MIDIFile(workplace.path + "/new.mid")
      #expect(tune.notes.count == record["notes"] as? Int && tune.microsecondsPerQuarter == 666_667)
      let roll = try PianoRoll(tune, step: 0.25, name: "", file: "new.mid")
      #expect(roll.frames.prefix(24).map(\.keys) == (0..<24).map { [48, 60 + $0 % 8] })
    }
    let predicted = try workplace.run(
      line: "predict run --data tunes/0.mid --out keys.csv --threads 1 --json")
    #expect(predicted.status == 0, "\(predicted.error)")
    let lines = try workplace.text("keys.csv").split(separator: "\n")
    #expect(lines.count == 25 && lines[0].hasPrefix("tune,frame,prediction,probability_21,"))
    #expect(
      lines[1].hasPrefix("0,1,")
        && lines[24].split(separator: ",", omittingEmptySubsequences: false).count == 91)
    let report = try workplace.run(line: "report run --out page.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("page.html").contains("class=\"pianoroll\""))
  }

  @Test("What is wrong is one line, and nothing is written")
  func errors() throws {
    let workplace = try Workplace()
    try tunes(workplace)
    let none = try workplace.run(line: "train music --out run")
    #expect(
      none.status == 64 && none.error.contains("expected tunes") && none.error.contains("with --data FILE"),
      "\(none.error)")
    try Data([0x4D, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0]).write(
      to: URL(fileURLWithPath: workplace.path + "/cut.mid"))
    let cut = try workplace.run(line: "train music --data cut.mid --out run")
    #expect(
      cut.status == 65 && cut.error.contains("the file is cut off") && cut.errorLines.count == 1,
      "\(cut.error)")
    #expect(try workplace.run(line: "train music --data nowhere.mat --out run").status == 66)
    #expect(!FileManager.default.fileExists(atPath: workplace.path + "/run"))
    let run = try workplace.run(
      line: "train music --data tunes --hidden 4 --steps 1 --threads 1 --out run --json")
    #expect(run.status == 0, "\(run.error)")
    let out = try workplace.run(line: "generate run")
    #expect(out.status == 64 && out.error.contains("--out: expected a MIDI file"), "\(out.error)")
    let wav = try workplace.run(line: "generate run --out a.wav --prompt x")
    #expect(wav.status == 64 && wav.errorLines.count == 2, "\(wav.error)")
    let top = try workplace.run(line: "generate run --out a.mid --top-k 3")
    #expect(top.status == 64 && top.error.contains("--top-k"), "\(top.error)")
    let prime = try workplace.run(line: "generate run --out a.mid --prime cut.mid")
    #expect(prime.status == 65 && prime.error.contains("cut.mid"), "\(prime.error)")
    #expect(!FileManager.default.fileExists(atPath: workplace.path + "/a.mid"))
  }
}
