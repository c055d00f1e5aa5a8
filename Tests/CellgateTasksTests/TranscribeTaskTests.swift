import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Transcripts of recordings")
struct TranscribeTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue] = [:]) -> TrainingSettings {
    var settings = TranscribeTask.defaults
    settings.taskOptions.merge(["bands": 12, "stack": 3, "time-mask": 2, "band-masks": 0]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.layers, settings.dropout, settings.cell) = (16, 1, 0, "lstm-wm")
    return settings
  }

  private func task(_ path: String, _ options: [String: OptionValue] = [:]) throws -> TranscribeTask {
    let prepared = try TranscribeTask.prepared(settings(options), data: .file(path))
    return try TranscribeTask(settings: prepared, data: .unspecified)
  }

  private func failure(_ path: String, _ options: [String: OptionValue] = [:]) throws -> String {
    try #require(throws: TaskDataError.self) { try task(path, options) }.description
  }

  private func write(_ text: String, as name: String, _ bytes: [UInt8]? = nil) throws {
    let seed = name.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
    try scratch.write(bytes ?? MadeSounds.wav(MadeSounds.samples(text, seed: seed)), as: name)
  }

  /// Recordings of a folder, of one to three of the digits 0 to 2.
  private func folder(_ count: Int, as name: String = "made") throws -> String {
    for number in 0..<count {
      let text = (0...number % 3).map { "\((number / 3 + $0 * (number % 5 + 1)) % 3)" }.joined()
      try write(text, as: "\(name)/\(number).wav")
      try scratch.write(Array((text + "\n").utf8), as: "\(name)/\(number).txt")
    }
    return scratch.file(name)
  }

  @Test(
    "A model learns tones, and its file alone transcribes a sound in pieces as the whole one",
    arguments: ["forward", "both"])
  func learns(directions: String) throws {
    let path = try folder(36)
    var prepared = settings(["directions": .text(directions)])
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 100, 0.02)
    (prepared.schedule.name, prepared.evaluationInterval) = ("constant", 25)
    prepared = try TranscribeTask.prepared(prepared, data: .file(path))
    #expect(prepared.data?["rate"] == 8000 && prepared.data?["symbols"] == 3)
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try TranscribeTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.value < 0.2 && result.extras["impossible"] == 0, "\(result.value)")
    let model = try Model.load(folder.path)
    let transcriber = try #require(Transcriber(model))
    #expect(transcriber.streams == (directions == "forward") && transcriber.alphabet == "012")
    let samples = MadeSounds.samples("0120210", seed: 9)
    var beam = Transcriber.Search()
    beam.beam = 8
    for search in [Transcriber.Search(), beam] {
      let whole = transcriber.transcript(of: samples, rate: 8000, search: search)
      #expect(editDistance(Array(whole.text), Array("0120210")) <= 2, "\(whole.text)")
      for size in [160, 1000] {
        var running = TranscriptStream(transcriber, rate: 8000, search: search)
        var shown = ""
        for start in stride(from: 0, to: samples.count, by: size) {
          shown += running.append(Array(samples[start..<min(start + size, samples.count)]))
        }
        let found = running.finish()
        #expect(found == whole && (shown.isEmpty || whole.text.hasPrefix(shown)))
        #expect(shown.isEmpty == (directions == "both" || !search.isGreedy))
      }
    }
    // A recording by itself as side by side with others, which are padded.
    let encoder = task.batches.encoder
    let batch = encoder.batch(task.batches.examples(.test))
    let batched = encoder.transcripts(model([batch.input], .inference())[0].tensor, batch.lengths)
    let alone = try task.batches.examples(.test).map {
      try transcriber.transcript(of: path + "/" + $0.name).text
    }
    #expect(alone == batched)
    // Another rate is brought to the model's.
    let faster = Resampler.resample(samples, from: 8000, to: 16_000)
    let other = transcriber.transcript(of: faster, rate: 16_000)
    #expect(
      editDistance(Array(other.text), Array("0120210")) <= 2
        && abs(other.seconds * 8000 - Double(samples.count)) < 2)
    for few in [[], [0.5], [Float](repeating: 0, count: 4000), [Float](repeating: 1, count: 4000)] {
      #expect(transcriber.transcript(of: few, rate: 8000).score.isFinite)
    }
    #expect(task.samples(model, count: 2).count == 2)
    let scored = try Tasks.evaluate(
      run: folder.path, data: DataDirectory(option: try self.folder(6, as: "other")))
    #expect(scored.evaluation.value < 0.3)
  }

  @Test(
    "Nothing of the validation and test parts is learned, and parts are those of the manifest, of files, or shares"
  )
  func parts() throws {
    let path = try folder(20)
    let shares = try task(path)
    #expect(shares.batches.training.count == 16 && shares.batches.examples(.test).count == 2)
    #expect(shares.objective.remarks[.test] == ["2 recordings of --data, held out for want of --test"])
    let lines = (0..<8).map { number -> String in
      let split = number < 5 ? "train" : number == 5 ? "dev" : "test"
      return
        #"{"audio": "made/\#(number).wav", "text": "\#(number == 7 ? "0x" : "1")", "split": "\#(split)"}"#
    }
    try scratch.write(Array(lines.joined(separator: "\n\n").utf8), as: "made.jsonl")
    let own = try task(scratch.file("made.jsonl"))
    #expect(own.batches.training.count == 5 && own.batches.examples(.validation).count == 1)
    #expect(own.batches.encoder.speech.alphabet == "1" && own.objective.remarks.isEmpty)
    let evaluation = own.evaluate(own.makeModel(cell: .gru), on: .test)
    #expect(evaluation.remark == "2 characters are none of the training transcripts', which counts as wrong")
    #expect(evaluation.extras.count == 4 && evaluation.extras.allSatisfy(\.isFinite))
    #expect(own.baseline.value == 2 / 3.0 && own.baseline.label == "the most frequent transcript")
    // A table, with the two others in files of their own, one of names as of spoken digits.
    try scratch.write(
      Array("path\tsentence\nmade/0.wav\t o  t\nmade/1.wav\t\n".utf8), as: "made.tsv")
    try write("1", as: "digits/1_ada_0.wav")
    try write("2", as: "digits/more/2_ada_1.wav")
    let other = try task(
      scratch.file("made.tsv"),
      ["valid": .text(scratch.file("digits")), "test": .text(scratch.file("digits"))])
    #expect(other.batches.training.map(\.text) == ["o t", ""])
    #expect(other.batches.examples(.test).map(\.text) == ["1", "2"])
    #expect(other.batches.examples(.test).map(\.name) == ["1_ada_0.wav", "more/2_ada_1.wav"])
  }

  @Test("Each shard is its part, masks come and go, and an epoch shows all recordings equally often")
  func batches() throws {
    let batches = try task(try folder(20), ["time-mask": 10]).batches
    let steps = try #require(batches.stepsPerEpoch)
    #expect(steps >= 25)
    let whole = batches.batch(seed: 3, step: 4, shard: .whole)
    let parts = (0..<3).map { batches.batch(seed: 3, step: 4, shard: Shard($0, of: 3)) }
    #expect(parts.flatMap(\.texts) == whole.texts && parts.flatMap(\.lengths) == whole.lengths)
    #expect(batches.batch(seed: 3, step: 4, shard: .whole).input.tensor.scalars == whole.input.tensor.scalars)
    let zeros = (0..<3).map {
      batches.batch(seed: 1, step: $0, shard: .whole).input.tensor.scalars.count { $0 == 0 }
    }
    let clean = batches.batches(of: .test).map { $0.input.tensor.scalars.count { $0 == 0 } }
    #expect(Set(zeros).count > 1 && zeros.allSatisfy { $0 > 0 } && clean.allSatisfy { $0 >= 0 })
  }

  @Test(
    "A recording that is too short for its transcript is left out of training, counted in evaluation, and said"
  )
  func impossible() throws {
    let path = try folder(12)
    try write("1", as: "made/20.wav")
    try scratch.write(Array("1212121212121212121212121212121212".utf8), as: "made/20.txt")
    for number in [21, 22] {
      let few = [Float](repeating: 0.1, count: number == 21 ? 0 : 1)
      try write("", as: "made/\(number).wav", MadeSounds.wav(few))
      try scratch.write(Array("12".utf8), as: "made/\(number).txt")
    }
    let own = try task(path, ["valid": .text(path), "test": .text(path)])
    #expect(own.batches.training.count == 12)
    let evaluation = own.evaluate(own.makeModel(cell: .gru), on: .validation)
    #expect(evaluation.extras[3] == 3 && evaluation.extras[2].isFinite)
    #expect(
      evaluation.remark
        == "3 of 15 training recordings are too short for their transcripts and left out; "
        + "3 recordings are too short for the transcript, which no path says and the loss leaves out")
    let all = try scratch.write(Array("1212".utf8), as: "short/a.txt")
    try write("", as: "short/a.wav", MadeSounds.wav([0.1]))
    #expect(
      try failure(Paths.folder(in: all), ["valid": .text(path), "test": .text(path)])
        .contains("expected recordings of as many steps as their transcripts have characters, found none"))
  }

  @Test("What is wrong with recordings and manifests is said in a line that names the file and the line")
  func badData() throws {
    try write("1", as: "a.wav")
    func manifest(_ text: String, _ name: String = "m.jsonl") throws -> String {
      try scratch.write(Array(text.utf8), as: name)
    }
    func says(_ path: String, _ text: String, _ options: [String: OptionValue] = [:]) throws {
      let found = try failure(path, options)
      #expect(found.contains(text) && !found.contains("\n"), "\(found)")
    }
    try says(scratch.file("none"), "none")
    try says(scratch.file("a.wav"), "a.wav: expected a folder or a manifest of recordings, found a WAV file")
    try scratch.write([], as: "empty/a.txt")
    try says(scratch.file("empty"), "empty: expected WAV files, found none")
    let good = #"{"audio": "a.wav", "text": "1"}"#
    try says(try manifest(good), "expected 3 recordings or more, or --valid and --test, found 1")
    try says(try manifest("\(good)\n{\"audio\": 3}"), "m.jsonl: line 2: expected a JSON object with audio")
    try says(
      try manifest("\(good)\n{\"audio\""),
      "m.jsonl: line 2: expected a JSON object with audio and text, found other text")
    try says(try manifest(#"{"audio": "a.wav", "text": 7}"#), "m.jsonl: line 1: text: expected a text")
    try says(
      try manifest("\(good)\n\n{\"audio\": \"a.wav\"}"), "m.jsonl: line 3: expected a text, the transcript")
    try says(
      try manifest(#"{"audio": "a.wav", "text": "1", "split": "rest"}"#),
      "m.jsonl: line 1: split: expected train, valid or test, found 'rest'")
    try says(try manifest("a,b\n1,2\n", "m.csv"), "m.csv: expected a column of WAV files, audio, path, file")
    let three = "\(good)\n\(good)\n\(good)\n"
    try says(try manifest(three + #"{"audio": "b.wav", "text": "1"}"#), "b.wav")
    try says(
      try manifest(
        #"{"audio": "a.wav", "text": " "}"# + "\n" + #"{"audio": "a.wav", "text": ""}"# + "\n"
          + #"{"audio": "a.wav", "text": ""}"#),
      "expected transcripts with a character, found only empty ones")
    try scratch.write(MadeSounds.wav([0.1, 0.2], rate: 2_000_000), as: "fast.wav")
    try scratch.write(Array(MadeSounds.wav([0.1]).prefix(30)), as: "cut.wav")
    var bits = MadeSounds.wav([0.1])
    bits[34] = 12
    try scratch.write(bits, as: "bits.wav")
    for (name, text) in [
      ("fast", "expected a rate of 1 to 1000000 samples a second, found 2000000"),
      ("cut", "damaged WAV file"),
      ("bits", "found format 1 of 12 bits"),
    ] {
      try says(try manifest(three + "{\"audio\": \"\(name).wav\", \"text\": \"1\"}"), "\(name).wav")
      try says(try manifest(three + "{\"audio\": \"\(name).wav\", \"text\": \"1\"}"), text)
    }
    // A head that names more samples than there are.
    try scratch.write(MadeSounds.wav(MadeSounds.samples("1"), size: 1 << 30), as: "lies.wav")
    _ = try task(try manifest(three + #"{"audio": "lies.wav", "text": "1"}"#))
  }

  @Test("Settings that no features have are refused by name")
  func badSettings() {
    func problems(_ options: [String: OptionValue]) -> String {
      TranscribeTask.description.problems(settings(options)).map(\.description).joined(separator: "; ")
    }
    #expect(problems([:]).isEmpty)
    #expect(problems(["hop": 30]).contains("hop"))
    #expect(problems(["audio": "mfcc"]).contains("coefficients"))
    #expect(problems(["valid-percent": 60, "test-percent": 40]).contains("valid-percent"))
  }

  @Test("A language model of characters helps a beam, and one of other symbols or characters is refused")
  func language() throws {
    var own = TextTask.defaults
    (own.hidden, own.cell) = (8, "gru")
    own.taskOptions["embedding"] = 4
    let vocabulary = Vocabulary(of: "012\n".unicodeScalars)
    let model = LanguageModel(settings: own, symbols: vocabulary.count, cell: .gru)
    let generator = TextGenerator(model: model, tokenizer: .characters(vocabulary))
    let start = try generator.prefix(of: "012", file: "lm")
    #expect(start.scores.count == 4)
    let total = start.scores.dropFirst().reduce(exp(start.end)) { $0 + exp($1) }
    #expect(abs(total - 1) < 1e-5)
    // The same symbols in one go.
    let logits = model([vocabulary.index(of: "\n") ?? 0, vocabulary.index(of: "2") ?? 0], steps: 2, batch: 1)
      .logits
    let expected = logits.logSoftmax(axis: 2)[1].scalars
    let next = start.next(3)
    #expect(abs(next.end - expected[Int(vocabulary.index(of: "\n") ?? 0)]) < 1e-5)
    #expect(throws: TaskDataError.self) { try generator.prefix(of: "0123", file: "lm") }
    let words = TextTokenizer.words(of: "a b c".unicodeScalars)
    let other = TextGenerator(
      model: LanguageModel(settings: own, symbols: words.count, cell: .gru), tokenizer: words)
    #expect(throws: TaskDataError.self) { try other.prefix(of: "ab", file: "lm") }
  }
}
