import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import CellgateTraining
import Foundation
import Testing

@testable import CellgateTasks

@Suite("Texts")
struct TextTaskTests {
  /// A run of a few updates on words by chance.
  static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    var settings = TextTask.defaults
    settings.taskOptions = ["length": 5, "embedding": 4, "valid-percent": 10, "test-percent": 10]
    settings.hidden = 6
    settings.batch = 3
    settings.epochs = nil
    settings.steps = 30
    change(&settings)
    return settings
  }

  /// 200 characters of which the training part has a, b, c and newlines alone.
  static let text =
    String(repeating: "ab\nac\n\nb", count: 20) + String(repeating: "aé", count: 10)
    + String(repeating: "ba", count: 10)

  private func write(_ text: String = text, as name: String = "my.txt") throws -> (
    scratch: Scratch, path: String
  ) {
    let scratch = try Scratch()
    try scratch.write(Array(text.utf8), as: name)
    return (scratch, scratch.path + "/" + name)
  }

  @Test("The text is remembered by path, checksum and number of symbols, and found again")
  func prepared() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), data: .file(path))
    // a, b, c, the newline, and the unknown.
    let source = DataReference(
      path: path, sha256: SHA256.hex(Array(Self.text.utf8)),
      facts: ["symbols": 5, "unknownScored": .flag(false)])
    #expect(settings.data == source)
    #expect(TextTask.shape(settings).outputSize == 5)
    let task = try TextTask(settings: settings, data: .unspecified)
    #expect(task.vocabulary.symbols == Array("\nabc".unicodeScalars) && task.vocabulary.hasUnknown)
    let decoded = try TrainingSettings(decoding: settings.encoded(), file: "config.json")
    #expect(decoded == settings)
    withExtendedLifetime(scratch) {}
  }

  @Test("A path with `..` after a link is remembered as the file that the system opens")
  func link() throws {
    let (scratch, _) = try write("another text, of the same length or so\n", as: "my.txt")
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/deep/inner", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path + "/link", withDestinationPath: "deep/inner")
    try scratch.write(Array(Self.text.utf8), as: "deep/my.txt")
    let settings = try TextTask.prepared(Self.settings(), data: .file(scratch.path + "/link/../my.txt"))
    #expect(settings.data?.path.hasSuffix("/deep/my.txt") == true, "\(settings.data?.path ?? "")")
    #expect(try TextTask(settings: settings, data: .unspecified).vocabulary.count == 5)
  }

  @Test("Characters that come only later are one unknown symbol, reported and counted")
  func unknown() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), data: .file(path))
    let task = try TextTask(settings: settings, data: .unspecified)
    let model = task.makeModel(cell: .lstm)
    // 10 of the 19 predicted characters are é.
    #expect(task.evaluate(model, on: .validation).extras[1] == 10.0 / 19)
    #expect(task.evaluate(model, on: .test).extras[1] == 0)
    #expect(TextTask.extraMetrics.map(\.name) == ["cross_entropy", "unknown_share", "perplexity"])
    withExtendedLifetime(scratch) {}
  }

  @Test(
    "The metric leaves unknown characters out, but for runs of earlier versions; the cross-entropy has them in"
  )
  func knownAlone() throws {
    let (scratch, path) = try write()
    var settings = try TextTask.prepared(Self.settings(), data: .file(path))
    let task = try TextTask(settings: settings, data: .unspecified)
    settings.data?["unknownScored"] = nil
    let older = try TextTask(settings: settings, data: .unspecified)
    let model = task.makeModel(cell: .lstm)
    let (found, before) = (task.evaluate(model, on: .validation), older.evaluate(model, on: .validation))
    #expect(before.value == before.extras[0] / log(2) && found.extras == before.extras)
    // Every other character of a stream of 20 that begins with a, one by one.
    let (unknown, stream) = (
      try #require(task.vocabulary.unknown),
      try task.vocabulary.encode(
        Self.text.unicodeScalars.dropFirst(160).prefix(20))
    )
    var (states, sum): ([Tensor]?, Double) = (nil, 0)
    for (symbol, next) in zip(stream, stream.dropFirst()) {
      let result = model([symbol], steps: 1, batch: 1, states: states)
      states = result.states
      if next != unknown { sum += Double(crossEntropy(result.logits, classes: [next]).item) }
    }
    #expect(abs(found.value - sum / 9 / log(2)) < 1e-6)
    #expect(
      found.remark?.hasPrefix("52.6 % of the characters are unknown to the model and make ") == true)
    #expect(found.remark?.hasSuffix("; bits_per_character leaves them out") == true)
    #expect(before.remark?.hasSuffix("; bits_per_character counts them") == true)
    // Without such characters both are the same number.
    let (one, other) = (task.evaluate(model, on: .test), older.evaluate(model, on: .test))
    #expect(one == other && one.value == one.extras[0] / log(2) && one.remark == nil)
    #expect(task.baseline.value == older.baseline.value)
    withExtendedLifetime(scratch) {}
  }

  @Test("A byte-order mark is no character of a text, but for runs of earlier versions")
  func mark() throws {
    let (scratch, path) = try write("\u{FEFF}" + Self.text)
    var settings = try TextTask.prepared(Self.settings(), data: .file(path))
    #expect(settings.data?["byteOrderMarkDropped"]?.flag == true && settings.data?["symbols"] == 5)
    let task = try TextTask(settings: settings, data: .unspecified)
    #expect(task.vocabulary.symbols == Array("\nabc".unicodeScalars))
    settings.data?["byteOrderMarkDropped"] = nil
    settings.data?["symbols"] = 6
    let older = try TextTask(settings: settings, data: .unspecified)
    #expect(older.vocabulary.symbols == Array("\nabc\u{FEFF}".unicodeScalars))
    let decoded = try TrainingSettings(decoding: settings.encoded(), file: "config.json")
    #expect(decoded == settings && !String(decoding: settings.encoded(), as: UTF8.self).contains("mark"))
    withExtendedLifetime(scratch) {}
  }

  @Test("Another text is scored with the model's vocabulary, all of it or the split that is asked for")
  func otherText() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), data: .file(path))
    let task = try TextTask(settings: settings, data: .unspecified)
    let model = task.makeModel(cell: .lstm)
    let other = scratch.path + "/other.txt"
    try scratch.write(Array(("\u{FEFF}" + String(repeating: "abcé", count: 25) + "a").utf8), as: "other.txt")
    func scored(_ split: Split?, _ path: String) throws -> TextTask {
      try TextTask(
        scoring: settings, data: .file(path), metadata: task.modelMetadata, split: split)
    }
    let whole = try scored(nil, other)
    #expect(whole.vocabulary == task.vocabulary && whole.scoresWholeText)
    let found = whole.evaluate(model, on: .test)
    #expect(found.extras[1] == 0.25)
    #expect(found.remark?.hasPrefix("25.0 % of the characters are unknown to the model") == true)
    #expect(abs(whole.baseline.value - log2(5)) < 1e-12)
    // The last ten characters, of which the first is not predicted: "bcéabcéa" after it has two.
    #expect(try scored(.test, other).evaluate(model, on: .test).extras[1] == 2.0 / 9)
    #expect(try scored(nil, path).evaluate(model, on: .test) == task.evaluate(model, on: .test))
    #expect(try !scored(nil, path).scoresWholeText)
    try scratch.write(Array("a".utf8), as: "other.txt")
    #expect(throws: TaskDataError.tooShort(file: other, part: "scored", expected: 2, found: 1)) {
      try scored(nil, other)
    }
  }

  @Test("A text that has changed is refused, one that has moved is found by its new path")
  func changed() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), data: .file(path))
    try FileManager.default.moveItem(atPath: path, toPath: scratch.path + "/new.txt")
    #expect(throws: TaskDataError.file(.missing(file: path))) {
      try TextTask(settings: settings, data: .unspecified)
    }
    _ = try TextTask(settings: settings, data: .file(scratch.path + "/new.txt"))
    try scratch.write(Array((Self.text + "a").utf8), as: "my.txt")
    let error = #expect(throws: TaskDataError.self) { try TextTask(settings: settings, data: .unspecified) }
    #expect(error?.description.contains("my.txt: changed since the run began: expected SHA-256") == true)
  }

  @Test(
    "A part too short for one update is named with what it takes",
    arguments: [("", "training", 18, 0), ("abcabcabcabcabcabcabcab", "validation", 6, 2)])
  func short(text: String, part: String, expected: Int, found: Int) throws {
    let (scratch, path) = try write(text)
    #expect(throws: TaskDataError.tooShort(file: path, part: part, expected: expected, found: found)) {
      try TextTask.prepared(Self.settings(), data: .file(path))
    }
    withExtendedLifetime(scratch) {}
  }

  @Test("Without a text the option that gives one is named, and shares must leave something to train on")
  func none() throws {
    #expect(throws: TrainingError.data(.noText(task: "text"))) {
      try Tasks.prepared(Self.settings(), data: DataDirectory(environment: ["CELLGATE_DATA": "/somewhere"]))
    }
    let settings = Self.settings { $0.taskOptions["test-percent"] = 90 }
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == ["valid-percent"])
  }

  @Test(
    "Shares and symbols beyond all bounds are named and overflow nothing",
    arguments: ["valid-percent", "test-percent", "length", "embedding"], [Int.max, .min, -1, 0])
  func bounds(option: String, value: Int) {
    let settings = Self.settings { $0.taskOptions[option] = .whole(value) }
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == [option])
  }

  @Test("A number of symbols that no text has, or not this one, is refused", arguments: [-1, 0, .max, 6, 4])
  func symbols(count: Int) throws {
    let (scratch, path) = try write()
    var settings = try TextTask.prepared(Self.settings(), data: .file(path))
    settings.data?["symbols"] = .whole(count)
    let problems = settings.problems(tasks: Tasks.all)
    if TextTask.symbolRange.contains(count) {
      #expect(problems.isEmpty)
      #expect(throws: TaskDataError.otherSymbols(file: path, expected: count, found: 5)) {
        try TextTask(settings: settings, data: .unspecified)
      }
    } else {
      #expect(problems.map(\.option) == ["data.symbols"])
    }
    withExtendedLifetime(scratch) {}
  }

  @Test(
    "An interrupted run that is resumed has the same bits, at any step of an epoch", arguments: [1, 8, 9, 20])
  func resumes(stop: Int) throws {
    let (scratch, path) = try write()
    // (160 / 3 − 1) / 5 = 10 updates an epoch.
    let settings = try TextTask.prepared(Self.settings(), data: .file(path))
    func trainer(_ name: String, resuming: Bool = false) throws -> Trainer {
      let folder = scratch.path + "/" + name
      let task = try TextTask(settings: settings, data: .unspecified)
      #expect(task.stepsPerEpoch == 10)
      return try Trainer(
        task: task, settings: settings,
        directory: resuming
          ? RunDirectory(resuming: folder) : RunDirectory(creating: folder, settings: settings))
    }
    _ = try trainer("whole").run()
    do {
      let part = try trainer("parts")
      #expect(try part.run(shouldStop: { part.step == stop }) == .interrupted(step: stop))
    }
    _ = try trainer("parts", resuming: true).run()
    for name in ["metrics.csv", "model.safetensors"] {
      #expect(scratch.read("parts/\(name)") == scratch.read("whole/\(name)"), "\(name)")
    }
  }
}
