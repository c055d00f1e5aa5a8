import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor

/// A task: a description, a data set, an objective, and the model that it is for.
///
/// To add one, write a file with a type that conforms and name it in the registry `Tasks.all`:
///
/// ```swift
/// struct MeanTask: SequenceTask {
///   static let length = TaskOption.whole("length", "steps", default: 5, in: 1...1000)
///   static let description = TaskDescription(
///     name: "mean", summary: "the mean of random numbers", options: [length],
///     metric: Metric("mse", better: .lower), solved: SolvedCriterion(Metric("mse", better: .lower), 0.01),
///     defaults: TrainingSettings(hidden: 16, batch: 32, steps: 1000),
///     shape: { SequenceShape(steps: $0.whole(length), inputSize: 1, outputSize: 1) })
///
///   let settings: TrainingSettings
///   let batches: Numbers
///   let objective = NumberObjective()
///   let baseline = Baseline(1.0 / 60, "constant 1/2")
///
///   init(settings: TrainingSettings, data: DataSource) {
///     self.settings = settings
///     batches = Numbers(steps: settings.whole(Self.length), batch: settings.batch)
///   }
/// }
/// ```
///
/// `Numbers` is a ``BatchSource``; the article "Adding a task" has an example in full.
public protocol SequenceTask: SendableMetatype {
  /// The data set.
  associatedtype Batches: BatchSource
  /// What the model is trained for.
  associatedtype Objective: TrainingObjective where Objective.Batch == Batches.Batch

  /// What the task is, without its data.
  static var description: TaskDescription { get }
  /// The settings of a new run with what its data decide filled in. The settings must be valid. The default leaves them.
  static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings

  /// The task with its data. The settings must be valid.
  init(settings: TrainingSettings, data: DataSource) throws(TaskDataError)

  /// The task on data that need not be the run's own, to score the model whose file has `metadata` on: what of the data is
  /// understood is up to the model. `split` is the part that is asked for; nil is what `Split.test` then means. The
  /// default is the task on `data`.
  init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError)

  /// What the task was made with.
  var settings: TrainingSettings { get }
  /// The data set.
  var batches: Batches { get }
  /// What the model is trained for.
  var objective: Objective { get }
  /// What is reached without learning anything.
  var baseline: Baseline { get }
  /// What a model's file has to say besides the settings, for the model to be used without the data; nothing by default.
  var modelMetadata: [String: String] { get }

  /// One line of what is read and how much room that takes, for before training starts; nil by default.
  var dataSummary: String? { get }

  /// A model with its first values, which depend on the seed alone. The default for `RecurrentModel` is one of the
  /// description's sizes.
  func makeModel(cell: Cell) -> Objective.Model
  /// The parameters of that model in their order, where `settings` are those that the task was made with. A file is
  /// compared with them before a model is made; the default for other models than `RecurrentModel` makes one for it.
  func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape>
  /// Changes the best model once training has ended, before it is tested and kept, such as to calibrate its probabilities;
  /// returns whether it did. By default it stays.
  func finish(_ model: Objective.Model, context: ForwardContext) -> Bool
  /// What the model makes of at most `count` fixed test examples, the same for every seed and cell; a task whose
  /// examples take much room gives fewer, and by default none.
  func samples(_ model: Objective.Model, count: Int) -> [PredictionSample]
}

// MARK: Defaults

extension SequenceTask {
  /// The settings as they are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings { settings }

  /// The task on `data`.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    try self.init(settings: settings, data: data)
  }

  /// No line.
  public var dataSummary: String? { nil }

  /// A model that needs no more than its settings.
  public var modelMetadata: [String: String] { [:] }

  /// Those of a model that is made for it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    let parameters = ParameterSet(makeModel(cell: cell), withBuffers: true)
    return AnySequence(parameters.entries.map { ParameterShape($0.name, $0.shape) })
  }

  /// The model as it is.
  public func finish(_ model: Objective.Model, context: ForwardContext) -> Bool { false }

  /// A task without examples to show.
  public func samples(_ model: Objective.Model, count: Int) -> [PredictionSample] { [] }
}

extension SequenceTask where Objective.Model == RecurrentModel {
  /// Recurrent layers and a head of the description's sizes.
  public func makeModel(cell: Cell) -> RecurrentModel {
    RecurrentModel(settings: settings, shape: Self.shape(settings), cell: cell)
  }

  /// Those of the layers and the head.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    RecurrentModel.parameterShapes(settings: settings, shape: Self.shape(settings), cell: cell)
  }
}

// MARK: What follows from them

extension SequenceTask {
  /// The name on the command line and in files.
  public static var name: String { description.name }
  /// One line that says what is to be learned.
  public static var summary: String { description.summary }
  /// The task's own options.
  public static var options: [TaskOption] { description.options }
  /// The default settings of a run or of a comparison.
  public static var defaults: TrainingSettings { description.defaults }
  /// What the best model is reported by.
  public static var metric: Metric { description.metric }
  /// What is reported besides.
  public static var extraMetrics: [Metric] { description.extraMetrics }
  /// When the task counts as solved, by the validation data.
  public static var solved: SolvedCriterion { description.solved }
  /// The sizes of a batch under valid options, known before any data are loaded.
  public static func shape(_ settings: TrainingSettings) -> SequenceShape { description.shape(settings) }

  /// Updates in an epoch; nil without epochs.
  public var stepsPerEpoch: Int? { batches.stepsPerEpoch }

  /// Updates of a whole run under `settings`, which must be valid.
  public func totalSteps(_ settings: TrainingSettings) -> Int {
    settings.steps ?? (settings.epochs ?? 0) * (stepsPerEpoch ?? 0)
  }

  /// The mean loss of the training batch of update `step`, of shape []; see ``TrainingObjective``.
  public func loss(
    _ model: Objective.Model, step: Int, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) throws(Objective.Failure) -> Tensor {
    let batch = batches.batch(seed: settings.seed, step: step, shard: .whole)
    return try objective.loss(model, batch, carried: &carried, context: context, probe: probe).mean
  }

  /// As above, of a shard of the batch, with what it is a mean of; nil where no sequence is left for it.
  public func loss(
    _ model: Objective.Model, step: Int, shard: Shard, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) throws(Objective.Failure) -> BatchLoss? {
    let batch = batches.batch(seed: settings.seed, step: step, shard: shard)
    if batches.isEmpty(batch) { return nil }
    return try objective.loss(model, batch, carried: &carried, context: context, probe: probe)
  }

  /// What the model reaches on a split of the data, the same for every seed and cell. The context may want it to stop.
  public func evaluate(
    _ model: Objective.Model, on split: Split, context: ForwardContext = .inference()
  ) throws(Objective.Failure) -> Evaluation {
    try objective.evaluate(
      model, on: split, batches.batches(of: split), metrics: Self.description.metrics(settings),
      context: context)
  }
}

/// The sizes of a task's batches.
public struct SequenceShape: Sendable, Equatable {
  /// T.
  public let steps: Int
  /// I.
  public let inputSize: Int
  /// The head's outputs.
  public let outputSize: Int
  /// Whether the head reads each step, or the last one only.
  public let readsEveryStep: Bool
  /// V, where the input is one of V symbols at each step, whose embeddings [V, I] are learned; nil where it is numbers.
  public let symbols: Int?
  /// Whether the head's weights are the embeddings.
  public let tiesWeights: Bool

  /// Sequences of `steps` × `inputSize` to `outputSize` numbers.
  public init(
    steps: Int, inputSize: Int, outputSize: Int, readsEveryStep: Bool = false, symbols: Int? = nil,
    tiesWeights: Bool = false
  ) {
    self.steps = steps
    self.inputSize = inputSize
    self.outputSize = outputSize
    self.readsEveryStep = readsEveryStep
    self.symbols = symbols
    self.tiesWeights = tiesWeights
  }
}
