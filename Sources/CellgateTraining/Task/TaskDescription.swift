import CellgateBasics
import CellgateCells
import CellgateData
import CellgateNN

/// What a task is, without its data: its name, its options, the metrics that it is judged by, and the settings that it is
/// published with.
public struct TaskDescription: Sendable {
  /// The name on the command line and in files.
  public let name: String
  /// One line that says what is to be learned.
  public let summary: String
  /// The task's own options.
  public let options: [TaskOption]
  /// The names of those options that decide the model's form: a model that training goes on from brings them.
  public let modelOptions: [String]
  /// What data it needs.
  public let data: DataRequirement
  /// Whether the training data end, so that there are epochs.
  public let hasEpochs: Bool
  /// What the best model is reported by and, unless `selection` names another metric, chosen by.
  public let metric: Metric
  /// What is reported besides; those that are not logged come last.
  public let extraMetrics: [Metric]
  /// When the task counts as solved, by the validation data.
  public let solved: SolvedCriterion
  /// The default settings of a run or of a comparison.
  public let defaults: TrainingSettings
  private let sizes: @Sendable (TrainingSettings) -> SequenceShape
  private let ownSelection: @Sendable (TrainingSettings) -> Metric?
  private let measures: @Sendable (TrainingSettings, Metric) -> Bool
  private let ownProblems: @Sendable (TrainingSettings) -> [SettingsError]
  private let ownModel: (@Sendable (TrainingSettings, Cell) -> ModelDescription?)?

  /// A description.
  ///
  /// `defaults` are the published settings; name and options are filled in. `shape` gives the sizes of a batch under
  /// valid options, known before any data are loaded. `problems` is what is wrong with settings for this task alone,
  /// besides the ranges of its options, which all lie within them. `selection` is the extra metric, a logged one, that the best
  /// model is chosen by, where that isn't `metric`; `measures` says whether an extra metric means anything of the data
  /// that the settings know. `parameters` describes a model of other layers than an
  /// embedding, recurrent layers and a head, whose parameters are counted for it; nil for sizes that no model has.
  public init(
    name: String, summary: String, options: [TaskOption] = [], modelOptions: [TaskOption] = [],
    data: DataRequirement = .none,
    hasEpochs: Bool = false, metric: Metric, extraMetrics: [Metric] = [], solved: SolvedCriterion,
    defaults: TrainingSettings,
    selection: @escaping @Sendable (TrainingSettings) -> Metric? = { _ in nil },
    measures: @escaping @Sendable (TrainingSettings, Metric) -> Bool = { _, _ in true },
    problems: @escaping @Sendable (TrainingSettings) -> [SettingsError] = { _ in [] },
    parameters: (@Sendable (TrainingSettings, Cell) -> ModelDescription?)? = nil,
    shape: @escaping @Sendable (TrainingSettings) -> SequenceShape
  ) {
    self.name = name
    self.summary = summary
    self.options = options
    self.modelOptions = modelOptions.map(\.name)
    self.data = data
    self.hasEpochs = hasEpochs
    self.metric = metric
    self.extraMetrics = extraMetrics
    self.solved = solved
    var defaults = defaults
    defaults.task = name
    for option in options { defaults.taskOptions[option.name] = option.defaultValue }
    self.defaults = defaults
    ownSelection = selection
    self.measures = measures
    ownProblems = problems
    ownModel = parameters
    sizes = shape
  }

  /// Whether it learns from the user's own data, where nobody can say beforehand what is good: such a run is shown beside its
  /// baseline and never counts as solved or not.
  package var isOfOwnData: Bool { data == .file || data == .folder }

  /// What `baseline` reaches, in words: "0.1667 without learning (constant 1)", or of one's own data, whose baselines may have
  /// learned something, "baseline 0.55 (naive Bayes on words)". `value` is the number as it is shown.
  package func text(of baseline: Baseline, value: String) -> String {
    let label = baseline.label.isEmpty ? "" : " (\(baseline.label))"
    return (isOfOwnData ? "baseline \(value)" : "\(value) without learning") + label
  }

  /// The metric and the extra ones.
  public var metrics: [Metric] { [metric] + extraMetrics }

  /// The metric, and the extra ones that mean something of the data that the settings know.
  public func metrics(_ settings: TrainingSettings) -> [Metric] {
    [metric] + extraMetrics.filter { measures(settings, $0) }
  }

  /// Those that `metrics.csv` has.
  package func loggedMetrics(_ settings: TrainingSettings) -> [Metric] {
    metrics(settings).filter(\.isLogged)
  }

  /// What the best model is chosen by, on validation data; of evaluations that are equal in it, by `metric`.
  public func selection(_ settings: TrainingSettings) -> Metric {
    guard let own = ownSelection(settings) else { return metric }
    require(
      loggedMetrics(settings).contains(own),
      "TaskDescription: expected a logged metric to choose by, found '\(own.name)'")
    return own
  }

  /// The sizes of a batch under valid options.
  public func shape(_ settings: TrainingSettings) -> SequenceShape { sizes(settings) }

  /// Whether the model is more than an embedding, recurrent layers and a head.
  package var hasOwnModel: Bool { ownModel != nil }

  /// The numbers that a model learns, in Double, which no size overflows; nil for one of the usual form.
  func parameterCount(_ settings: TrainingSettings, cell: Cell) -> Double? {
    ownModel.map { describe in
      guard let description = describe(settings, cell), let shapes = try? Model.parameterShapes(description)
      else {
        return .infinity
      }
      return shapes.reduce(0) { $0 + $1.shape.reduce(1) { $0 * Double($1) } }
    }
  }

  /// What is wrong with settings for this task alone.
  func problems(_ settings: TrainingSettings) -> [SettingsError] { ownProblems(settings) }
}
