import CellgateBasics

/// A fall by a factor every so many updates: factorⁿ, n = step / every rounded down.
public struct StepSchedule: NamedSchedule {
  /// The name in the registry.
  public static let name = "step"
  /// The settings that it reads.
  public static let settings: [ScheduleSetting] = [.factor, .every]

  private let every: Int
  private let factor: Double

  /// A fall by `factor` every `every` updates.
  public init(every: Int, factor: Double = 0.1) {
    require(
      every > 0 && factor > 0,
      "StepSchedule: expected 1 or more steps and a factor above 0, found \(every) and \(factor)")
    self.every = every
    self.factor = factor
  }

  /// A fall by `settings.factor` every `settings.every` updates.
  public init(settings: ScheduleSettings, steps: Int) {
    self.init(every: settings.every, factor: settings.factor)
  }

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double { pow(factor, Double(step / every)) }
}
