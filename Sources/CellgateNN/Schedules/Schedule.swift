/// How the learning rate changes in the course of a run, as a factor on the first one.
public protocol Schedule: Sendable {
  /// The factor of the update `step`, counted from 0.
  func factor(at step: Int) -> Double

  /// Tells the schedule of a validation result, lower being better.
  mutating func observe(_ metric: Double)

  /// What has to be saved for a run to resume, by names that never change; setting it restores. Names that
  /// are missing keep their present values.
  var state: [String: Double] { get set }
}

extension Schedule {
  /// Nothing depends on results.
  public mutating func observe(_ metric: Double) {}

  /// Nothing has to be saved.
  public var state: [String: Double] {
    get { [:] }
    set {}
  }
}

/// The same rate all the time.
public struct ConstantSchedule: Schedule {
  /// A factor of 1.
  public init() {}

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double { 1 }
}
