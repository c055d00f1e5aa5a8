/// Which schedule the learning rate follows, and its settings; each schedule reads those that its `settings` name.
public struct ScheduleSettings: Codable, Equatable, Sendable {
  /// The schedule's name.
  public var name = ConstantSchedule.name
  /// Updates of a linear rise before the schedule begins.
  public var warmUpSteps = 0
  /// Updates between two falls.
  public var every = 1000
  /// Updates before the first fall; nil for as many as between two.
  public var after: Int?
  /// What the rate is multiplied by at each fall.
  public var factor = 0.1
  /// Evaluations without improvement that are tolerated.
  public var patience = 10
  /// The smallest share of the first rate.
  public var floor = 0.0

  /// The default: the same rate all the time.
  public init(name: String = ConstantSchedule.name, warmUpSteps: Int = 0) {
    self.name = name
    self.warmUpSteps = warmUpSteps
  }

  /// The schedule of a run of `steps` updates. The settings must be valid.
  package func make(steps: Int) -> any Schedule {
    let type = Schedules.named(name) ?? ConstantSchedule.self
    let schedule: any Schedule = type.init(settings: self, steps: max(1, steps - warmUpSteps))
    return warmUpSteps > 0 ? WarmUpSchedule(steps: warmUpSteps, then: schedule) : schedule
  }
}
