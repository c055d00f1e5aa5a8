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

  /// What help texts say about the tasks and their options.
  static var help: String {
    var lines = ["TASKS:"]
    for task in Tasks.all {
      lines.append("  \(Text.padded(task.name, to: 13))\(task.summary)")
      for option in task.options {
        let value = option.defaultValue.map { " (default: \($0))" } ?? ""
        lines.append(
          "  \(Text.padded("", to: 13))--\(option.name) \(word(option.kind))  \(option.summary)\(value)")
      }
    }
    return lines.joined(separator: "\n")
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
