/// One of the settings of schedules: its name, its range and what it means.
public struct ScheduleSetting: Sendable {
  /// The name, which options have after `schedule-`.
  public let name: String
  /// What it is, in a few words.
  public let meaning: String
  /// Its range in words.
  public let expected: String
  private let invalid: @Sendable (ScheduleSettings) -> String?

  /// A setting whose values are in range where `isValid` says so.
  init<Value>(
    _ name: String, _ meaning: String, expected: String,
    _ value: @escaping @Sendable (ScheduleSettings) -> Value, isValid: @escaping @Sendable (Value) -> Bool
  ) {
    self.name = name
    self.meaning = meaning
    self.expected = expected
    invalid = { settings in
      let value = value(settings)
      return isValid(value) ? nil : "\(value)"
    }
  }

  /// The value that is out of range, as text; nil where the settings have one in range.
  package func invalidValue(in settings: ScheduleSettings) -> String? { invalid(settings) }

  /// Updates between two falls.
  public static let every = ScheduleSetting(
    "every", "updates between two falls of the learning rate", expected: "1 or more", { $0.every },
    isValid: { $0 > 0 })

  /// Updates before the first fall.
  public static let after = ScheduleSetting(
    "after", "updates before the first fall of the learning rate; as many as between two if you leave it out",
    expected: "1 or more", { $0.after ?? 1 }, isValid: { $0 > 0 })

  /// What the rate is multiplied by at each fall.
  public static let factor = ScheduleSetting(
    "factor", "what the learning rate is multiplied by at each fall", expected: "above 0, below 1",
    { $0.factor }, isValid: { $0 > 0 && $0 < 1 })

  /// Evaluations without improvement that are tolerated.
  public static let patience = ScheduleSetting(
    "patience", "evaluations without improvement before the learning rate falls", expected: "0 or more",
    { $0.patience }, isValid: { $0 >= 0 })

  /// The smallest share of the first rate.
  public static let floor = ScheduleSetting(
    "floor", "the smallest share of the first learning rate, 0 to 1", expected: "0 to 1", { $0.floor },
    isValid: { $0 >= 0 && $0 <= 1 })

  /// All of them.
  public static let all = [every, after, factor, patience, floor]
}
