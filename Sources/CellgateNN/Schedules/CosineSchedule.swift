import CellgateBasics

/// Half a cosine from 1 down to `floor` over `steps` updates, and `floor` from then on (Loshchilov and Hutter
/// 2017, https://arxiv.org/abs/1608.03983, without restarts).
public struct CosineSchedule: NamedSchedule {
  /// The name in the registry.
  public static let name = "cosine"
  /// The settings that it reads.
  public static let settings: [ScheduleSetting] = [.floor]
  /// The fall ends with the run.
  public static let dependsOnLength = true

  private let steps: Int
  private let floor: Double

  /// A fall over `steps` updates.
  public init(steps: Int, floor: Double = 0) {
    require(
      steps > 0 && floor >= 0 && floor <= 1,
      "CosineSchedule: expected 1 or more steps to a floor in 0...1, found \(steps) to \(floor)")
    self.steps = steps
    self.floor = floor
  }

  /// A fall over `steps` updates to `settings.floor`.
  public init(settings: ScheduleSettings, steps: Int) { self.init(steps: steps, floor: settings.floor) }

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double {
    let progress = min(1, Double(step) / Double(steps))
    return floor + (1 - floor) * (1 + cos(Double.pi * progress)) / 2
  }
}
