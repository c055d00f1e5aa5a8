import CellgateCells
import CellgateNN
import CellgateTensor

@testable import CellgateTraining

/// The mean of a few random numbers: a task that takes no time.
struct MeanTask: SequenceTask {
  static let name = "mean"
  static let summary = "the mean of random numbers"
  static let options = [TaskOption("length", "steps", in: 1...1_000_000)]
  static let metric = Metric("mse", better: .lower)
  static let extraMetrics = [Metric("error", better: .lower)]
  static let solved = SolvedCriterion(metric, 0.05)
  static var defaults: TrainingSettings {
    var settings = TrainingSettings(task: name, taskOptions: ["length": 5], hidden: 4, batch: 6, steps: 12)
    settings.evaluationInterval = 4
    settings.clipNorm = 1
    return settings
  }

  let settings: TrainingSettings
  let baseline = Baseline(1.0 / 60, "constant 1/2")

  init(settings: TrainingSettings, dataDirectory: String = "") { self.settings = settings }

  static func shape(_ settings: TrainingSettings) -> SequenceShape {
    SequenceShape(steps: settings.taskOptions["length"] ?? 5, inputSize: 1, outputSize: 1)
  }

  func makeModel(cell: Cell) -> RecurrentModel {
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

  func loss(
    _ model: RecurrentModel, step: Int, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> Tensor {
    error(
      model, RandomStream(seed: settings.seed, name: "mean/train", step: UInt64(step)), context, probe)
  }

  func evaluate(_ model: RecurrentModel, on split: Split, context: ForwardContext) -> Evaluation {
    let value = error(model, RandomStream(seed: 0, name: "mean/\(split)"), context, nil).item
    return Evaluation(Double(value), extras: [Double(value).squareRoot()])
  }

  /// One of each kind.
  func samples(_ model: RecurrentModel, count: Int) -> [PredictionSample] {
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
