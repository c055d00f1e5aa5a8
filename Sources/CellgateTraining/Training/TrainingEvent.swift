/// What a run reports while it goes on.
public enum TrainingEvent: Sendable, Equatable {
  /// One line: before `started` what in the folder was not whole and how the run goes on, or how it is made longer; at
  /// the end what whoever reads the result must know, and which figures could not be drawn.
  case notice(String)
  /// The run begins, or continues after `step`.
  case started(step: Int, steps: Int, parameters: Int)
  /// An update was made.
  case progress(TrainingProgress)
  /// The model was evaluated on the validation data.
  case evaluated(MetricsRecord, isBest: Bool, solved: Bool)
  /// A checkpoint was written.
  case saved(step: Int)
}

/// How far a run is.
public struct TrainingProgress: Sendable, Equatable {
  /// Updates made.
  public var step: Int
  /// Updates to make.
  public var steps: Int
  /// The last update's loss.
  public var loss: Double
  /// The losses' moving average, over about 50 updates.
  public var smoothedLoss: Double
  /// The last update's learning rate.
  public var learningRate: Double
  /// The norm of the last update's gradients, before clipping.
  public var gradientNorm: Double
  /// Milliseconds per update, over all updates.
  public var msPerStep: Double
  /// An estimate of the seconds left, evaluations included.
  public var secondsLeft: Double
}

/// How a run ended.
public enum TrainingOutcome: Sendable, Equatable {
  /// All updates are made, and the best model is evaluated on the test data.
  case completed(TrainingResult)
  /// It was asked to stop after `step`, and saved what it needs to continue.
  case interrupted(step: Int)
}
