/// Which schedule the learning rate follows, and its settings; each schedule takes those that it knows.
public struct ScheduleSettings: Codable, Equatable, Sendable {
  /// The names there are.
  public static let names = ["constant", "step", "cosine", "plateau"]

  /// The schedule's name.
  public var name = "constant"
  /// Updates of a linear rise before the schedule begins.
  public var warmUpSteps = 0
  /// `step`: updates between two falls.
  public var every = 1000
  /// `step` and `plateau`: what the rate is multiplied by at each fall.
  public var factor = 0.1
  /// `plateau`: evaluations without improvement that are tolerated.
  public var patience = 10
  /// `cosine` and `plateau`: the smallest share of the first rate.
  public var floor = 0.0

  /// The default: the same rate all the time.
  public init(name: String = "constant", warmUpSteps: Int = 0) {
    self.name = name
    self.warmUpSteps = warmUpSteps
  }

  /// The schedule of a run of `steps` updates. The settings must be valid.
  package func make(steps: Int) -> any Schedule {
    let schedule: any Schedule =
      switch name {
      case "step": StepSchedule(every: every, factor: factor)
      case "cosine": CosineSchedule(steps: max(1, steps - warmUpSteps), floor: floor)
      case "plateau": PlateauSchedule(factor: factor, patience: patience, floor: floor)
      default: ConstantSchedule()
      }
    return warmUpSteps > 0 ? WarmUpSchedule(steps: warmUpSteps, then: schedule) : schedule
  }
}
