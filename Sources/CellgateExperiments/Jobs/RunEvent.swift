import CellgateTraining

/// What one of several runs reports while it goes on.
public enum RunEvent: Sendable, Equatable {
  /// The run reports something.
  case training(TrainingEvent)
  /// The run is complete, now or from before.
  case completed(TrainingResult)
  /// The run became NaN or infinite. The others go on.
  case diverged(Divergence)
  /// A trial of a search has come as far as it goes in this round.
  case paused(step: Int)
}
