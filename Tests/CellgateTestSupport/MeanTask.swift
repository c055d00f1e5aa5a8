import CellgateCells
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The mean of a few random numbers: a task that takes no time.
package struct MeanTask: SequenceTask {
  package static let name = "mean"
  package static let summary = "the mean of random numbers"
  package static let options = [TaskOption("length", "steps", in: 1...1_000_000)]
  package static let metric = Metric("mse", better: .lower)
  package static let extraMetrics = [Metric("error", better: .lower)]
  package static let solved = SolvedCriterion(metric, 0.05)
  package static var defaults: TrainingSettings {
    var settings = TrainingSettings(task: name, taskOptions: ["length": 5], hidden: 4, batch: 6, steps: 12)
    settings.evaluationInterval = 4
    settings.clipNorm = 1
    return settings
  }

  package let settings: TrainingSettings
  package let baseline = Baseline(1.0 / 60, "constant 1/2")

  package init(settings: TrainingSettings, dataDirectory: String = "") { self.settings = settings }

  package static func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: settings.taskOptions["length"] ?? 5, inputSize: 1, outputSize: 1)
  }

  package func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: Self.shape(settings), cell: cell)
  }

  private func error(
    _ model: RecurrentModel, _ stream: RandomStream, _ context: ForwardContext, _ probe: TensorProbe?
  )
    -> Tensor
  {
    var stream = stream
    let (steps, batch) = (Self.shape(settings).steps, settings.batch)
    let x = stream.uniform([steps, batch, 1])
    let values = x.scalars
    let means = (0..<batch).map { column in
      (0..<steps).reduce(Float(0)) { $0 + values[$1 * batch + column] } / Float(steps)
    }
    return meanSquaredError(
      model(x, context: context, probe: probe), target: Tensor(means, shape: [batch, 1]))
  }

  package func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> Tensor {
    error(
      model, RandomStream(seed: settings.seed, name: "mean/train", step: UInt64(step)), context, probe)
  }

  package func evaluate(_ model: RecurrentModel, on split: Split, context: ForwardContext) -> Evaluation {
    let value = error(model, RandomStream(seed: 0, name: "mean/\(split)"), context, nil).item
    return Evaluation(Double(value), extras: [Double(value).squareRoot()])
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
