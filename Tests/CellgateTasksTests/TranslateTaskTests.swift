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

@Suite("Translation of sentences")
struct TranslateTaskTests {
  static func settings(
    _ made: MadeSentences, cell: String = "gru", _ change: (inout TrainingSettings) -> Void = { _ in }
  ) -> TrainingSettings {
    var settings = TranslateTask.defaults
    for (name, path) in zip(
      ["source", "target", "valid-source", "valid-target", "test-source", "test-target"],
      made.train + made.valid + made.test)
    { settings.taskOptions[name] = .text(path) }
    settings.taskOptions.merge(
      ["unit": "words", "least-count": 1, "batch-symbols": 60, "beam": 3, "most-symbols": 8]
    ) { $1 }
    (settings.cell, settings.hidden, settings.batch, settings.dropout) = (cell, 16, 16, 0)
    (settings.epochs, settings.steps, settings.evaluationInterval) = (nil, 150, 75)
    settings.optimizerSettings.learningRate = 0.02
    change(&settings)
    return settings
  }

  private func task(_ settings: TrainingSettings, _ data: DataSource = .unspecified) throws -> TranslateTask {
    try TranslateTask(settings: try TranslateTask.prepared(settings, data: data), data: .unspecified)
  }

  @Test(
    "Models of any cell learn a made language, and their file alone translates the same, in any batch",
    arguments: ["gru", "lstm-wm", "transformer"])
  func learns(cell: String) throws {
    let made = try MadeSentences()
    let settings = try TranslateTask.prepared(
      Self.settings(made, cell: cell) {
        if cell == "transformer" {
          $0.useTransformer()
          $0.taskOptions.merge(["heads": 2, "positions": "sinusoidal"]) { $1 }
          ($0.hidden, $0.schedule.warmUpSteps, $0.optimizerSettings.learningRate) = (32, 20, 0.005)
        }
        if cell == "gru" {
          $0.taskOptions.merge(["attention": "additive", "attention-place": "before"]) { $1 }
        }
      }, data: .unspecified)
    let task = try TranslateTask(settings: settings, data: .unspecified)
    let folder = try RunDirectory(creating: made.scratch.file("run"), settings: settings)
    guard case .completed(let result) = try Trainer(task: task, settings: settings, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(
      result.value > 30 && result.value > 5 * result.baseline, "BLEU \(result.value), \(result.baseline)")
    let translator = try Translator(folder.path)
    let sentences = made.tested.map(\.source) + ["", "  "]
    let search = BeamSearch(width: 3, lengthPower: 1)
    let found = try #require(translator.translations(of: sentences, search: search))
    #expect(found.suffix(2).allSatisfy { $0.map(\.text) == [""] })
    let scores = TranslationMetrics(
      candidates: found.dropLast(2).map { $0[0].text }, references: made.tested.map { [$0.target] })
    #expect(abs(scores.bleu - result.value) < 1e-9)
    for (sentence, own) in zip(sentences, found) {
      let alone = try #require(translator.translations(of: [sentence], search: search, batch: 1))
      #expect(alone[0].map(\.text) == own.map(\.text))
    }
    let alignments = translator.alignments(of: sentences, found.map { $0[0] })
    for (alignment, own) in zip(alignments, found) {
      #expect(alignment.target.isEmpty == own[0].text.isEmpty)
      for weights in alignment.weights { #expect(abs(weights.reduce(0, +) - 1) < 1e-5) }
    }
    let samples = task.samples(try Model.load(folder.path), count: 2)
    #expect(samples.count == 2)
  }

  @Test("Unknown words are replaced by what was looked at, kept or avoided, and long sentences have parts")
  func unknown() throws {
    let made = try MadeSentences()
    let task = try task(Self.settings(made))
    let translator = TranslationObjective.translator(task.makeModel(cell: .gru), task.batches.symbols)
    let search = BeamSearch(width: 2, lengthPower: 1, count: 2)
    let line = "ro zebra su."
    let avoided = try #require(translator.translations(of: [line], search: search, unknown: .avoid))
    #expect(avoided[0].count == 2 && avoided[0].allSatisfy { !$0.text.contains("<unk>") })
    // What the decoder writes is made unknown by the vocabulary: the untrained model writes all symbols.
    let kept = try #require(
      translator.translations(of: [line], search: BeamSearch(width: 250, count: 250), unknown: .keep))
    let replaced = try #require(
      translator.translations(of: [line], search: BeamSearch(width: 250, count: 250), unknown: .replace))
    let place = try #require(
      kept[0].firstIndex { $0.text.contains("<unk>") }, "\(kept[0].map { ($0.text, $0.score) })")
    let words = ["ro", "zebra", "su", "."]
    #expect(!replaced[0][place].text.contains("<unk>"))
    #expect(words.contains { replaced[0][place].text.contains($0) })
    #expect(replaced[0][place].score == kept[0][place].score)
    // Eight symbols at most, so that ten words and a point are two parts.
    let long = (0..<10).map { _ in "ro" }.joined(separator: " ") + "."
    let parts = try #require(translator.translations(of: [long], search: search))
    #expect(parts[0][0].parts.count == 2)
    let alignment = translator.alignments(of: [long], [parts[0][0]])[0]
    #expect(alignment.source.count == 11 && alignment.weights.allSatisfy { $0.count == 11 })
  }

  @Test("A sentence of 10,000 words is translated, and scored")
  func longSentence() throws {
    let made = try MadeSentences(count: 12)
    let long = [String](repeating: "ro", count: 10_000).joined(separator: " ")
    try made.scratch.write(Array((long + "\nma.\n").utf8), as: "test.src")
    try made.scratch.write(Array("Red.\nMoon.\n".utf8), as: "test.tgt")
    let task = try task(
      Self.settings(made) {
        $0.taskOptions["most-symbols"] = 50
        $0.hidden = 4
        $0.taskOptions["beam"] = 1
      })
    let model = task.makeModel(cell: .gru)
    let evaluation = task.evaluate(model, on: .test)
    #expect(evaluation.value.isFinite && evaluation.extras[1].isFinite)
  }

  @Test(
    "The shards of a batch are the batch, an epoch has every pair equally often, and batches have few symbols"
  )
  func shards() throws {
    let made = try MadeSentences()
    let batches = try task(Self.settings(made)).batches
    let steps = try #require(batches.stepsPerEpoch)
    for epoch in 0..<2 {
      var seen: [Int] = []
      for step in epoch * steps..<(epoch + 1) * steps {
        let whole = batches.batch(seed: 3, step: step, shard: .whole)
        let parts = (0..<3).map { batches.batch(seed: 3, step: step, shard: Shard($0, of: 3)) }
        #expect(parts.flatMap(\.target) == whole.target)
        #expect(whole.places.count <= 16)
        #expect(whole.places.count * (whole.lengths.max() ?? 0) <= 60)
        seen += whole.places
      }
      let passes = seen.count / batches.trainingCount
      #expect(steps >= 100 && steps % passes == 0)
      #expect(seen.sorted() == (0..<batches.trainingCount).flatMap { [Int](repeating: $0, count: passes) })
      #expect(seen != seen.sorted())
    }
  }

  @Test("A run that was interrupted and resumed has the same bits")
  func resumed() throws {
    let made = try MadeSentences(count: 20)
    let settings = try TranslateTask.prepared(
      Self.settings(made) {
        ($0.steps, $0.dropout, $0.evaluationInterval) = (20, 0.2, 10)
        $0.taskOptions["input-feeding"] = "yes"
      }, data: .unspecified)
    func run(_ name: String, stops: [Int]) throws -> [UInt8]? {
      let folder = try RunDirectory(creating: made.scratch.file(name), settings: settings)
      for stop in stops + [.max] {
        let task = try TranslateTask(settings: settings, data: .unspecified)
        let trainer = try Trainer(task: task, settings: settings, directory: folder)
        _ = try trainer.run(shouldStop: { trainer.step >= stop })
      }
      return made.scratch.read(name + "/model.safetensors")
    }
    let whole = try run("whole", stops: [])
    #expect(try whole != nil && run("cut", stops: [7, 13]) == whole)
  }

  @Test("Pieces are learned apart or together, and parts are shares where no files are given")
  func parts() throws {
    let made = try MadeSentences()
    func symbols(_ learned: String) throws -> Preprocessing.Translation {
      try task(
        Self.settings(made) {
          $0.taskOptions.merge(["unit": "pieces", "symbols": 300, "learn": .text(learned)]) { $1 }
        }
      ).batches.symbols
    }
    let (apart, together) = (try symbols("apart"), try symbols("together"))
    #expect(together.source == together.target && apart.source != apart.target)
    let shares = try task(
      Self.settings(made) {
        for name in ["valid-source", "valid-target", "test-source", "test-target"] {
          $0.taskOptions[name] = nil
        }
        $0.taskOptions["test-percent"] = 10
      })
    let (valid, test) = (shares.batches.sentences[.validation], shares.batches.sentences[.test])
    #expect(shares.batches.trainingCount == 51 && valid?.count == 3 && test?.count == 6)
    #expect(shares.objective.remarks[.test]?.contains("6 of the pairs") == true)
    // Pairs with a tab between are one file.
    let table = made.scratch.file("pairs.tsv")
    try made.scratch.write(
      Array("ro.\tRed.\t1\nsu.\tSun.\t2\nma.\tMoon.\nma su.\tMoon sun.\n".utf8), as: "pairs.tsv")
    var settings = Self.settings(made) { $0.steps = 1 }
    for name in TranslateOptions.all.prefix(6).map(\.name) { settings.taskOptions[name] = nil }
    let own = try task(settings, .file(table))
    #expect(own.batches.trainingCount == 2)
    let scored = try TranslateTask(
      scoring: own.settings, data: .file(made.scratch.file("pairs.tsv")), metadata: own.modelMetadata,
      split: nil)
    #expect(scored.batches.trainingCount == 2)
    try made.scratch.write(Array("ma ma.\tMoon moon.\nneu\tNew\n".utf8), as: "other.tsv")
    let other = try TranslateTask(
      scoring: own.settings, data: .file(made.scratch.file("other.tsv")), metadata: own.modelMetadata,
      split: nil)
    #expect(other.batches.sentences[.test]?.count == 2 && other.batches.symbols == own.batches.symbols)
  }

  @Test("What doesn't fit is named")
  func mistakes() throws {
    let made = try MadeSentences(count: 10)
    func reason(_ change: (inout TrainingSettings) -> Void) -> String {
      do {
        _ = try task(Self.settings(made, change))
        return ""
      } catch { return "\(error)" }
    }
    try made.scratch.write(Array("one line\n".utf8), as: "one.txt")
    try made.scratch.write(Array("\n\n\n\n".utf8), as: "empty.txt")
    let (one, empty) = (made.scratch.file("one.txt"), made.scratch.file("empty.txt"))
    #expect(reason { $0.taskOptions["source"] = .text(one) }.contains("expected as many lines"))
    #expect(
      reason {
        ($0.taskOptions["source"], $0.taskOptions["target"]) = (.text(one), .text(one))
        $0.taskOptions["test-source"] = nil
        $0.taskOptions["test-target"] = nil
      }.contains("one.txt: expected 3 pairs"))
    #expect(
      reason { ($0.taskOptions["source"], $0.taskOptions["target"]) = (.text(empty), .text(empty)) }
        .contains("--most-symbols"))
    #expect(reason { $0.taskOptions["source"] = "absent.txt" }.contains("absent.txt"))
    #expect(
      reason { ($0.taskOptions["source"], $0.taskOptions["target"]) = (nil, nil) }.contains("--source FILE"))
    #expect(throws: TaskDataError.self) {
      try TranslateTask.prepared(Self.settings(made), data: .file(made.train[0]))
    }
    func problems(_ change: (inout TrainingSettings) -> Void) -> [String] {
      Self.settings(made, change).problems(tasks: [TranslateTask.self]).map { "\($0)" }
    }
    #expect(problems { $0.taskOptions["target"] = nil }.contains { $0.contains("target") })
    #expect(problems { $0.bidirectional = true }.contains { $0.contains("must not see") })
    #expect(
      problems { $0.taskOptions.merge(["input-feeding": "yes", "attention-place": "before"]) { $1 } }
        .contains { $0.contains("feeds_output") })
    #expect(problems { $0.taskOptions.merge(["valid-percent": 60, "test-percent": 60]) { $1 } }.count == 1)
    let settings = try TranslateTask.prepared(Self.settings(made), data: .unspecified)
    try made.scratch.write(Array("ro.\n".utf8), as: "valid.src")
    #expect(throws: TaskDataError.self) { try TranslateTask(settings: settings, data: .unspecified) }
  }
}
