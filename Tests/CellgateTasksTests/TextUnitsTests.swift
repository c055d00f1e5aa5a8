import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Texts of words and pieces")
struct TextUnitsTests {
  /// Words by chance, one of them only in the last tenth.
  private static let text: String = {
    var stream = RandomStream(seed: 2, name: "words")
    let words = ["the", "cat", "sat", "on", "mats", "é🙂,"]
    return (0..<300).map { place in
      let word = place > 285 && place % 3 == 0 ? "never" : words[stream.integer(below: 6)]
      return word + (place % 9 == 8 ? "\n" : " ")
    }.joined()
  }()

  private func prepared(
    _ unit: TextTokenizer.Unit, _ change: (inout TrainingSettings) -> Void = { _ in }
  ) throws -> (scratch: Scratch, path: String, settings: TrainingSettings) {
    let scratch = try Scratch()
    try scratch.write(Array(Self.text.utf8), as: "my.txt")
    let settings = TextTaskTests.settings {
      $0.taskOptions["unit"] = .text(unit.rawValue)
      $0.taskOptions["pieces"] = 280
      change(&$0)
    }
    let path = scratch.path + "/my.txt"
    return (scratch, path, try TextTask.prepared(settings, data: .file(path)))
  }

  /// The mean cross-entropy of each symbol but the first, one step at a time.
  private func nats(_ model: LanguageModel, _ stream: [Int32]) -> [Double] {
    var states: [Tensor]?
    return zip(stream, stream.dropFirst()).map { symbol, next in
      let result = model([symbol], steps: 1, batch: 1, states: states)
      states = result.states
      return Double(crossEntropy(result.logits, classes: [next]).item)
    }
  }

  @Test(
    "Bits per character are all symbols' bits over the characters of the part, and perplexity is of symbols",
    arguments: TextTokenizer.Unit.allCases)
  func metrics(_ unit: TextTokenizer.Unit) throws {
    let (scratch, path, settings) = try prepared(unit)
    let task = try TextTask(settings: settings, data: .unspecified)
    #expect(task.tokenizer.unit == unit && settings.data?["symbols"]?.whole == task.tokenizer.count)
    let model = task.makeModel(cell: .lstm)
    let found = task.evaluate(model, on: .test)
    let stream = task.batches.stream(of: .test)
    let nats = nats(model, Array(stream.indices))
    let mean = nats.reduce(0, +) / Double(nats.count)
    #expect(abs(found.extras[0] - mean) < 1e-6 && abs(found.extras[2] - exp(mean)) < 1e-4)
    let scalars = Self.text.unicodeScalars
    let characters = Array(scalars.suffix(scalars.count / 10))
    let known = zip(nats.indices, stream.indices.dropFirst()).filter { $1 != task.tokenizer.unknown }
    let bits = known.map { nats[$0.0] }.reduce(0, +) / log(2)
    let first = stream.characters.map { Int($0[0]) } ?? 1
    switch unit {
    case .characters: #expect(found.extras[1] > 0)
    case .words:
      // "never", each with the space before it, is none of the words.
      let unknown = stream.indices.dropFirst().count { $0 == 0 }
      #expect(found.extras[1] == Double(unknown) / Double(nats.count) && unknown > 2)
      let lengths = zip(stream.indices, stream.characters ?? []).dropFirst().filter { $0.0 != 0 }
      let count = lengths.reduce(0) { $0 + Int($1.1) }
      #expect(abs(found.value - bits / Double(count)) < 1e-6)
    case .pieces:
      #expect(found.extras[1] == 0)
      #expect(abs(found.value - bits / Double(characters.count - first)) < 1e-6)
      #expect(task.tokenizer.decode(stream.indices).unicodeScalars.elementsEqual(characters))
    }
    #expect(task.baseline.value.isFinite && task.baseline.label == "\(unit.rawValue.dropLast()) frequencies")
    // The whole text, as other data and from the model's file.
    let score = try model.score(path, tokenizer: task.tokenizer)
    #expect(score.characters <= scalars.count && score.perplexity == exp(score.crossEntropy))
    withExtendedLifetime(scratch) {}
  }

  @Test(
    "Symbols come from the training part alone: other ends change none",
    arguments: TextTokenizer.Unit.allCases)
  func noLeak(_ unit: TextTokenizer.Unit) throws {
    let (scratch, path, settings) = try prepared(unit)
    let task = try TextTask(settings: settings, data: .unspecified)
    let count = Self.text.unicodeScalars.count
    var other = Array(Self.text.unicodeScalars)
    for place in (count - count / 5)..<count { other[place] = place % 3 == 0 ? " " : "Z" }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: other)
    try scratch.write(Array(String(text).utf8), as: "other.txt")
    let planted = try TextTask.prepared(
      TextTaskTests.settings { $0.taskOptions = settings.taskOptions },
      data: .file(scratch.path + "/other.txt"))
    #expect(try TextTask(settings: planted, data: .unspecified).tokenizer == task.tokenizer)
    withExtendedLifetime(path) {}
  }

  @Test(
    "A run of words or pieces is resumed, scored on another text and generates from its folder alone",
    arguments: [TextTokenizer.Unit.words, .pieces])
  func run(_ unit: TextTokenizer.Unit) throws {
    let (scratch, path, settings) = try prepared(unit)
    let folder = scratch.path + "/run"
    let trainer = try Trainer(
      task: TextTask(settings: settings, data: .unspecified), settings: settings,
      directory: RunDirectory(creating: folder, settings: settings))
    _ = try trainer.run()
    try scratch.write(Array("the cat saw mats: never\n".utf8), as: "other.txt")
    let other = try Tasks.make(
      scoring: folder, settings, data: DataDirectory(option: scratch.path + "/other.txt"))
    let found = try RunDirectory.evaluate(folder, task: other, on: .test)
    #expect((found.extras[1] > 0) == (unit == .words))
    try FileManager.default.removeItem(atPath: path)
    for generator in [
      try TextGenerator(run: folder), try TextGenerator(model: folder + "/model.safetensors"),
    ] {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: try generator.text(after: "the cat", seed: 3).prefix(80))
      #expect(text.count == 80 && !text.contains("\u{FFFD}") && !String(text).contains("<unk>"))
      if unit == .words {
        #expect(text.first == " " || text.first == "\n" || text.first == ",")
        let words = Set(["the", "cat", "sat", "on", "mats", "é", "🙂"])
        let written = String(text).split { " \n,".contains($0) }.dropLast()
        #expect(written.allSatisfy { words.contains(String($0)) }, "\(String(text))")
      }
    }
  }

  @Test("Words that the model doesn't know are refused in a prompt by name; <unk> stands for them")
  func prompt() throws {
    let words = TextTokenizer.words(of: "the cat\n".unicodeScalars)
    let generator = TextGenerator(model: LanguageModelTests.model(symbols: 4), tokenizer: words)
    let error = #expect(throws: GenerationError.self) { try generator.text(after: "the dog") }
    #expect(
      error?.description == "prompt: word 2, 'dog': the model doesn't know it; write <unk> for such a word")
    let upper = #expect(throws: GenerationError.self) { try generator.text(after: "The") }
    #expect(upper?.description == "prompt: word 1, 'The': the model doesn't know it; it knows 'the'")
    let text = try generator.text(after: "the <unk> ", seed: 2)
    #expect(text.next() != " ")
  }

  @Test("Generated pieces are whole characters, whatever the model", arguments: [UInt64(1), 2, 3])
  func wholeCharacters(seed: UInt64) throws {
    let tokenizer = TextTokenizer.pieces(BytePairVocabulary())
    let generator = TextGenerator(
      model: LanguageModelTests.model(symbols: 256, seed: seed), tokenizer: tokenizer)
    for sampling in [Sampling(), Sampling(temperature: 0), Sampling(topK: 3), Sampling(topP: 0.5)] {
      let text = try generator.text(after: "🙂", sampling: sampling, seed: seed)
      #expect(text.prefix(50).allSatisfy { $0 != "\u{FFFD}" })
    }
    // A prompt that ends within a character goes on with it.
    let cut = generator.text(after: [0xF0, 0x9F, 0x99], sampling: Sampling(), seed: seed)
    #expect(cut.next().map { (0x1F640...0x1F67F).contains($0.value) } == true)
  }

  @Test(
    "Training goes on from a model with its words or pieces", arguments: [TextTokenizer.Unit.words, .pieces])
  func from(_ unit: TextTokenizer.Unit) throws {
    let (scratch, _, settings) = try prepared(unit) { $0.steps = 2 }
    let task = try TextTask(settings: settings, data: .unspecified)
    _ = try Trainer(
      task: task, settings: settings,
      directory: RunDirectory(creating: scratch.path + "/run", settings: settings)
    ).run()
    try scratch.write(Array(String(repeating: "other cats sat on dogs\n", count: 60).utf8), as: "new.txt")
    var other = TextTaskTests.settings()
    try other.start(from: ModelSource(scratch.path + "/run"), task: TextTask.self)
    let prepared = try TextTask.prepared(other, data: .file(scratch.path + "/new.txt"))
    #expect(prepared.taskOptions["unit"]?.text == unit.rawValue)
    let decoded = try TrainingSettings(decoding: prepared.encoded(), file: "config.json")
    #expect(decoded == prepared)
    #expect(try TextTask(settings: decoded, data: .unspecified).tokenizer == task.tokenizer)
  }

  @Test("Too few words for an update are counted as words")
  func short() throws {
    let scratch = try Scratch()
    try scratch.write(Array(String(repeating: "abcdefghijklmnopqrstuvwxyz", count: 20).utf8), as: "my.txt")
    let settings = TextTaskTests.settings { $0.taskOptions["unit"] = "words" }
    let path = scratch.path + "/my.txt"
    let error = #expect(throws: TaskDataError.self) { try TextTask.prepared(settings, data: .file(path)) }
    #expect(
      error?.description.hasSuffix("training part: expected 18 words or more for one update, found 1") == true
    )
  }

  @Test("Embeddings of words start from vectors of a file, which may be frozen; other words start as usual")
  func vectors() throws {
    let scratch = try Scratch()
    try scratch.write(Array(Self.text.utf8), as: "my.txt")
    try scratch.write(Array("cat 1 2 3 4\nmats 5 6 7 8\ndog 9 9 9 9\n".utf8), as: "v.txt")
    let plain = TextTaskTests.settings { $0.taskOptions["unit"] = "words" }
    var settings = plain
    settings.taskOptions["vectors"] = .text(scratch.path + "/v.txt")
    settings.freeze = ["embedding"]
    let file = DataSource.file(scratch.path + "/my.txt")
    settings = try TextTask.prepared(settings, data: file)
    let task = try TextTask(settings: settings, data: .unspecified)
    let table = task.makeModel(cell: .lstm).embedding.weight.value
    let usual = try TextTask(settings: TextTask.prepared(plain, data: file), data: .unspecified)
      .makeModel(cell: .lstm).embedding.weight.value
    let symbols = try task.tokenizer.encode("cat mats the".unicodeScalars).indices.map(Int.init)
    #expect(table[symbols[0]].scalars == [1, 2, 3, 4] && table[symbols[1]].scalars == [5, 6, 7, 8])
    #expect(table[symbols[2]].scalars == usual[symbols[2]].scalars && table[0].scalars == usual[0].scalars)
    let folder = scratch.path + "/run"
    let trainer = try Trainer(
      task: task, settings: settings, directory: RunDirectory(creating: folder, settings: settings))
    _ = try trainer.run()
    #expect(
      try LanguageModel.load(folder + "/model.safetensors").model.embedding.weight.value.scalars
        == table.scalars)

    try scratch.write(Array("cat 1 2 3 5\n".utf8), as: "v.txt")
    let changed = #expect(throws: TaskDataError.self) { try TextTask(settings: settings, data: .unspecified) }
    #expect(changed?.description.contains("v.txt: changed since the run began") == true)
    try scratch.write(Array("cat 1 2 3\n".utf8), as: "v.txt")
    let short = #expect(throws: TaskDataError.self) { try TextTask.prepared(settings, data: file) }
    #expect(
      short?.description.hasSuffix("expected 4 numbers for each word, as --embedding says, found 3") == true)
    settings.taskOptions["unit"] = "pieces"
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == ["vectors"])
  }
}
