import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The running mean of one endless stream, of which each update sees a few steps: states are carried over.
package struct CarryingTask: SequenceTask {
  package static let description = TaskDescription(
    name: "carrying", summary: "the running mean of a stream", metric: Metric("mse", better: .lower),
    solved: SolvedCriterion(Metric("mse", better: .lower), 0.001), defaults: small,
    shape: { _ in SequenceShape(steps: 4, inputSize: 1, outputSize: 1, readsEveryStep: true) })

  private static var small: TrainingSettings {
    var settings = TrainingSettings(hidden: 4, batch: 3, steps: 12)
    settings.evaluationInterval = 4
    return settings
  }

  package let settings: TrainingSettings
  package let batches: CarryingBatches
  package let objective: CarryingObjective
  package let baseline = Baseline(1, "nothing")

  package init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.init(settings: settings, carries: true)
  }

  package init(settings: TrainingSettings, carries: Bool) {
    self.settings = settings
    batches = CarryingBatches(count: settings.batch)
    objective = CarryingObjective(settings: settings, carries: carries)
  }
}

/// Four steps of each of the sequences.
package struct CarryingBatches: BatchSource {
  let count: Int

  package func batch(seed: UInt64, step: Int, shard: Shard) -> Tensor {
    var stream = RandomStream(seed: seed, name: "carrying", step: UInt64(step))
    return stream.uniform([4, count, 1]).sliced(shard.range(of: count), axis: 1)
  }

  package func batches(of split: Split) -> AnySequence<Tensor> { AnySequence([.full([4, 1, 1], 0.5)]) }
}

/// The squared error from 1/2 at each step.
package struct CarryingObjective: TrainingObjective {
  let settings: TrainingSettings
  /// Whether states are handed on.
  let carries: Bool

  package func loss(
    _ model: RecurrentModel, _ batch: Tensor, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    let result = model.body(batch, states: carried.isEmpty ? nil : carried, context: context)
    if carries { carried = result.states.map(\.detached) }
    return BatchLoss(
      mean: meanSquaredError(model.head(result.output ?? batch), target: .full(batch.shape, 0.5)),
      weight: Double(batch.count))
  }

  package func carriedShapes(_ model: RecurrentModel) -> [[Int]] {
    carries ? model.body.stateShapes(batch: settings.batch, inputSize: 1) : []
  }

  package func measure(
    _ model: RecurrentModel, _ batch: Tensor, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let error = meanSquaredError(model(batch, context: context), target: .full(batch.shape, 0.5))
    totals.add("mse", sum: Double(error.item), weight: 1)
  }
}
