import CellgateNN
import CellgateTensor

/// Sequences, and a class for each or for each of their steps.
public struct ClassBatch {
  /// [T, B, I].
  public let x: Tensor
  /// B classes, or T · B row by row.
  public let classes: [Int32]

  /// Sequences and their classes.
  public init(x: Tensor, classes: [Int32]) {
    self.x = x
    self.classes = classes
  }
}

/// Sequences, and numbers for each.
public struct NumberBatch {
  /// [T, B, I].
  public let x: Tensor
  /// [B, outputs].
  public let target: Tensor

  /// Sequences and their numbers.
  public init(x: Tensor, target: Tensor) {
    self.x = x
    self.target = target
  }
}

/// The cross-entropy in nats of a recurrent model's classes. Its metrics are `cross_entropy` and `accuracy`, the share of
/// right answers.
public struct ClassObjective: TrainingObjective {
  /// How many of the last steps the accuracy counts; nil for all.
  public let scoredSteps: Int?

  /// An objective; the model must read each step where the batches have classes for each.
  public init(scoredSteps: Int? = nil) { self.scoredSteps = scoredSteps }

  /// The mean cross-entropy.
  public func loss(
    _ model: RecurrentModel, _ batch: ClassBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let logits = model(batch.x, context: context, probe: probe)
    return BatchLoss(mean: crossEntropy(logits, classes: batch.classes), weight: Double(batch.classes.count))
  }

  /// Cross-entropy and right answers.
  public func measure(
    _ model: RecurrentModel, _ batch: ClassBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let logits = model(batch.x, context: context)
    let sequences = Double(batch.x.shape[1])
    totals.add(
      "cross_entropy", sum: Double(crossEntropy(logits, classes: batch.classes).item) * sequences,
      weight: sequences)
    var (scored, classes) = (logits, batch.classes[...])
    if let scoredSteps {
      scored = logits[(logits.shape[0] - scoredSteps)..<logits.shape[0]]
      classes = classes.suffix(scoredSteps * batch.x.shape[1])
    }
    totals.add(
      "accuracy", sum: Double(correctPredictions(scored, classes: classes)), weight: Double(classes.count))
  }
}

/// The mean squared error of a recurrent model's numbers. Its metric is `mse`.
public struct NumberObjective: TrainingObjective {
  /// An objective.
  public init() {}

  /// The mean squared error.
  public func loss(
    _ model: RecurrentModel, _ batch: NumberBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let found = model(batch.x, context: context, probe: probe)
    return BatchLoss(
      mean: meanSquaredError(found, target: batch.target), weight: Double(batch.target.count))
  }

  /// Squared errors.
  public func measure(
    _ model: RecurrentModel, _ batch: NumberBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    // One number after the other, so that the sum doesn't depend on the size of the batches.
    for (found, expected) in zip(model(batch.x, context: context).scalars, batch.target.scalars) {
      let difference = Double(found) - Double(expected)
      totals.add("mse", sum: difference * difference, weight: 1)
    }
  }
}
