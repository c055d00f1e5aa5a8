import CellgateCells
import CellgateFormats
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
    let settings = try TextTask.prepared(Self.settings(), dataDirectory: path)
    // a, b, c, the newline, and the unknown.
    #expect(settings.text == TextSource(path: path, sha256: SHA256.hex(Array(Self.text.utf8)), symbols: 5))
    #expect(TextTask.shape(settings).outputSize == 5)
    let task = try TextTask(settings: settings, dataDirectory: "")
    #expect(task.vocabulary.symbols == Array("\nabc".unicodeScalars) && task.vocabulary.hasUnknown)
    let decoded = try TrainingSettings(decoding: settings.encoded(), file: "config.json")
    #expect(decoded == settings)
    withExtendedLifetime(scratch) {}
  }

  @Test("Characters that come only later are one unknown symbol, told and counted")
  func unknown() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), dataDirectory: path)
    let task = try TextTask(settings: settings, dataDirectory: "")
    let model = task.makeModel(cell: .lstm)
    // 10 of the 19 characters told are é.
    #expect(task.evaluate(model, on: .validation).extras[1] == 10.0 / 19)
    #expect(task.evaluate(model, on: .test).extras[1] == 0)
    #expect(TextTask.extraMetrics.count == 2)
    withExtendedLifetime(scratch) {}
  }

  @Test("A text that has changed is refused, one that has moved is found by its new path")
  func changed() throws {
    let (scratch, path) = try write()
    let settings = try TextTask.prepared(Self.settings(), dataDirectory: path)
    try FileManager.default.moveItem(atPath: path, toPath: scratch.path + "/new.txt")
    #expect(throws: TaskDataError.file(.missing(file: path))) {
      try TextTask(settings: settings, dataDirectory: "")
    }
    _ = try TextTask(settings: settings, dataDirectory: scratch.path + "/new.txt")
    try scratch.write(Array((Self.text + "a").utf8), as: "my.txt")
    let error = #expect(throws: TaskDataError.self) { try TextTask(settings: settings, dataDirectory: "") }
    #expect(error?.description.contains("my.txt: changed since the run began: expected SHA-256") == true)
  }

  @Test(
    "A part too short for one update is named with what it takes",
    arguments: [("", "training", 18, 0), ("abcabcabcabcabcabcabcab", "validation", 6, 2)])
  func short(text: String, part: String, expected: Int, found: Int) throws {
    let (scratch, path) = try write(text)
    #expect(throws: TaskDataError.tooShort(file: path, part: part, expected: expected, found: found)) {
      try TextTask.prepared(Self.settings(), dataDirectory: path)
    }
    withExtendedLifetime(scratch) {}
  }

  @Test("Without a text the option that gives one is told, and shares must leave something to train on")
  func none() throws {
    #expect(throws: TrainingError.data(.noText(task: "text"))) {
      try Tasks.prepared(Self.settings(), data: DataDirectory(environment: ["CELLGATE_DATA": "/somewhere"]))
    }
    let settings = Self.settings { $0.taskOptions["test-percent"] = 90 }
    #expect(settings.problems(tasks: Tasks.all).map(\.option) == ["valid-percent"])
  }

  @Test(
    "An interrupted run that is resumed has the same bits, at any step of an epoch", arguments: [1, 8, 9, 20])
  func resumes(stop: Int) throws {
    let (scratch, path) = try write()
    // (160 / 3 − 1) / 5 = 10 updates an epoch.
    let settings = try TextTask.prepared(Self.settings(), dataDirectory: path)
    func trainer(_ name: String, resuming: Bool = false) throws -> Trainer {
      let folder = scratch.path + "/" + name
      let task = try TextTask(settings: settings, dataDirectory: "")
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
