import ArgumentParser
import Cellgate

/// The options that tasks add, such as `--length`: one for each name that any task's description has.
///
/// The parser finds them as it finds the properties of every group of options, by the mirror of an empty value.
struct TaskOptions: ParsableArguments, CustomReflectable {
  /// What was typed, by the options' names.
  private(set) var typed: [(name: String, text: String)] = []

  init() {}

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    for name in Self.names {
      let option = try container.decode(Option<String?>.self, forKey: Key(stringValue: name))
      if let text = option.wrappedValue { typed.append((name, text)) }
    }
  }

  var customMirror: Mirror {
    let options = Self.names.map { name in
      (
        label: name,
        value: Option<String?>(name: .customLong(name), parsing: .unconditional, help: .hidden) as Any
      )
    }
    return Mirror(self, children: options.map { ($0.label, $0.value) }, displayStyle: .struct)
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// The options of all tasks, each name once.
  private static let names: [String] = {
    var names: [String] = []
    for task in Tasks.all {
      for option in task.options where !names.contains(option.name) { names.append(option.name) }
    }
    return names
  }()

  /// Puts what was typed in place of what the settings say; mistakes are noted. The library knows the ranges.
  func apply(
    to settings: inout TrainingSettings, task: any SequenceTask.Type, _ problems: inout OptionProblems
  ) {
    for (name, text) in typed {
      guard let option = task.options.first(where: { $0.name == name }) else {
        problems.add("--\(name): is no option of the task \(task.name)")
        continue
      }
      do throws(SettingsError) {
        let value = try option.value(text)
        // The settings of a run of a version without the option have its default without saying so.
        if settings.taskOptions[name] ?? option.defaultValue != value { settings.taskOptions[name] = value }
      } catch {
        problems.add([error])
      }
    }
  }

  /// What help texts say about the tasks: the options of the one that was typed, or which there are.
  static func help(of command: String) -> String {
    let asked = Tasks.all.first { CommandLine.arguments.contains($0.name) }
    return asked.map(options) ?? all(command)
  }

  private static func all(_ command: String) -> String {
    let width = (Tasks.names.map(\.count).max() ?? 0) + 2
    let lines = Tasks.all.map { entry(Text.padded($0.name, to: width), $0.summary, indent: width) }
    return (["TASKS:"] + lines).joined(separator: "\n")
      + "\n\nThe options of a task: cellgate \(command) TASK --help"
  }

  private static func options(of task: any SequenceTask.Type) -> String {
    let lines = task.options.map { option in
      let value = option.defaultValue.map { " (default: \($0))" } ?? ""
      return "  --\(option.name) \(word(option.kind))\n" + entry("    ", option.summary + value, indent: 4)
    }
    let title = "OPTIONS OF \(task.name), to \(task.summary):"
    return (lines.isEmpty ? ["\(task.name): \(task.summary); it has no options of its own"] : [title] + lines)
      .joined(separator: "\n")
  }

  /// A text after its name, in lines that no terminal breaks again.
  private static func entry(_ name: String, _ text: String, indent: Int) -> String {
    let lines = Text.wrapped(text, to: 78 - 2 - indent)
    return "  " + name + lines.joined(separator: "\n  " + Text.padded("", to: indent))
  }

  private static func word(_ kind: TaskOption.Kind) -> String {
    switch kind {
    case .whole: "N"
    case .real: "X"
    case .choice(let names): names.joined(separator: "|")
    case .text: "TEXT"
    case .file: "FILE"
    case .list(let kind): word(kind) + ",…"
    }
  }
}
