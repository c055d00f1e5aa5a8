/// The same rate all the time.
public struct ConstantSchedule: NamedSchedule {
  /// The name in the registry.
  public static let name = "constant"
  /// It reads no settings.
  public static let settings: [ScheduleSetting] = []

  /// A factor of 1.
  public init() {}

  /// A factor of 1, whatever the settings.
  public init(settings: ScheduleSettings, steps: Int) {}

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double { 1 }
}
