import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The mean of a few random numbers: a task that takes no time.
package struct MeanTask: SequenceTask {
  private static let length = TaskOption.whole("length", "steps", default: 5, in: 1...1_000_000)
  package static let description = TaskDescription(
    name: "mean", summary: "the mean of random numbers", options: [length],
    metric: Metric("mse", better: .lower), extraMetrics: [Metric("error", better: .lower)],
    solved: SolvedCriterion(Metric("mse", better: .lower), 0.05), defaults: small,
    shape: { SequenceShape(steps: $0.whole(length), inputSize: 1, outputSize: 1) })

  private static var small: TrainingSettings {
    var settings = TrainingSettings(hidden: 4, batch: 6, steps: 12)
    settings.evaluationInterval = 4
    settings.clipNorm = 1
    return settings
  }

  package let settings: TrainingSettings
  package let batches: MeanBatches
  package let objective = MeanObjective()
  package let baseline = Baseline(1.0 / 60, "constant 1/2")

  package init(settings: TrainingSettings, data: DataSource = .unspecified) {
    self.settings = settings
    batches = MeanBatches(steps: settings.whole(Self.length), count: settings.batch)
  }

  /// One of each kind.
  package func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
    let kinds: [PredictionSample] = [
      .picture(.init(width: 2, pixels: [0, 1, 0.5, .nan], label: "3", prediction: "5", probability: 0.614)),
      .picture(.init(width: 2, pixels: [0, 1, 0.5, 2], label: "4", prediction: "4", probability: 0.98)),
      .picture(.init(width: 1, pixels: [1], label: "6", prediction: "6", probability: .nan)),
      .number(.init(steps: 5, marks: [.init(step: 2, value: 0.25)], target: 0.25, prediction: 0.5)),
      .symbols(.init(shown: ["a", "b"], expected: ["a", "b"], found: ["a", "<"])),
      .text(.init(prompt: "once <upon>", continuation: " a & time\n\u{1B}[31m", note: "temperature 0.8")),
    ]
    return Array(kinds.prefix(count))
  }
}

/// Random numbers and their mean.
package struct MeanBatches: BatchSource {
  let steps, count: Int

  package func batch(seed: UInt64, step: Int, shard: Shard) -> NumberBatch {
    draw(RandomStream(seed: seed, name: "mean/train", step: UInt64(step)), shard)
  }

  package func batches(of split: Split) -> AnySequence<NumberBatch> {
    AnySequence([draw(RandomStream(seed: 0, name: "mean/\(split)"), .whole)])
  }

  private func draw(_ stream: RandomStream, _ shard: Shard) -> NumberBatch {
    var stream = stream
    let x = stream.uniform([steps, count, 1])
    let values = x.scalars
    let means = (0..<count).map { column in
      (0..<steps).reduce(Float(0)) { $0 + values[$1 * count + column] } / Float(steps)
    }
    let kept = shard.range(of: count)
    return NumberBatch(
      x: x.sliced(kept, axis: 1), target: Tensor(Array(means[kept]), shape: [kept.count, 1]))
  }
}

/// The squared error of whole batches, and its root.
package struct MeanObjective: TrainingObjective {
  package init() {}

  package func loss(
    _ model: RecurrentModel, _ batch: NumberBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    NumberObjective().loss(model, batch, carried: &carried, context: context, probe: probe)
  }

  package func measure(
    _ model: RecurrentModel, _ batch: NumberBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let value = Double(meanSquaredError(model(batch.x, context: context), target: batch.target).item)
    totals.add("mse", sum: value, weight: 1)
    totals.add("error", sum: value.squareRoot(), weight: 1)
  }
}
