import CellgateBasics

/// A fall by a factor whenever results have not improved for more than `patience` observations.
///
/// An improvement is a result below best − threshold · |best|. NaN is none.
public struct PlateauSchedule: NamedSchedule {
  /// The name in the registry.
  public static let name = "plateau"
  /// The settings that it reads.
  public static let settings: [ScheduleSetting] = [.factor, .patience, .floor]

  private let factor: Double
  private let patience: Int
  private let threshold: Double
  private let floor: Double
  private var current = 1.0
  private var best = Double.infinity
  private var sinceBest = 0

  /// Falls by `factor`, down to `floor` times the first rate.
  public init(factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4, floor: Double = 0) {
    require(
      factor > 0 && factor < 1 && patience >= 0 && threshold >= 0 && floor >= 0 && floor <= 1,
      "PlateauSchedule: expected a factor between 0 and 1, a patience and threshold of 0 or more and a floor in 0...1, found \(factor), \(patience), \(threshold) and \(floor)"
    )
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.floor = floor
  }

  /// Falls by `settings.factor` after more than `settings.patience` evaluations, down to `settings.floor`.
  public init(settings: ScheduleSettings, steps: Int) {
    self.init(factor: settings.factor, patience: settings.patience, floor: settings.floor)
  }

  /// The factor of the update `step`.
  public func factor(at step: Int) -> Double { current }

  /// Takes a validation result, lower being better.
  public mutating func observe(_ metric: Double) {
    if metric < best - threshold * abs(best) || (best == .infinity && metric < best) {
      best = metric
      sinceBest = 0
      return
    }
    sinceBest += 1
    if sinceBest > patience {
      current = max(floor, current * factor)
      sinceBest = 0
    }
  }

  /// What has to be saved.
  public var state: [String: Double] {
    get {
      var state = ["factor": current, "since_best": Double(sinceBest)]
      if best.isFinite { state["best"] = best }  // nothing observed yet otherwise
      return state
    }
    set {
      current = newValue["factor"] ?? current
      best = newValue["best"] ?? best
      sinceBest = newValue["since_best"].flatMap { Int(exactly: $0) } ?? sinceBest
    }
  }

  /// The factor lies in 0 to 1, and no more observations follow the best one than are tolerated.
  public func problem(in state: [String: Double]) -> (name: String, expected: String)? {
    if let factor = state["factor"], !(factor >= 0 && factor <= 1) { return ("factor", "0 to 1") }
    if let count = state["since_best"], !(count >= 0 && Int(exactly: count).map { $0 <= patience } == true) {
      return ("since_best", "a whole number from 0 to \(patience)")
    }
    return nil
  }
}
