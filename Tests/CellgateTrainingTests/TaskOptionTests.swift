import CellgateFiles
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Options of tasks")
struct TaskOptionTests {
  private static let length = TaskOption.whole("length", "steps", default: 5, in: 1...10)
  private static let noise = TaskOption.real("noise", "share", default: 0.25, in: 0...1)
  private static let unit = TaskOption.choice("unit", "unit", default: "words", of: ["words", "characters"])
  private static let label = TaskOption.text("label", "label")
  private static let table = TaskOption.file("table", "table")
  private static let sizes = TaskOption.list("sizes", "sizes", of: .whole(1...9), default: [3, 5])

  @Test("What is typed becomes a value of the option's kind")
  func typed() throws {
    #expect(try Self.length.value("7") == 7)
    #expect(try Self.noise.value("0.5") == 0.5 && Self.noise.value("1") == 1)
    #expect(try Self.unit.value("words") == "words" && Self.label.value("a,b=c") == "a,b=c")
    #expect(try Self.table.value("/a/b.csv") == "/a/b.csv")
    #expect(try Self.table.value("b.csv").text == Paths.absolute("b.csv"))
    #expect(try Self.sizes.value("2,4") == [2, 4] && Self.sizes.value("2") == [2])
    #expect(try Self.length.value("\(Int.min)") == .whole(.min))
  }

  @Test(
    "What is no such value is named with what was expected",
    arguments: [
      (length, "x", "length: expected a whole number, found 'x'"),
      (length, "1.5", "length: expected a whole number, found '1.5'"),
      (length, "", "length: expected a whole number, found ''"),
      (
        length, "9223372036854775808",
        "length: expected a whole number up to 9223372036854775807, found '9223372036854775808'"
      ),
      (noise, "nan", "noise: expected a number, found 'nan'"),
      (sizes, "1,,2", "sizes: expected whole numbers with commas between, found '1,,2'"),
    ])
  func wrong(option: TaskOption, text: String, error: String) {
    let found = #expect(throws: SettingsError.self) { try option.value(text) }
    #expect(found?.description == error)
  }

  @Test("A value out of an option's range, or of another kind, is a problem")
  func ranges() {
    func problem(_ option: TaskOption, _ value: OptionValue) -> String? {
      option.problem(value)?.description
    }
    #expect(problem(Self.length, 11) == "length: expected 1 to 10, found 11")
    #expect(problem(Self.length, "x") == "length: expected 1 to 10, found x")
    #expect(problem(Self.length, .real(3)) == nil && problem(Self.length, 3.5) != nil)
    #expect(problem(Self.noise, 1) == nil && problem(Self.noise, .real(.nan)) != nil)
    #expect(problem(Self.noise, 2) == "noise: expected 0.0 to 1.0, found 2")
    #expect(problem(Self.unit, "word") == "unit: unknown name 'word'; did you mean words?")
    #expect(problem(Self.sizes, [3, 10]) == "sizes: expected a list of 1 to 9, found 3,10")
    #expect(problem(Self.sizes, []) != nil && problem(Self.sizes, [1]) == nil)
    #expect(problem(Self.label, 3) == "label: expected a text, found 3")
  }

  @Test("Values are written as JSON alone and read again")
  func json() throws {
    var settings = MeanTask.defaults
    settings.taskOptions = [
      "a": 3, "b": 0.5, "c": "words", "d": [3, 5], "e-f": .flag(true), "g": .real(1), "h": .whole(.max),
    ]
    let data = settings.encoded()
    let text = String(decoding: data, as: UTF8.self)
    #expect(
      text.contains("\"a\" : 3,") && text.contains("\"c\" : \"words\"") && text.contains("\"e-f\" : true"))
    let read = try TrainingSettings(decoding: data, file: "config.json")
    #expect(read == settings && read.encoded() == data)
    // A file has one way to write both.
    #expect(OptionValue.real(1) == 1 && OptionValue.whole(1) != 2 && OptionValue.flag(true) != 1)
    #expect(settings.firstDifference(from: read) == nil)
  }

  @Test("Settings give an option's value, and its default where they have none")
  func settings() {
    var settings = TrainingSettings(hidden: 1, batch: 1)
    #expect(settings.whole(Self.length) == 5 && settings.real(Self.noise) == 0.25)
    #expect(settings.text(Self.unit) == "words" && settings.text(Self.label) == nil)
    #expect(settings.list(Self.sizes) == [3, 5])
    settings.taskOptions = ["length": 6, "noise": 1, "label": "x", "sizes": [2]]
    #expect(settings.whole(Self.length) == 6 && settings.real(Self.noise) == 1)
    #expect(settings.text(Self.label) == "x" && settings.list(Self.sizes) == [2])
  }

  @Test("A description has its options' defaults in its settings, and its name")
  func description() {
    #expect(MeanTask.defaults.task == "mean" && MeanTask.defaults.taskOptions == ["length": 5])
    #expect(MeanTask.name == "mean" && MeanTask.description.metrics.map(\.name) == ["mse", "error"])
  }
}

@Suite("Files that runs know")
struct DataReferenceTests {
  @Test("What earlier versions called text is read as data, with all that they knew of it")
  func text() throws {
    var settings = MeanTask.defaults
    settings.data = DataReference(
      path: "/my.txt", sha256: "ab", facts: ["symbols": 5, "unknownScored": .flag(false)])
    let written = String(decoding: settings.encoded(), as: UTF8.self)
    #expect(written.contains("\"data\" : {") && written.contains("\"unknown_scored\" : false"))
    let former = written.replacingOccurrences(of: "\"data\" : {", with: "\"text\" : {")
    #expect(try TrainingSettings(decoding: Data(former.utf8), file: "f") == settings)
    #expect(try TrainingSettings(decoding: Data(written.utf8), file: "f") == settings)
    let broken = former.replacingOccurrences(of: "\"/my.txt\"", with: "7")
    let error = #expect(throws: RunError.self) {
      try TrainingSettings(decoding: Data(broken.utf8), file: "f")
    }
    #expect(error == .badConfig(file: "f", reason: "data.path: expected a text, found 7"))
  }

  @Test("Where a file lies is no part of a model's identity, what is in it is")
  func identity() {
    var (one, other) = (MeanTask.defaults, MeanTask.defaults)
    one.data = DataReference(path: "/a", sha256: "1")
    other.data = DataReference(path: "/b", sha256: "1")
    #expect(one.modelDifference(from: other) == nil && one != other)
    other.data?.sha256 = "2"
    #expect(one.modelDifference(from: other)?.name == "data.sha256")
  }
}
