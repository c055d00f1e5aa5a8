import Cellgate

/// The options that tasks add, such as `--length`: they come from the tasks, so the parser learns them here.
enum TaskArguments {
  /// The one option, never typed, that carries a task's options through the parser as NAME=VALUE.
  static let carrier = "task-option"

  /// The options of all tasks, each name once.
  static var names: [String] {
    var names: [String] = []
    for task in Tasks.all {
      for option in task.options where !names.contains(option.name) { names.append(option.name) }
    }
    return names
  }

  /// The arguments with `--length 100` and `--length=100` turned into `--task-option length=100`.
  static func carried(_ arguments: [String]) -> [String] {
    guard let command = arguments.first, ["train", "compare"].contains(command) else { return arguments }
    var result: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" { return result + [argument] + rest }
      guard let name = names.first(where: { argument == "--\($0)" || argument.hasPrefix("--\($0)=") }) else {
        result.append(argument)
        continue
      }
      if argument.contains("=") {
        result += ["--\(carrier)", String(argument.dropFirst(2))]
      } else if let value = rest.popFirst() {
        result += ["--\(carrier)", "\(name)=\(value)"]
      } else {
        result += ["--\(carrier)", "\(name)="]
      }
    }
    return result
  }

  /// What help texts say about the tasks and their options.
  static var help: String {
    var lines = ["TASKS:"]
    for task in Tasks.all {
      lines.append("  \(Text.padded(task.name, to: 10))\(task.summary)")
      for option in task.options {
        let value = task.defaults.taskOptions[option.name].map { " (default: \($0))" } ?? ""
        lines.append("  \(Text.padded("", to: 10))--\(option.name) N  \(option.summary)\(value)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
