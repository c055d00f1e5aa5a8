/// What a task is judged by.
public struct Metric: Sendable, Equatable {
  /// Whether small or large values are good.
  public enum Direction: String, Sendable { case lower, higher }

  /// The name, also in files: "mse".
  public let name: String
  /// Which values are better.
  public let direction: Direction
  /// Whether a run's `metrics.csv` has it at each evaluation; a number that follows from another one need not be there.
  public let isLogged: Bool

  /// A metric by name.
  public init(_ name: String, better direction: Direction, isLogged: Bool = true) {
    self.name = name
    self.direction = direction
    self.isLogged = isLogged
  }

  /// Whether `value` is better than `other`; NaN is never.
  public func isBetter(_ value: Double, than other: Double) -> Bool {
    direction == .lower ? value < other : value > other
  }
}

/// What a task's model reached on some split of the data.
public struct Evaluation: Sendable, Equatable {
  /// The task's metric.
  public let value: Double
  /// The task's extra metrics, in the order that the task names them.
  public let extras: [Double]
  /// What whoever reads the numbers must know, in one line; nil for nothing.
  public let remark: String?
  /// Metrics that the data name, such as one of each class, by name: beside the extra ones in a result, and not in a log.
  public let named: [String: Double]

  /// A result; `extras` in the order of the task's `extraMetrics`.
  public init(
    _ value: Double, extras: [Double] = [], remark: String? = nil, named: [String: Double] = [:]
  ) {
    self.value = value
    self.extras = extras
    self.remark = remark
    self.named = named
  }
}

/// What is reached without learning anything.
public struct Baseline: Sendable, Equatable {
  /// The metric's value.
  public let value: Double
  /// How it is reached: "constant 1".
  public let label: String

  /// A value and how it is reached.
  public init(_ value: Double, _ label: String) {
    self.value = value
    self.label = label
  }
}

/// When a task counts as solved: a metric, the task's own or an extra one, passes a threshold.
public struct SolvedCriterion: Sendable, Equatable {
  /// The metric that is looked at.
  public let metric: Metric
  /// The value that must be passed (below) or reached (above).
  public let threshold: Double

  /// Solved when `metric` is below `threshold`, or at least `threshold`, by its direction.
  public init(_ metric: Metric, _ threshold: Double) {
    self.metric = metric
    self.threshold = threshold
  }

  /// "mse < 0.01".
  public var description: String {
    "\(metric.name) \(metric.direction == .lower ? "<" : "≥") \(threshold)"
  }

  /// Whether an evaluation of `task` under `settings` meets it.
  package func isMet<Task: SequenceTask>(
    by evaluation: Evaluation, of task: Task.Type, _ settings: TrainingSettings
  ) -> Bool {
    guard let value = evaluation.value(of: metric, among: task.description.metrics(settings)) else {
      return false
    }
    return metric.direction == .lower ? value < threshold : value >= threshold
  }
}

extension Evaluation {
  /// The value of one of the metrics that were measured, the task's own first; nil where it isn't one of them.
  public func value(of metric: Metric, among metrics: [Metric]) -> Double? {
    guard let place = metrics.firstIndex(where: { $0.name == metric.name }) else { return nil }
    if place == 0 { return value }
    return extras.indices.contains(place - 1) ? extras[place - 1] : nil
  }
}

/// A part of a task's data.
public enum Split: String, Sendable, CaseIterable { case validation, test }
