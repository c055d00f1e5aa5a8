import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Testing

@testable import CellgateTasks
@testable import CellgateTraining

@Suite("Vectors of texts")
struct EncoderTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private static let animals = [
    ("dog", "puppy"), ("cat", "kitten"), ("horse", "foal"), ("cow", "calf"), ("bird", "chick"),
    ("bear", "cub"),
  ]
  private static let acts = [("runs", "races"), ("sleeps", "naps"), ("eats", "feeds"), ("jumps", "leaps")]
  private static let places = [("field", "meadow"), ("house", "building"), ("street", "road")]

  /// Groups of three texts: two say the same in other words, a third in other words still; words of other groups stand in all.
  private static var groups: [[String]] {
    animals.flatMap { animal in
      acts.flatMap { act in
        places.map { place in
          [
            "a \(animal.0) \(act.0) near the \(place.0)", "the \(animal.1) \(act.1) by a \(place.1)",
            "near a \(place.0) the \(animal.1) \(act.0)",
          ]
        }
      }
    }
  }

  private func write(_ groups: [[String]], as name: String = "pairs.tsv") throws -> String {
    try scratch.write(
      Array(groups.map { $0.joined(separator: "\t") + "\n" }.joined().utf8), as: name)
  }

  private func settings(_ options: [String: OptionValue] = [:]) -> TrainingSettings {
    var settings = EncoderTask.defaults
    settings.taskOptions.merge(["embedding": 16, "dimension": 16, "least-count": 1]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.batch, settings.cell, settings.dropout) = (16, 24, "lstm-wm", 0)
    return settings
  }

  private func task(_ options: [String: OptionValue], data: DataSource = .unspecified) throws -> EncoderTask {
    let prepared = try EncoderTask.prepared(settings(options), data: data)
    return try EncoderTask(settings: prepared, data: .unspecified)
  }

  @Test("Lines that share a text are one group, and files may be tables or JSON Lines")
  func groups() throws {
    let table = try write([["a b", "c"], ["d", "e"], ["c ", " f", "f"], ["", ""]])
    #expect(try SentenceGroups(pairs: table).groups == [["a b", "c", "f"], ["d", "e"]])
    let lines = """
      {"query": "a b", "answer": "c", "score": 3}
      ["d", "e"]

      {"x": "f", "y": "c"}
      """
    let json = try scratch.write(Array(lines.utf8), as: "pairs.jsonl")
    #expect(try SentenceGroups(pairs: json).groups == [["a b", "c", "f"], ["d", "e"]])
  }

  @Test("What is wrong with pairs is named with its line")
  func mistakes() throws {
    func failure(_ text: String, _ options: [String: OptionValue] = [:]) throws -> String {
      let file = try scratch.write(Array(text.utf8), as: "wrong.tsv")
      return try #require(throws: TaskDataError.self) {
        _ = try task(["pairs": .text(file)].merging(options) { $1 })
      }.description
    }
    #expect(try failure("a\tb\nc\n").contains("line 2: expected two texts or more with tabs between"))
    #expect(try failure("{\"a\": 1, \"b\": \"x\"}\n").contains("line 1: expected two texts"))
    #expect(try failure("a\tb\n{\"a\n").contains("line 2: expected JSON"))
    #expect(try failure("a\tb\nc\td\n").contains("expected 4 groups of texts that mean the same or more"))
    #expect(try failure("", [:]).contains("found 0"))
    #expect(throws: TaskDataError.self) { _ = try task([:], data: .folder(scratch.path)) }
    let file = try write(Self.groups)
    let prepared = try EncoderTask.prepared(settings(["pairs": .text(file)]), data: .unspecified)
    _ = try write(Array(Self.groups.dropLast()))
    #expect(throws: TaskDataError.self) { _ = try EncoderTask(settings: prepared, data: .unspecified) }
    #expect(
      settings(["splits": ["a", "b"]]).problems(tasks: Tasks.all).map(\.description).joined().contains(
        "three lists"))
  }

  @Test("A batch has two texts of each group, shards are its parts, and groups are held out whole")
  func batches() throws {
    let task = try task(["pairs": .text(write(Self.groups))])
    let batches = task.batches
    let (valid, test) = (try #require(batches.parts[.validation]), try #require(batches.parts[.test]))
    #expect(valid.texts.count == 21 && test.texts.count == 21 && batches.trainingCount == 58)
    #expect(Set(valid.texts).isDisjoint(with: test.texts))
    let batch = batches.batch(seed: 1, step: 3, shard: .whole)
    #expect(batch.groups.count == 48 && batch.groups.prefix(24) == batch.groups.suffix(24))
    let columns = { (batch: SentenceBatch) -> [[Float]] in
      let (x, count) = (batch.x.tensor.scalars, batch.groups.count)
      return (0..<count).map { column in
        stride(from: column, to: x.count, by: count).map { x[$0] }.filter { $0 > 0 }
      }
    }
    let texts = columns(batch)
    #expect((0..<24).allSatisfy { texts[$0] != texts[$0 + 24] })
    let halves = (0..<2).map { batches.batch(seed: 1, step: 3, shard: Shard($0, of: 2)) }
    #expect(halves.flatMap { columns($0).prefix(12) } == Array(texts.prefix(24)))
    #expect(halves.flatMap { columns($0).suffix(12) } == Array(texts.suffix(24)))
    // A pass shows each group once.
    let pass = (0..<29).map {
      Int(batches.batch(seed: 5, step: $0 / 12, shard: Shard($0 % 12, of: 12)).groups[0])
    }
    #expect(Set(pass).count == 29)
    #expect(batches.stepsPerEpoch == 27)
  }

  @Test("Texts of the same group are no wrong answers, and the loss of equal vectors is that of chance")
  func loss() throws {
    let task = try task(["pairs": .text(write(Self.groups))])
    let model = task.makeModel(cell: .lstm)
    var carried: [Tensor] = []
    func loss(_ groups: [Int32]) -> Float {
      let text: [Float] = [2, 3, 4]
      let x = SentenceBatches.side([[Float]](repeating: text, count: groups.count))
      return task.objective.loss(
        model, SentenceBatch(x: x, groups: groups), carried: &carried, context: .inference(), probe: nil
      ).mean.item
    }
    #expect(abs(loss([0, 1, 2, 3, 0, 1, 2, 3]) - 1.3862944) < 1e-4)
    // Of four pairs two are of one group: each has three answers, or two.
    #expect(abs(loss([0, 0, 2, 3, 0, 0, 2, 3]) - (2 * 1.0986123 + 2 * 1.3862944) / 4) < 1e-4)
    #expect(abs(loss([0, 0, 0, 0, 0, 0, 0, 0])) < 1e-4)
  }

  @Test("Recall counts the best text of a query's group, and equal scores against it")
  func recall() {
    var scores = RetrievalScores()
    let groups: [Int32] = [0, 0, 1, 1, 2]
    scores.add(query: 0, scores: [9, 5, 1, 2, 3], groups: groups)  // rank 1
    scores.add(query: 2, scores: [4, 4, 9, 4, 0], groups: groups)  // rank 3
    scores.add(query: 4, scores: [1, 1, 1, 1, 1], groups: groups)  // alone: no query
    let values = scores.values
    #expect(values["recall_at_1"] == 0.5 && values["recall_at_5"] == 1)
    #expect(abs((values["reciprocal_rank"] ?? 0) - (1 + 1.0 / 3) / 2) < 1e-12)
  }

  @Test("Counting words finds texts with rare words in common")
  func words() {
    let part = SentencePart([
      ["the red fox", "a red thing the fox"], ["the blue whale", "whale the"], ["the sky", "the air"],
    ])
    let scores = WordRetrieval(part).scores
    for way in ["bm25", "tfidf"] {
      // Of the last group a text has only `the` in common with all others.
      #expect(scores["\(way)_recall_at_1"] == 4.0 / 6)
      #expect(scores["\(way)_recall_at_10"] == 1)
    }
  }

  @Test("Two ways of scoring are fused by the ranks of what they score above 0, without the query")
  func fused() {
    let one: [Float] = [9, 0.5, 0.2, 0], other: [Float] = [3, 0, 7, 0]
    let sums = RetrievalScores.fused(one, other, query: 0)
    let expected: [Float] = [0, 1.0 / 61, 1.0 / 62 + 1.0 / 61, 0]
    #expect(zip(sums, expected).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("Texts of one meaning are found by what was learned, better than by their words")
  func learning() throws {
    var settings = try EncoderTask.prepared(
      settings(["pairs": .text(write(Self.groups))]), data: .unspecified)
    settings.epochs = nil
    settings.steps = 120
    settings.optimizerSettings.learningRate = 0.01
    let task = try EncoderTask(settings: settings, data: .unspecified)
    let trainer = try Trainer(
      task: task, settings: settings,
      directory: RunDirectory(creating: scratch.file("run"), settings: settings))
    guard case .completed(let result) = try trainer.run() else {
      Issue.record("not completed")
      return
    }
    #expect(result.value > 0.7 && result.value > task.baseline.value, "\(result.value) of \(task.baseline)")
    let model = try Model.load(scratch.file("run"))
    let evaluation = task.evaluate(model, on: .test)
    #expect(abs(evaluation.value - result.value) < 1e-6)
    #expect(try #require(evaluation.named["fused_recall_at_10"]) > 0.7)

    let encoder = try #require(SentenceEncoder(model))
    let texts = [
      "a dog runs near the field", "", "the puppy races by a meadow", "zzz", "the kitten naps by a road now",
    ]
    let vectors = encoder.vectors(texts)
    #expect(vectors.shape == [5, 16])
    let lengths = (vectors * vectors).sum(axis: 1).scalars
    #expect(lengths[1] == 0 && [0, 2, 3, 4].allSatisfy { abs(lengths[$0] - 1) < 1e-5 })
    // What is computed together changes nothing but the last digits.
    for (row, text) in texts.enumerated() {
      let alone = encoder.vectors([text]).scalars
      #expect(zip(alone, vectors.scalars[row * 16..<row * 16 + 16]).allSatisfy { abs($0 - $1) < 1e-5 })
    }
    // A report's model knows no words of its own.
    model.metadata = [:]
    #expect(SentenceEncoder(model) == nil)
    let samples = task.samples(model, count: 3)
    #expect(samples.count == 3)
    guard case .neighbour(let first) = samples[0] else {
      Issue.record("no neighbour")
      return
    }
    #expect(first.text != first.found && first.similarity <= 1.0001)

    // Another file is scored with the model's words.
    let other = try write(Array(Self.groups.prefix(10)), as: "other.tsv")
    let scored = try EncoderTask(
      scoring: settings, data: .file(other), metadata: task.modelMetadata, split: nil)
    let values = scored.evaluate(model, on: .test)
    #expect(values.value > 0.7 && scored.batches.parts[.test]?.texts.count == 30)
    #expect(scored.batches.vectorizer.words == task.batches.vectorizer.words)
  }

  @Test("Captions of a picture are a group, and lists divide the pictures")
  func captions() throws {
    let lines = (0..<12).flatMap { picture in
      (0..<2).map { "p\(picture).jpg#\($0)\tword\(picture) in caption \($0) ." }
    }
    let folder = scratch.path
    func write(_ text: String, _ name: String) throws -> String {
      try scratch.write(Array(text.utf8), as: name)
    }
    _ = try write(lines.joined(separator: "\n") + "\n", "a.token.txt")
    for (name, range) in [("trainImages", 0..<8), ("devImages", 8..<10), ("testImages", 10..<12)] {
      _ = try write(range.map { "p\($0).jpg\n" }.joined(), "a.\(name).txt")
    }
    let task = try task([:], data: .folder(folder))
    #expect(task.batches.trainingCount == 8)
    #expect(task.batches.parts[.test]?.groups == [0, 0, 1, 1])
    #expect(task.batches.parts[.test]?.texts.first == "word10 in caption 0 .")
    // Pairs beside them are trained on.
    let pairs = try self.write([["one", "two"], ["three", "four"]])
    #expect(try self.task(["pairs": .text(pairs)], data: .folder(folder)).batches.trainingCount == 10)
  }
}
