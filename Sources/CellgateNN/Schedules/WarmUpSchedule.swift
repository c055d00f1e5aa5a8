import CellgateBasics

/// A linear rise over the first updates, 1/n, 2/n, ..., 1, and then another schedule from its beginning.
public struct WarmUpSchedule: Schedule {
  private let steps: Int
  private var next: any Schedule

  /// A rise over `steps` updates.
  public init(steps: Int, then next: any Schedule = ConstantSchedule()) {
    require(steps >= 0, "WarmUpSchedule: expected 0 or more steps, found \(steps)")
    self.steps = steps
    self.next = next
  }

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double {
    step < steps
      ? Double(step + 1) / Double(steps) * next.factor(at: 0) : next.factor(at: step - steps)
  }

  /// Takes a validation result, lower being better.
  public mutating func observe(_ metric: Double) { next.observe(metric) }

  /// What has to be saved.
  public var state: [String: Double] {
    get { next.state }
    set { next.state = newValue }
  }

  /// What is wrong for the schedule after the rise.
  public func problem(in state: [String: Double]) -> (name: String, expected: String)? {
    next.problem(in: state)
  }
}
