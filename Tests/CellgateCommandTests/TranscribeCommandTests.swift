import CellgateTestSupport
import Foundation
import Testing

@Suite("cellgate train transcribe, transcribe, evaluate, predict and report")
struct TranscribeCommandTests {
  /// Recordings of one to three of the digits 0 to 2, with their transcripts beside them.
  private func write(_ count: Int, in workplace: Workplace) throws {
    let folder = workplace.path + "/made"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for number in 0..<count {
      let text = (0...number % 3).map { "\((number / 3 + $0 * (number % 5 + 1)) % 3)" }.joined()
      let sound = MadeSounds.wav(MadeSounds.samples(text, seed: number))
      try Data(sound).write(to: URL(fileURLWithPath: "\(folder)/\(number).wav"))
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(number).txt"))
    }
  }

  @Test("A folder of recordings trains a model, which transcribes files and standard input alike")
  func all() throws {
    let workplace = try Workplace()
    try write(36, in: workplace)
    let run = try workplace.run(
      line:
        "train transcribe --data made --cell gru --hidden 16 --layers 1 --dropout 0 --bands 12 --stack 3 --time-mask 2 "
        + "--band-masks 0 --directions forward --steps 120 --schedule constant --learning-rate 0.02 --threads 1 --out run --json"
    )
    #expect(run.status == 0, "\(run.error)")
    #expect(run.error.contains("4 recordings of --data, held out for want of --valid"), "\(run.error)")
    let last = try #require(try run.records().last)
    let extras = try #require(last["extras"] as? [String: Any])
    #expect(last["metric"] as? String == "character_error_rate", "\(last)")
    #expect(try #require(last["value"] as? Double) < 0.3 && extras["impossible"] as? Double == 0, "\(last)")
    #expect(Set(extras.keys) == ["word_error_rate", "transcript_error_rate", "ctc_loss", "impossible"])

    let files = try workplace.run(line: "transcribe run made/0.wav made/5.wav --threads 1 --json")
    #expect(files.status == 0, "\(files.error)")
    let records = try files.records()
    #expect(records.count == 2 && records[1]["audio"] as? String == "made/5.wav")
    let text = try #require(records[1]["text"] as? String)
    #expect(
      records[1]["streams"] as? Bool == true && records[1]["sound_ms"] as? Double == 52, "\(records[1])")
    let latency = try #require(records[1]["latency_ms"] as? [String: Double])
    #expect(try #require(latency["mean"]) > 0 && latency["most"]! >= latency["mean"]!)
    let streamed = try workplace.run(
      shell: "cat made/5.wav | \(Workplace.executable) transcribe run/model.safetensors - --threads 1")
    #expect(streamed.status == 0 && streamed.output == text + "\n", "\(streamed.error)")
    let beam = try workplace.run(
      shell:
        "\(Workplace.executable) transcribe run - --beam 8 --length-bonus 0.1 --threads 1 --json < made/5.wav"
    )
    #expect(try beam.records().first?["seconds"] as? Double == records[1]["seconds"] as? Double)

    let scored = try workplace.run(line: "evaluate run --data made --threads 1 --json")
    #expect(scored.status == 0, "\(scored.error)")
    #expect(try #require(try scored.records().last?["value"] as? Double) < 0.3)
    try Data("{\"audio\": \"made/5.wav\"}\n".utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/new.jsonl"))
    for data in ["made/5.wav", "new.jsonl", "made"] {
      let predicted = try workplace.run(line: "predict run --data \(data) --out out.csv --threads 1 --json")
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.records().last?["samples"] as? Int == (data == "made" ? 36 : 1))
      #expect(try workplace.text("out.csv").hasPrefix("audio,text\n"))
      if data == "new.jsonl" { #expect(try workplace.text("out.csv") == "audio,text\nmade/5.wav,\(text)\n") }
    }
    let report = try workplace.run(line: "report run --out report.html")
    #expect(report.status == 0, "\(report.error)")
    #expect(try workplace.text("report.html").contains("class=\"labelled\""))

    let summary = try workplace.run(line: "summary run/model.safetensors")
    #expect(summary.output.contains("12 log-mel of windows of 200 samples every 80, at 8000 a second"))

    // A language model of the transcripts.
    try Data((0..<400).map { "\($0 % 3)\(($0 / 3) % 3)\n" }.joined().utf8).write(
      to: URL(fileURLWithPath: workplace.path + "/lines.txt"))
    let lines = try workplace.run(
      line:
        "train text --data lines.txt --cell gru --hidden 8 --embedding 4 --steps 2 --batch 2 --length 8 --threads 1 --out lm"
    )
    #expect(lines.status == 0, "\(lines.error)")
    let helped = try workplace.run(
      line: "transcribe run made/5.wav --language-model lm --language-weight 0.1 --threads 1 --json")
    #expect(helped.status == 0, "\(helped.error)")
    #expect(try helped.records().count == 1)
  }

  @Test("What is wrong is said in one line that names the file or the option, and with a code of its own")
  func errors() throws {
    let workplace = try Workplace()
    try write(4, in: workplace)
    func fails(_ line: String, _ status: Int32, _ text: String) throws {
      let run = try workplace.run(line: line)
      #expect(
        run.status == status && run.errorLines.count == 1 && run.error.contains(text), "\(line): \(run.error)"
      )
    }
    let sizes = "--hidden 4 --layers 1 --bands 8 --steps 2 --threads 1"
    let run = try workplace.run(line: "train transcribe --data made \(sizes) --out run")
    #expect(run.status == 0 && run.output.contains("Test character error rate"), "\(run.error)")
    let both = try workplace.run(
      shell: "\(Workplace.executable) transcribe run - --threads 1 --json < made/1.wav")
    #expect(try both.records().first?["latency_ms"] is NSNull)
    try fails("train transcribe \(sizes)", 64, "transcribe: expected recordings")
    try fails("train transcribe --data nowhere \(sizes)", 66, "nowhere")
    try fails("transcribe run none.wav", 66, "none.wav")
    try Data("no sound".utf8).write(to: URL(fileURLWithPath: workplace.path + "/a.wav"))
    try fails("transcribe run a.wav", 65, "a.wav: damaged WAV file: expected RIFF")
    try fails(
      "transcribe run made/0.wav --language-weight 1", 64, "--language-weight: expected --language-model")
    try fails("transcribe run - -", 64, "expected - once")
    try fails("transcribe run made/0.wav --beam 0", 64, "--beam")
    try fails("predict run --data made --out a.txt", 64, "--out: expected a name that ends with .csv")
    for (input, text) in [
      ("a.wav", "standard input: damaged WAV file"), ("/dev/null", "standard input: damaged WAV file"),
    ] {
      let run = try workplace.run(shell: "\(Workplace.executable) transcribe run - < \(input)")
      #expect(run.status == 65 && run.errorLines.count == 1 && run.error.contains(text), "\(run.error)")
    }
    let other = try workplace.run(
      line: "train adding --hidden 2 --length 4 --batch 2 --steps 1 --threads 1 --out adding")
    #expect(other.status == 0, "\(other.error)")
    try fails("transcribe adding made/0.wav", 64, "adding: expected a model of 'cellgate train transcribe'")
  }

  @Test("Classes of sounds are learned from the same features")
  func classes() throws {
    let workplace = try Workplace()
    for number in 0..<16 {
      let folder = workplace.path + "/tones/\(number % 2)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(MadeSounds.wav(MadeSounds.samples("\(number % 2)", seed: number))).write(
        to: URL(fileURLWithPath: folder + "/\(number).wav"))
    }
    let sizes = "--hidden 4 --steps 30 --front none --threads 1"
    for audio in ["log-mel", "mfcc"] {
      let run = try workplace.run(
        line:
          "train classify --data tones --audio \(audio) \(sizes) --learning-rate 0.03 --out \(audio) --json")
      #expect(run.status == 0, "\(run.error)")
      #expect(try run.records().last?["value"] as? Double == 1)
    }
    let predicted = try workplace.run(line: "predict mfcc --data tones --out out.csv --threads 1")
    #expect(predicted.status == 0, "\(predicted.error)")
    try Data("text,label\na,b\n".utf8).write(to: URL(fileURLWithPath: workplace.path + "/t.csv"))
    let other = try workplace.run(line: "train classify --data t.csv --text text --label label --audio mfcc")
    #expect(
      other.status == 65 && other.error.contains("--audio: expected a folder of WAV files"), "\(other.error)")
  }
}
