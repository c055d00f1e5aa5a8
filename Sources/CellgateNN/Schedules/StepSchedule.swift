import CellgateBasics

/// A fall by a factor every so many updates: factorⁿ, n = step / every rounded down. The first fall may come `after` another
/// number of updates: n = (step − after) / every + 1 from then on.
public struct StepSchedule: NamedSchedule {
  /// The name in the registry.
  public static let name = "step"
  /// The settings that it reads.
  public static let settings: [ScheduleSetting] = [.factor, .every, .after]

  private let every: Int
  private let after: Int
  private let factor: Double

  /// A fall by `factor` every `every` updates, the first one after `after`; nil for after `every`.
  public init(every: Int, factor: Double = 0.1, after: Int? = nil) {
    let first = after ?? every
    require(
      every > 0 && factor > 0 && first > 0,
      "StepSchedule: expected 1 or more steps and a factor above 0, found \(every), \(first) and \(factor)")
    self.every = every
    self.after = first
    self.factor = factor
  }

  /// A fall by `settings.factor` every `settings.every` updates, the first one after `settings.after`.
  public init(settings: ScheduleSettings, steps: Int) {
    self.init(every: settings.every, factor: settings.factor, after: settings.after)
  }

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double {
    step < after ? 1 : pow(factor, Double((step - after) / every + 1))
  }
}
