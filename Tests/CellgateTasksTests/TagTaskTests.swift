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

@Suite("Tags of sentences")
struct TagTaskTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func settings(_ options: [String: OptionValue]) -> TrainingSettings {
    var settings = TagTask.defaults
    settings.taskOptions.merge(["embedding": 8, "character-embedding": 8, "character-units": 8]) { $1 }
    settings.taskOptions.merge(options) { $1 }
    (settings.hidden, settings.dropout, settings.cell) = (8, 0, "lstm-wm")
    return settings
  }

  private func task(_ file: String, _ options: [String: OptionValue] = [:]) throws -> TagTask {
    let prepared = try TagTask.prepared(settings(options), data: .file(file))
    return try TagTask(settings: prepared, data: .unspecified)
  }

  private func write(_ text: String, as name: String = "train.conll") throws -> String {
    try scratch.write(Array(text.utf8), as: name)
  }

  private func failure(_ text: String, _ options: [String: OptionValue] = [:]) throws -> String {
    let file = try write(text, as: "a.conll")
    return try #require(throws: TaskDataError.self) { try task(file, options) }.description
  }

  /// Sentences whose names are words with capitals, and whose second name depends on the first.
  private func sentences(_ count: Int, word: String = "sees") -> String {
    let names = ["Ada", "Emmy", "Kurt", "Alan"], places = ["Oslo", "Lima", "Turin"]
    return (0..<count).map { number in
      let name = names[number % 4], place = places[number % 3]
      return number % 2 == 0
        ? "\(name)\tB-PER\n\(place)\tI-PER\n\(word)\tO\n\(place)\tB-LOC\n\n"
        : "the\tO\n\(word)\tO\n\(name)\tB-PER\n\n"
    }.joined()
  }

  @Test(
    "A model learns the sentences of a file, and its file alone takes new ones",
    arguments: [("crf", "conv"), ("softmax", "recurrent"), ("auto", "none")])
  func learns(decoder: String, characters: String) throws {
    let file = try write(sentences(60))
    var prepared = settings(["decoder": .text(decoder), "characters": .text(characters)])
    (prepared.epochs, prepared.steps, prepared.optimizerSettings.learningRate) = (nil, 60, 0.02)
    prepared = try TagTask.prepared(prepared, data: .file(file))
    let folder = try RunDirectory(creating: scratch.file("run"), settings: prepared)
    let task = try TagTask(settings: prepared, data: .unspecified)
    guard case .completed(let result) = try Trainer(task: task, settings: prepared, directory: folder).run()
    else {
      Issue.record("expected a run to its end")
      return
    }
    #expect(result.selection == "span_f1" && result.selectionValue == 1)
    #expect(result.value == 1 && result.extras["span_f1"] == 1 && result.extras["span_f1_PER"] == 1)
    let model = try Model.load(folder.path)
    #expect((model["crf"] != nil) == (decoder != "softmax"))
    let tagger = try #require(TokenTagger(model))
    let raw = [["Ada", "Oslo", "sees", "Oslo"], [], ["the", "sees", "Emmy"], ["Zoë"]]
    let found = tagger.tags(of: raw)
    #expect(
      found[0] == ["B-PER", "I-PER", "O", "B-LOC"] && found[1] == [] && found[2] == ["O", "O", "B-PER"])
    #expect(raw.map { tagger.tags(of: [$0])[0] } == found)
    #expect(tagger.tags(of: raw, batch: 1) == found)
    let other = try write(sentences(20), as: "other.conll")
    let scored = try Tasks.evaluate(run: folder.path, data: DataDirectory(option: other))
    #expect(scored.evaluation.value == 1 && scored.evaluation.named["span_recall_LOC"] == 1)
    #expect(task.samples(task.makeModel(cell: .lstmWM), count: 3).count == 3)
  }

  @Test("Nothing of the validation and test parts is learned: words, characters, tags")
  func leaks() throws {
    let train = try write(sentences(20))
    let other = try write(
      sentences(4, word: "lëak") + "x\tB-NEW\n\n", as: "test.conll")
    let own = try task(train, ["test": .text(other), "valid": .text(other)])
    let known = own.batches.encoder.preprocessing
    #expect(known.words?.contains("ada") == true && known.words?.contains("lëak") == false)
    #expect(
      known.tokens?.characters?.contains("A") == true && known.tokens?.characters?.contains("ë") == false)
    #expect(own.batches.encoder.labels == ["B-LOC", "B-PER", "I-PER", "O"])
    #expect(own.batches.examples(.test).last?.tags == [-1] && own.batches.examples(.test).last?.words == [1])
    #expect(own.objective.remarks.isEmpty)
    let evaluation = own.evaluate(own.makeModel(cell: .gru), on: .test)
    #expect(
      evaluation.remark == "1 token has a tag that the training data have none of, which counts as wrong")
    // By shares of one file: a word of each sentence, so that those held out are unknown.
    let each = (0..<40).map { number in
      "word\u{61}\(String(UnicodeScalar(0x4E00 + number)!))\t\(number % 2)\n\n"
    }
    let shares = try task(try write(each.joined(), as: "each.conll"))
    #expect(shares.batches.training.count == 32 && shares.batches.examples(.test).count == 4)
    #expect(shares.batches.encoder.preprocessing.words?.count == 32)
    #expect(shares.objective.remarks[.test] == "4 sentences of --data, held out for want of --test")
    #expect(shares.objective.remarks[.validation]?.contains("--valid") == true)
  }

  @Test("Rare words are replaced now and then, each shard is its part, and an epoch shows all equally often")
  func batches() throws {
    let file = try write(sentences(100))
    let batches = try task(file).batches
    let steps = try #require(batches.stepsPerEpoch)
    #expect(steps >= 25)
    let tokens = (0..<steps).reduce(0) {
      $0 + batches.batch(seed: 1, step: $1, shard: .whole).lengths.reduce(0, +)
    }
    #expect(tokens % batches.training.reduce(0) { $0 + $1.steps } == 0)
    let whole = batches.batch(seed: 3, step: 1, shard: .whole)
    let parts = (0..<2).map { batches.batch(seed: 3, step: 1, shard: Shard($0, of: 2)) }
    #expect(parts.flatMap(\.names) == whole.names)
    func words(_ batch: TagBatch) -> [[Float]] {
      let (x, count) = (batch.inputs[0].tensor.scalars, batch.lengths.count)
      return batch.lengths.enumerated().map { column, length in (0..<length).map { x[$0 * count + column] } }
    }
    #expect(parts.flatMap(words) == words(whole))
    func unknown(_ replaced: Double) throws -> Double {
      let batches = try task(file, ["replace": .real(replaced)]).batches
      let all = (0..<steps).flatMap { words(batches.batch(seed: 1, step: $0, shard: .whole)).joined() }
      return Double(all.count { $0 == 1 }) / Double(all.count)
    }
    #expect(try unknown(0) == 0)
    let share = try unknown(40)
    #expect(share > 0.3 && share < 0.8)
  }

  @Test("Sentences are grouped by length, with room for one of any length")
  func groups() {
    let groups = LengthOrder.groups(of: [5, 100_000, 3, 9000, 4], most: 2)
    #expect(groups == [[2, 4], [0], [3], [1]])
    #expect(LengthOrder.groups(of: [], most: 2) == [])
  }

  @Test("Long sentences are trained on in pieces, and long words are seen at both ends")
  func long() throws {
    let word = "abcdefghij" + String(repeating: "x", count: 50) + "klmnopqrst"
    let text = (0..<600).map { "\($0 == 0 ? word : "w")\t\($0 % 2)\n" }.joined() + "\na\t0\nw\t1\n\nw\t1\n"
    let file = try write(text)
    let own = try task(file, ["word-length": 5, "test": .text(file), "valid": .text(file)])
    let lengths = (0..<25).flatMap { own.batches.batch(seed: 1, step: $0, shard: .whole).lengths }
    #expect(lengths.max() == 256 && lengths.contains(600 - 512))
    let one = own.batches.encoder.batch([own.batches.training[0]])
    let characters = try #require(own.batches.encoder.preprocessing.tokens?.characters)
    let unknown: Float = 1,
      known = Float(try #require(characters.unicodeScalars.map { $0 }.firstIndex(of: "a"))) + 2
    #expect(Array(one.inputs[1].tensor.scalars[0..<5]) == [known, unknown, unknown, unknown, unknown])
    let evaluation = own.evaluate(own.makeModel(cell: .lstm), on: .test)
    #expect(evaluation.value > 0 && evaluation.extras.isEmpty && evaluation.named.isEmpty)
    #expect(TagTask.metricNames(own.settings) == ["accuracy"])
    #expect(TagTask.description.selection(own.settings) == TagTask.metric)
  }

  @Test("The baseline is the most frequent tag of each word")
  func baseline() throws {
    let train = try write("a\tX\na\tX\na\tY\nb\tY\nc\tX\n\n", as: "a.conll")
    let test = try write("a\tX\nb\tX\nnew\tX\nc\tY\n\n", as: "b.conll")
    let own = try task(train, ["test": .text(test), "valid": .text(test)])
    #expect(own.baseline == Baseline(0.5, "the most frequent tag of each word"))
  }

  @Test("What is wrong with the data is one line that names the file")
  func errors() throws {
    let many = (0..<10).map { "w\($0)\tX\n\n" }.joined()
    #expect(try failure(many).contains("a.conll: expected two tags or more, found 'X' alone"))
    #expect(
      try failure("a\tX\nb\tY\n").contains("expected 3 sentences or more, or --valid and --test, found 1"))
    #expect(try failure("a\tX\n\nb\n").contains("line 3: expected 2 columns"))
    #expect(try failure("a\nb\n").contains("line 1: expected a tag in column 2, found none"))
    let numbers = (0..<3000).map { "w\tn\($0)\n\n" }.joined()
    #expect(try failure(numbers).contains("expected tags, found"))
    let problems = settings(["columns": ["a", "b"]]).problems(tasks: Tasks.all).map(\.description)
    #expect(problems.contains { $0.contains("columns") && $0.contains("found 'a,b'") })
    let shares = settings(["valid-percent": 50, "test-percent": 50]).problems(tasks: Tasks.all)
    #expect(shares.contains { $0.description.contains("less than 100") })
  }
}
