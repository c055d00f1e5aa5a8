/// The schedules by name. A new one is a file of its own and a line here.
public enum Schedules {
  /// All of them.
  public static var all: [any NamedSchedule.Type] {
    [
      ConstantSchedule.self,
      StepSchedule.self,
      CosineSchedule.self,
      PlateauSchedule.self,
    ]
  }

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The schedule of this name; nil where there is none.
  public static func named(_ name: String) -> (any NamedSchedule.Type)? { all.first { $0.name == name } }

  /// The names of the schedules that read a setting.
  package static func names(reading setting: ScheduleSetting) -> [String] {
    all.filter { $0.settings.contains { $0.name == setting.name } }.map { $0.name }
  }
}
