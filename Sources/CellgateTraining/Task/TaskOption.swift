import CellgateFiles

/// An option of a task: its name, what it takes, and its default.
///
///     TaskOption.whole("length", "steps of each sequence, T", default: 100, in: 2...1_000_000)
///     TaskOption.choice("unit", "what a symbol is", default: "characters", of: ["characters", "words"])
public struct TaskOption: Sendable, Equatable {
  /// What an option takes.
  public indirect enum Kind: Sendable, Equatable {
    /// A whole number of a range.
    case whole(ClosedRange<Int>)
    /// A number of a range.
    case real(ClosedRange<Double>)
    /// One of some names.
    case choice([String])
    /// Any text.
    case text
    /// A file, by its path.
    case file
    /// One or more values, on the command line with commas between.
    case list(Kind)
  }

  /// The name on the command line and in files.
  public let name: String
  /// One line for the help.
  public let summary: String
  /// What it takes.
  public let kind: Kind
  /// The value of a new run; nil for an option that may be left out.
  public let defaultValue: OptionValue?

  /// An option of this kind, which takes its default.
  public init(_ name: String, _ summary: String, _ kind: Kind, default value: OptionValue?) {
    self.name = name
    self.summary = summary
    self.kind = kind
    defaultValue = value
  }

  /// A whole number.
  public static func whole(
    _ name: String, _ summary: String, default value: Int, in range: ClosedRange<Int>
  ) -> TaskOption { TaskOption(name, summary, .whole(range), default: .whole(value)) }

  /// A whole number that may be left out: what it is then is up to the task.
  public static func whole(
    _ name: String, _ summary: String, in range: ClosedRange<Int>
  ) -> TaskOption { TaskOption(name, summary, .whole(range), default: nil) }

  /// A number.
  public static func real(
    _ name: String, _ summary: String, default value: Double, in range: ClosedRange<Double>
  ) -> TaskOption { TaskOption(name, summary, .real(range), default: .real(value)) }

  /// One of some names.
  public static func choice(
    _ name: String, _ summary: String, default value: String, of names: [String]
  ) -> TaskOption { TaskOption(name, summary, .choice(names), default: .text(value)) }

  /// One of some names that may be left out: what it is then is up to the task.
  public static func choice(_ name: String, _ summary: String, of names: [String]) -> TaskOption {
    TaskOption(name, summary, .choice(names), default: nil)
  }

  /// A text; nil for none.
  public static func text(_ name: String, _ summary: String, default value: String? = nil) -> TaskOption {
    TaskOption(name, summary, .text, default: value.map { .text($0) })
  }

  /// A file of the user's own, which may be left out.
  public static func file(_ name: String, _ summary: String) -> TaskOption {
    TaskOption(name, summary, .file, default: nil)
  }

  /// One or more values of a kind.
  public static func list(
    _ name: String, _ summary: String, of kind: Kind, default values: [OptionValue]? = nil
  ) -> TaskOption { TaskOption(name, summary, .list(kind), default: values.map { .list($0) }) }

  /// Whether it takes the value.
  public func takes(_ value: OptionValue) -> Bool { kind.takes(value) }

  /// The value that was typed. Throws `outOfRange` for a text that is no such value; whether a number is in its range is
  /// not looked at.
  public func value(_ text: String) throws(SettingsError) -> OptionValue {
    guard let value = kind.value(text) else {
      throw .outOfRange(option: name, expected: kind.form(text), found: "'\(quotedName(text))'")
    }
    return value
  }

  /// What is wrong with a value of settings; nil for nothing.
  func problem(_ value: OptionValue) -> SettingsError? {
    if takes(value) { return nil }
    if case .choice(let names) = kind, case .text(let found) = value {
      return .unknownName(option: name, found: found, known: names)
    }
    return .outOfRange(option: name, expected: kind.range, found: value.description)
  }
}

extension TaskOption.Kind {
  fileprivate func takes(_ value: OptionValue) -> Bool {
    switch (self, value) {
    case (.whole(let range), _): value.whole.map(range.contains) ?? false
    case (.real(let range), _): value.real.map(range.contains) ?? false
    case (.choice(let names), .text(let name)): names.contains(name)
    case (.text, .text), (.file, .text): true
    case (.list(let kind), .list(let values)): !values.isEmpty && values.allSatisfy(kind.takes)
    default: false
    }
  }

  fileprivate func value(_ text: String) -> OptionValue? {
    switch self {
    case .whole: return Int(text).map { .whole($0) }
    case .real: return Double(text).flatMap { $0.isFinite ? .real($0) : nil }
    case .choice, .text: return .text(text)
    case .file: return .text(Paths.absolute(text))
    case .list(let kind):
      var values: [OptionValue] = []
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let value = kind.value(String(part)) else { return nil }
        values.append(value)
      }
      return .list(values)
    }
  }

  /// What a text must look like, in words.
  fileprivate func form(_ text: String) -> String {
    switch self {
    case .whole:
      let isDigits = !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
      return "a whole number" + (isDigits ? " up to \(Int.max)" : "")
    case .real: return "a number"
    case .choice, .text: return "a text"
    case .file: return "a file"
    case .list(.whole): return "whole numbers with commas between"
    case .list(.real): return "numbers with commas between"
    case .list: return "values with commas between"
    }
  }

  /// What a value must be, in words.
  fileprivate var range: String {
    switch self {
    case .whole(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .real(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .choice(let names): names.joined(separator: ", ")
    case .text: "a text"
    case .file: "a file"
    case .list(let kind): "a list of \(kind.range)"
    }
  }
}

extension TrainingSettings {
  /// These settings with the defaults of the task's options that they lack, as those of a version do in which the task
  /// had fewer.
  public func completed(for task: any SequenceTask.Type) -> TrainingSettings {
    var settings = self
    for option in task.options where settings.taskOptions[option.name] == nil {
      settings.taskOptions[option.name] = option.defaultValue
    }
    return settings
  }

  /// The whole number of an option; its default where the settings have none.
  public func whole(_ option: TaskOption) -> Int { value(option)?.whole ?? 0 }
  /// The whole number of an option; nil where it was left out and has no default.
  public func optionalWhole(_ option: TaskOption) -> Int? { value(option)?.whole }
  /// The number of an option.
  public func real(_ option: TaskOption) -> Double { value(option)?.real ?? 0 }
  /// The text, name or path of an option; nil where it was left out.
  public func text(_ option: TaskOption) -> String? { value(option)?.text }
  /// The values of an option; nil where it was left out.
  public func list(_ option: TaskOption) -> [OptionValue]? { value(option)?.list }

  private func value(_ option: TaskOption) -> OptionValue? { taskOptions[option.name] ?? option.defaultValue }
}
