import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor

/// Sees named tensors of a forward pass in the order in which they are computed.
public typealias TensorProbe = (_ layer: String, _ tensor: String, _ value: Tensor) -> Void

/// A task: its data, its model, its loss, its metric, and the settings that it is published with.
///
/// To add one, write a file with a type that conforms and name it in the registry `Tasks.all`.
public protocol SequenceTask: SendableMetatype {
  /// What is trained.
  associatedtype Model: Module

  /// The name on the command line and in files.
  static var name: String { get }
  /// One line that says what is to be learned.
  static var summary: String { get }
  /// The task's own options.
  static var options: [TaskOption] { get }
  /// The default settings of a run or of a comparison.
  static var defaults: TrainingSettings { get }
  /// What the best model is chosen and reported by.
  static var metric: Metric { get }
  /// What is reported besides.
  static var extraMetrics: [Metric] { get }
  /// When the task counts as solved, by the validation data.
  static var solved: SolvedCriterion { get }
  /// Whether the training data end, so that there are epochs.
  static var hasEpochs: Bool { get }
  /// The sizes of a batch under valid options, known before any data are loaded.
  static func shape(_ settings: TrainingSettings) -> SequenceShape

  /// Numbers to learn in the model of a cell under valid settings, in Double: no size overflows. The default is that
  /// of an embedding where `shape` has symbols, recurrent layers, and a linear head with a bias.
  static func parameterCount(_ settings: TrainingSettings, cell: Cell) -> Double
  /// What is wrong with settings for this task alone, besides the ranges of its options, which all lie within them.
  static func problems(_ settings: TrainingSettings) -> [SettingsError]
  /// Whether the data are a file of the user's own, whose path then stands for the data directory's.
  static var readsOwnFile: Bool { get }
  /// The settings of a new run with what its data decide filled in. The settings must be valid.
  static func prepared(
    _ settings: TrainingSettings, dataDirectory: String
  ) throws(TaskDataError) -> TrainingSettings

  /// The task with its data, from the data directory if it needs files. The settings must be valid.
  init(settings: TrainingSettings, dataDirectory: String) throws(TaskDataError)

  /// The task on data that need not be the run's own, to score the model whose file has `metadata` on: what of the data is
  /// understood is up to the model. `split` is the part that is asked for; nil is what `Split.test` then means. The
  /// default is the task on the data directory.
  init(
    scoring settings: TrainingSettings, dataDirectory: String, metadata: [String: String], split: Split?
  ) throws(TaskDataError)

  /// What is reached without learning anything.
  var baseline: Baseline { get }
  /// Updates in an epoch; nil without epochs.
  var stepsPerEpoch: Int? { get }
  /// What a model's file has to say besides the settings, for the model to be used without the data.
  var modelMetadata: [String: String] { get }
  /// A checksum of the data that a run learns from, validation included; nil where they are made and not read.
  var dataChecksum: String? { get }

  /// A model with its first values, which depend on the seed alone.
  func makeModel(cell: Cell) -> Model
  /// The parameters of that model in their order, where `settings` are those that the task was made with. A file is
  /// compared with them before a model is made; the default for other models than `RecurrentModel` makes one for it.
  func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape>

  /// The loss of the training batch of update `step`, of shape []: a function of the parameters, the step and
  /// `carried` alone. A `probe` is shown the input, each layer's output and the logits on the way.
  ///
  /// `carried` are the states that the last update left for this one, [] before the first, and this one leaves its
  /// own, detached, for the next; tasks whose batches don't follow on one another leave it alone.
  func loss(
    _ model: Model, step: Int, carried: inout [Tensor], context: ForwardContext, probe: TensorProbe?
  ) -> Tensor

  /// The shapes of what an update leaves in `carried`.
  func carriedShapes(_ model: Model) -> [[Int]]

  /// What the model reaches on fixed data, the same for every seed and cell. The model is run in `context`, which may
  /// want the evaluation to stop: long ones ask it between batches, and what they then return is thrown away.
  func evaluate(_ model: Model, on split: Split, context: ForwardContext) -> Evaluation

  /// What the model makes of at most `count` fixed test examples, the same for every seed and cell; a task whose
  /// examples take much room gives fewer.
  func samples(_ model: Model, count: Int) -> [PredictionSample]
}

extension SequenceTask {
  /// No options.
  public static var options: [TaskOption] { [] }
  /// A task without other metrics.
  public static var extraMetrics: [Metric] { [] }
  /// Fresh data for every update.
  public static var hasEpochs: Bool { false }
  /// Fresh data for every update.
  public var stepsPerEpoch: Int? { nil }
  /// Settings whose ranges are the only condition.
  public static func problems(_ settings: TrainingSettings) -> [SettingsError] { [] }
  /// Data of the data directory.
  public static var readsOwnFile: Bool { false }
  /// The settings as they are.
  public static func prepared(
    _ settings: TrainingSettings, dataDirectory: String
  ) throws(TaskDataError) -> TrainingSettings { settings }
  /// A model that needs no more than its settings.
  public var modelMetadata: [String: String] { [:] }
  /// The task on the data directory.
  public init(
    scoring settings: TrainingSettings, dataDirectory: String, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    try self.init(settings: settings, dataDirectory: dataDirectory)
  }

  /// The data are made.
  public var dataChecksum: String? { nil }

  /// Those of a model that is made for it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    AnySequence(ParameterSet(makeModel(cell: cell)).entries.map { ParameterShape($0.name, $0.shape) })
  }

  /// Batches that don't follow on one another.
  public func carriedShapes(_ model: Model) -> [[Int]] { [] }
  /// A task without examples to show.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] { [] }

  /// What the model reaches on fixed data.
  public func evaluate(_ model: Model, on split: Split) -> Evaluation {
    evaluate(model, on: split, context: .inference())
  }

  /// Updates of a whole run under `settings`, which must be valid.
  public func totalSteps(_ settings: TrainingSettings) -> Int {
    settings.steps ?? (settings.epochs ?? 0) * (stepsPerEpoch ?? 0)
  }
}

extension SequenceTask where Model == RecurrentModel {
  /// Those of the layers and the head.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    RecurrentModel.parameterShapes(settings: settings, shape: Self.shape(settings), cell: cell)
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

  /// Sequences of `steps` × `inputSize` to `outputSize` numbers.
  public init(
    steps: Int, inputSize: Int, outputSize: Int, readsEveryStep: Bool = false, symbols: Int? = nil
  ) {
    self.steps = steps
    self.inputSize = inputSize
    self.outputSize = outputSize
    self.readsEveryStep = readsEveryStep
    self.symbols = symbols
  }
}

/// An option of a task with a whole number.
public struct TaskOption: Sendable, Equatable {
  /// The name on the command line and in files.
  public let name: String
  /// One line for the help.
  public let summary: String
  /// The numbers allowed.
  public let range: ClosedRange<Int>

  /// An option, whose default stands in the task's `defaults`.
  public init(_ name: String, _ summary: String, in range: ClosedRange<Int>) {
    self.name = name
    self.summary = summary
    self.range = range
  }
}
