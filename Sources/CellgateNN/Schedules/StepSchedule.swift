import CellgateBasics
import Foundation

/// A fall by a factor every so many updates: factorⁿ, n = step / every rounded down.
public struct StepSchedule: Schedule {
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

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double { pow(factor, Double(step / every)) }
}
