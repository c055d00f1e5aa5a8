import CellgateNN
import CellgateTensor
import CellgateTraining

/// The mean squared error of sequences' numbers, each scaled to mean 0 and deviation 1 of the training part.
public struct RegressObjective: TrainingObjective {
  let encoder: SequenceEncoder
  /// What is said of the validation part.
  let remark: String?

  /// The mean squared error of the scaled numbers.
  public func loss(
    _ model: Model, _ batch: ExampleBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let found = outputs(model, [batch.x], named: "x", context, probe)[0].tensor
    let target = Tensor(batch.targets, shape: [batch.targets.count, 1])
    return BatchLoss(mean: meanSquaredError(found, target: target), weight: Double(batch.targets.count))
  }

  /// The squared errors in the number's own units.
  public func measure(
    _ model: Model, _ batch: ExampleBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    for (found, target) in zip(numbers(model, batch, context), batch.targets) {
      let error = found - encoder.target(target)
      totals.add("mse", sum: error * error, weight: 1)
    }
  }

  /// The number of each sequence in its own units.
  func numbers(_ model: Model, _ batch: ExampleBatch, _ context: ForwardContext) -> [Double] {
    model([batch.x], context)[0].tensor.detached.scalars.map { encoder.target($0) }
  }

  /// The root of the mean squared error, the mean absolute error, and r² = 1 − mean squared error / variance.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<ExampleBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var (found, targets): ([Double], [Double]) = ([], [])
    context.each(of: batches) {
      numbers(model, $0, context)
    } use: {
      found += $1
      targets += $0.targets.map { encoder.target($0) }
    }
    let count = Double(max(targets.count, 1))
    let mean = targets.reduce(0, +) / count
    let squares = zip(found, targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let absolutes = zip(found, targets).reduce(0) { $0 + abs($1.0 - $1.1) }
    let variance = targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    // Of one number alone nothing can be explained.
    return Evaluation(
      (squares / count).squareRoot(), extras: [absolutes / count, variance > 0 ? 1 - squares / variance : 0],
      remark: split == .validation ? remark : nil)
  }
}
