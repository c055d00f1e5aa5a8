import CellgateCharts
import CellgateFiles
import CellgateNN
import CellgateTraining

/// A run's settings in words, beside the task's defaults.
struct SettingsList {
  /// One setting.
  struct Entry: Equatable {
    /// The name for people: "learning rate".
    var name: String
    /// The value.
    var value: String
    /// What the task's defaults say; nil where they say the same.
    var usual: String?
  }

  /// What differs from the task's defaults, and then the rest.
  let changed: [Entry], unchanged: [Entry]

  /// The settings of a run; those that have no meaning under the others are left out unless they were changed.
  init(_ settings: TrainingSettings, defaults: TrainingSettings) {
    let (own, usual) = (Self.texts(settings), Self.texts(defaults))
    let keys = Set(own.keys).union(usual.keys).filter { !Self.elsewhere.contains($0) }
    var (changed, unchanged): ([Entry], [Entry]) = ([], [])
    for key in keys.sorted(by: Self.isBefore) {
      if own[key] != usual[key] {
        // How long a run is said once, in steps or in epochs.
        let other = ["steps": "epochs", "epochs": "steps"][key]
        if own[key] == nil, other != nil { continue }
        var instead = Self.value(usual[key])
        if usual[key] == nil, let other, let count = usual[other] {
          instead = "\(Self.value(count)) \(other)"
        }
        changed.append(Entry(name: Self.name(key), value: Self.value(own[key]), usual: instead))
      } else if Self.matters(key, settings) {
        unchanged.append(Entry(name: Self.name(key), value: Self.value(own[key])))
      }
    }
    (self.changed, self.unchanged) = (changed, unchanged)
  }

  /// The names and values of the settings that differ between runs, besides the cell, its size and the seed.
  static func varying(_ runs: [TrainingSettings]) -> (names: [String], values: [[String]]) {
    let all = runs.map(texts)
    let keys = Set(all.flatMap(\.keys)).subtracting(elsewhere + ["hidden", "seed"])
      .filter { key in Set(all.map { $0[key] }).count > 1 }.sorted(by: isBefore)
    return (keys.map(name), all.map { own in keys.map { value(own[$0]) } })
  }

  /// The settings by dotted name in `config.json`, truths as words.
  private static func texts(_ settings: TrainingSettings) -> [String: String] {
    settings.flattened().mapValues { ["true": "yes", "false": "no"][$0] ?? $0 }
  }

  /// What a page says in other places.
  private static let elsewhere = ["format_version", "task", "cell", "cell_text", "text.sha256"]

  private static let first = [
    "hidden", "layers", "bidirectional", "dropout", "batch", "steps", "epochs", "optimizer",
    "optimizer_settings.learning_rate", "schedule.name", "clip_norm", "seed",
  ]

  /// The task's options, then the usual settings, then the others by name.
  private static func isBefore(_ a: String, _ b: String) -> Bool {
    func rank(_ key: String) -> Int {
      key.hasPrefix("task_options.") ? -1 : first.firstIndex(of: key) ?? first.count
    }
    return (rank(a), a) < (rank(b), b)
  }

  private static func matters(_ key: String, _ settings: TrainingSettings) -> Bool {
    if key.hasPrefix("schedule."), key != "schedule.name" {
      return settings.schedule.name != ConstantSchedule.name
    }
    if key.hasPrefix("optimizer_settings.") { return key == "optimizer_settings.learning_rate" }
    return true
  }

  private static func name(_ key: String) -> String {
    var name = key[...]
    for prefix in ["task_options.", "optimizer_settings."] where name.hasPrefix(prefix) {
      name = name.dropFirst(prefix.count)
    }
    if name == "schedule.name" { return "schedule" }
    if name == "hidden" { return "hidden units" }
    return quotedName(String(name).replacing("_", with: " ").replacing(".", with: " "))
  }

  private static func value(_ text: String?) -> String {
    guard let text else { return "none" }
    if let whole = Int(text) { return NumberText.count(whole) }
    return UInt64(text).map { NumberText.count($0) } ?? quotedName(text)
  }
}
