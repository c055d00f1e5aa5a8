import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTestSupport
import Foundation
import Testing

@testable import CellgateTraining

@Suite("Training settings")
struct TrainingSettingsTests {
  private func problems(_ change: (inout TrainingSettings) -> Void) -> [SettingsError] {
    var settings = MeanTask.defaults
    change(&settings)
    return settings.problems(tasks: [MeanTask.self])
  }

  @Test("Settings come back from their file, whatever they are")
  func roundTrip() throws {
    var settings = MeanTask.defaults
    #expect(try TrainingSettings(decoding: settings.encoded(), file: "f") == settings)
    settings.epochs = 3
    settings.steps = nil
    settings.seed = .max
    settings.clipValue = 0.3
    settings.clipNorm = nil
    settings.chronoSteps = 100
    settings.patience = 4
    settings.precision = .bfloat16
    settings.recomputeEvery = 28
    settings.schedule = ScheduleSettings(name: "cosine", warmUpSteps: 7)
    settings.optimizerSettings.learningRate = 0.1
    #expect(try TrainingSettings(decoding: settings.encoded(), file: "f") == settings)
    let text = String(decoding: settings.encoded(), as: UTF8.self)
    #expect(text.contains("\"chrono_steps\" : 100"))
    #expect(text.contains("\"recompute_every\" : 28"))
    #expect(text.contains("\"learning_rate\" : 0.1,"))
    #expect(text.contains("\"precision\" : \"bf16\""))
  }

  @Test("What parameters start from is three settings in the file, and absent where the cells' own is meant")
  func start() throws {
    let names = ["initialization", "chrono_steps", "forget_bias"]
    func text(_ settings: TrainingSettings) -> String { String(decoding: settings.encoded(), as: UTF8.self) }
    var settings = MeanTask.defaults
    settings.chronoSteps = nil
    #expect(names.allSatisfy { !text(settings).contains($0) })
    #expect(settings.start == .cellgate)
    let rules = [Recurrent.Initialization.Rule(role: .bias, gate: "f", .constant(1))]
    let starts: [(Recurrent.Initialization, [String])] = [
      (.cellgate, []), (.keras, ["\"initialization\" : \"keras\""]), (.chrono(9), ["\"chrono_steps\" : 9"]),
      (.init(.pytorch, forgetBias: 2), ["\"initialization\" : \"pytorch\"", "\"forget_bias\" : 2"]),
      (.init(.keras, rules: rules), ["\"base\" : \"keras\"", "\"gate\" : \"f\""]),
    ]
    for (start, lines) in starts {
      settings.start(from: start)
      #expect(settings.start == start)
      #expect(lines.allSatisfy { text(settings).contains($0) }, "\(text(settings))")
      #expect(names.count { text(settings).contains($0) } == lines.count || start.rules.count == 1)
      #expect(try TrainingSettings(decoding: settings.encoded(), file: "f") == settings)
    }
    #expect(settings.flattened()["initialization.rules.1.start"] == "constant")
    settings.forgetBias = .infinity
    #expect(settings.problems(tasks: [MeanTask.self]).map(\.option) == ["forget-bias"])
    (settings.forgetBias, settings.chronoSteps) = (1, 10)
    #expect(settings.problems(tasks: [MeanTask.self]).map(\.option) == ["forget-bias"])
    let wrong = text(MeanTask.defaults).replacing(
      "  \"hidden\"", with: "  \"initialization\" : \"x\",\n  \"hidden\"")
    #expect(
      throws: RunError.badConfig(
        file: "f",
        reason: "initialization: expected cellgate, pytorch, keras or chrono:T, T from 3, found 'x'")
    ) { try TrainingSettings(decoding: Data(wrong.utf8), file: "f") }
  }

  @Test("Settings without a precision, from before there was a choice, mean f32")
  func oldFile() throws {
    let text = String(decoding: MeanTask.defaults.encoded(), as: UTF8.self)
    let old = text.replacing("  \"precision\" : \"f32\",\n", with: "")
    #expect(old != text)
    #expect(try TrainingSettings(decoding: Data(old.utf8), file: "f") == MeanTask.defaults)
    let unknown = text.replacing("\"f32\"", with: "\"f8\"")
    #expect(throws: RunError.badConfig(file: "f", reason: "precision: expected a known name, found 'f8'")) {
      try TrainingSettings(decoding: Data(unknown.utf8), file: "f")
    }
  }

  @Test("A setting under its name of earlier versions is the setting, and a mistake in it is shown")
  func formerNames() throws {
    var settings = MeanTask.defaults
    settings.recomputeEvery = 28
    let text = String(decoding: settings.encoded(), as: UTF8.self)
    let old = text.replacing("\"recompute_every\"", with: "\"checkpoint_every\"")
    #expect(old != text)
    #expect(try TrainingSettings(decoding: Data(old.utf8), file: "f") == settings)
    let wrong = old.replacing(": 28", with: ": true")
    let reason = "recompute_every: expected a whole number, found true"
    #expect(throws: RunError.badConfig(file: "f", reason: reason)) {
      try TrainingSettings(decoding: Data(wrong.utf8), file: "f")
    }
  }

  @Test(
    "A precision that the instructions don't support is refused in one line", arguments: InstructionSet.all)
  func precision(_ instructions: InstructionSet) {
    var settings = MeanTask.defaults
    #expect(settings.problems(tasks: [MeanTask.self], instructions: instructions) == [])
    settings.precision = .bfloat16
    let lines = settings.problems(tasks: [MeanTask.self], instructions: instructions).map(\.description)
    let refusal = "precision: bf16 needs AVX512-BF16, which \(instructions) doesn't have here; use f32"
    #expect(lines == (instructions.supports(.bfloat16) ? [] : [refusal]))
  }

  @Test("A file that is not JSON, lacks a key or is of another version is named with the key")
  func badFiles() {
    func reason(_ text: String) -> RunError? {
      do throws(RunError) {
        _ = try TrainingSettings(decoding: Data(text.utf8), file: "f")
        return nil
      } catch { return error }
    }
    #expect(reason("{") == .badConfig(file: "f", reason: "not JSON"))
    let good = String(decoding: MeanTask.defaults.encoded(), as: UTF8.self)
    let without = good.replacingOccurrences(of: "\"hidden\" : 4,", with: "")
    #expect(reason(without) == .badConfig(file: "f", reason: "hidden: missing"))
    let wrong = good.replacingOccurrences(of: "\"hidden\" : 4", with: "\"hidden\" : \"x\"")
    #expect(reason(wrong) == .badConfig(file: "f", reason: "hidden: expected a whole number, found 'x'"))
    let nested = good.replacingOccurrences(of: "\"warm_up_steps\" : 0", with: "\"warm_up_steps\" : \"x\"")
    #expect(
      reason(nested)
        == .badConfig(file: "f", reason: "schedule.warm_up_steps: expected a whole number, found 'x'"))
    let newer = good.replacingOccurrences(of: "\"format_version\" : 1", with: "\"format_version\" : 2")
    #expect(reason(newer) == .badConfig(file: "f", reason: "format_version: expected 1, found 2"))
  }

  @Test(
    "A wrong value is reported with its field, what was expected and what was found",
    arguments: [
      ("\"hidden\" : 4", "\"hidden\" : null", "hidden: expected a whole number, found null"),
      ("\"hidden\" : 4", "\"hidden\" : [4]", "hidden: expected a whole number, found a list"),
      (
        "\"hidden\" : 4", "\"hidden\" : 9223372036854775808",
        "hidden: expected a whole number in its range, found 9223372036854775808"
      ),
      (
        "\"hidden\" : 4", "\"hidden\" : \"two\\nlines\"",
        "hidden: expected a whole number, found 'two\\u{a}lines'"
      ),
      (
        "\"seed\" : 1", "\"seed\" : -1", "seed: expected a whole number of 0 or more in its range, found -1"
      ),
      (
        "\"dropout\" : 0", "\"dropout\" : 1e400",
        "dropout: expected a number in its range, found a number beyond all range"
      ),
      ("\"dropout\" : 0", "\"dropout\" : true", "dropout: expected a number, found true"),
      ("\"task\" : \"mean\"", "\"task\" : 7", "task: expected a text, found 7"),
      (
        "\"bidirectional\" : false", "\"bidirectional\" : {}",
        "bidirectional: expected true or false, found an object"
      ),
      (
        "\"length\" :", "\"a\\nb\" : {}, \"length\" :",
        "task_options.a\\u{a}b: expected a list, found an object"
      ),
    ])
  func badValues(place: String, change: String, reason: String) throws {
    let good = String(decoding: MeanTask.defaults.encoded(), as: UTF8.self)
    try #require(good.contains(place))
    let text = good.replacingOccurrences(of: place, with: change)
    let error = try #require(throws: RunError.self) {
      try TrainingSettings(decoding: Data(text.utf8), file: "f")
    }
    #expect(error == .badConfig(file: "f", reason: reason))
  }

  @Test("A file of more bytes than any run writes is not read")
  func oversized() throws {
    let scratch = try Scratch()
    let file = try scratch.write([], as: "run/config.json")
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    try handle.truncate(atOffset: 1 << 40)
    try handle.close()
    #expect(
      throws: RunError.badConfig(
        file: file, reason: "expected at most 67108864 bytes, found 1099511627776")
    ) { try RunDirectory.settings(of: scratch.file("run")) }
  }

  @Test("Settings that no machine has memory for are refused even where memory is no matter")
  func uncountable() {
    var settings = MeanTask.defaults
    settings.hidden = 1 << 31
    let problems = settings.problems(tasks: [MeanTask.self], available: .infinity)
    #expect(problems.map(\.option) == ["hidden"])
    #expect(problems.first?.description.hasSuffix("of memory, more than any machine has") == true)
    settings.hidden = 1 << 20
    #expect(settings.problems(tasks: [MeanTask.self], available: .infinity) == [])
  }

  @Test("The published settings are valid")
  func valid() {
    #expect(problems { _ in } == [])
  }

  @Test("All errors are reported together, each with its option")
  func together() {
    let found = problems {
      $0.task = "maen"
      $0.cell = "ltsm"
      $0.hidden = 0
      $0.layers = -1
      $0.dropout = 1
      $0.batch = 0
      $0.steps = nil
      $0.optimizer = "adm"
      $0.optimizerSettings.learningRate = -1
      $0.clipNorm = 0
      $0.clipValue = .nan
      $0.evaluationInterval = 0
      $0.schedule.name = "cosin"
      $0.schedule.factor = 1
    }
    #expect(
      found.map(\.option) == [
        "task", "cell", "hidden", "layers", "dropout", "batch", "steps", "evaluation-interval", "optimizer",
        "learning-rate", "clip", "clip-value", "schedule", "schedule-factor",
      ])
    #expect(found.first == .unknownName(option: "task", found: "maen", nearest: ["mean"], known: ["mean"]))
    #expect(found[1].description.contains("did you mean lstm"))
    #expect(found[2] == .outOfRange(option: "hidden", expected: "1 or more", found: "0"))
    #expect(found[2].description == "hidden: expected 1 or more, found 0")
  }

  @Test("A task's own options are checked by name and range")
  func taskOptions() {
    #expect(
      problems { $0.taskOptions = ["lenght": 3, "length": 0] } == [
        .unknownName(option: "option of mean", found: "lenght", nearest: ["length"], known: ["length"]),
        .outOfRange(option: "length", expected: "1 to 1000000", found: "0"),
      ])
  }

  @Test("An option that the settings of an earlier version lack has its default")
  func missingTaskOption() {
    #expect(problems { $0.taskOptions = [:] }.isEmpty)
    var settings = MeanTask.defaults
    settings.taskOptions = [:]
    #expect(settings.completed(for: MeanTask.self) == MeanTask.defaults)
    settings.taskOptions["length"] = 7
    #expect(settings.completed(for: MeanTask.self).taskOptions == ["length": 7])
  }

  @Test("Epochs of endless data, and steps and epochs together, are refused")
  func epochs() {
    #expect(
      problems {
        $0.steps = nil
        $0.epochs = 2
      }.map(\.option) == ["epochs"])
    #expect(problems { $0.epochs = 2 }.map(\.option) == ["epochs"])
  }

  @Test(
    "Absurd sizes are refused with the memory they would need, and overflow nothing",
    arguments: [Int.max, 1 << 40, 1 << 20])
  func absurd(size: Int) {
    let hidden = problems { $0.hidden = size }
    guard case .tooLarge("hidden", let needed, let available) = hidden.first else {
      Issue.record("\(hidden)")
      return
    }
    // An LSTM has more than 4 · H² parameters, of which each takes at least 4 bytes.
    #expect(needed > 16 * Double(size) * Double(size) && needed.isFinite && available < needed)
    #expect(hidden.first?.description.contains("of memory, the machine has") == true)
    if size > 1 << 30 {
      #expect(problems { $0.batch = size }.map(\.option) == ["batch"])
      #expect(problems { $0.layers = size }.map(\.option) == ["layers"])
    }
  }

  @Test("A task's option that needs more memory than there is is named")
  func absurdLength() {
    var settings = MeanTask.defaults
    settings.taskOptions["length"] = 1_000_000
    // A million steps of 6 sequences with 4 units of 4 gates at least, 4 bytes each.
    let problems = settings.problems(tasks: [MeanTask.self], available: 380e6)
    #expect(problems.map(\.option) == ["length"])
    #expect(settings.problems(tasks: [MeanTask.self], available: 16e9) == [])
  }

  @Test("Memory is written in words")
  func words() {
    #expect(SettingsError.size(12) == "12 bytes")
    #expect(SettingsError.size(17.4e9) == "17 GB")
    #expect(SettingsError.size(2.14e12) == "2.1 TB")
    #expect(SettingsError.size(3e26) == "3.0e+08 EB")
  }

  @Test("The first setting that differs is named with both values")
  func difference() throws {
    let settings = MeanTask.defaults
    #expect(settings.firstDifference(from: settings) == nil)
    var other = settings
    other.hidden = 5
    other.taskOptions["length"] = 6
    let first = try #require(settings.firstDifference(from: other))
    #expect(first == ("hidden", "4", "5"))
    other = settings
    other.optimizerSettings.learningRate = nil
    let second = try #require(settings.firstDifference(from: other))
    #expect(second == ("optimizer_settings.learning_rate", "0.001", "none"))
    other = settings
    other.bidirectional = true
    let third = try #require(settings.firstDifference(from: other))
    #expect(third == ("bidirectional", "false", "true"))
    // As Doubles these two would be the same.
    var (one, next) = (settings, settings)
    (one.seed, next.seed) = (.max, .max - 1)
    let fourth = try #require(one.firstDifference(from: next))
    #expect(fourth == ("seed", "18446744073709551615", "18446744073709551614"))
  }
}
