/// How the learning rate changes in the course of a run, as a factor on the first one.
public protocol Schedule: Sendable {
  /// The factor of the update `step`, counted from 0.
  func factor(at step: Int) -> Double

  /// Gives the schedule a validation result, lower being better.
  mutating func observe(_ metric: Double)

  /// What has to be saved for a run to resume, by names that never change; setting it restores. Names that
  /// are missing keep their present values.
  var state: [String: Double] { get set }

  /// What is wrong with a state before it is restored: the first name with a value out of its range, and that range in
  /// words; nil for a state that this schedule can have been in.
  func problem(in state: [String: Double]) -> (name: String, expected: String)?
}

extension Schedule {
  /// Nothing depends on results.
  public mutating func observe(_ metric: Double) {}

  /// Nothing has to be saved.
  public var state: [String: Double] {
    get { [:] }
    set {}
  }

  /// Nothing was saved, and nothing of it can be wrong.
  public func problem(in state: [String: Double]) -> (name: String, expected: String)? { nil }
}

/// A schedule that settings choose by its name: see ``Schedules``.
public protocol NamedSchedule: Schedule {
  /// The name in the registry.
  static var name: String { get }

  /// The settings that it reads besides the warm-up.
  static var settings: [ScheduleSetting] { get }

  /// Whether the factors depend on how long the run is.
  static var dependsOnLength: Bool { get }

  /// The schedule of `steps` updates, 1 or more, with settings that are valid.
  init(settings: ScheduleSettings, steps: Int)
}

extension NamedSchedule {
  /// The default: a longer run has the same rates.
  public static var dependsOnLength: Bool { false }
}
