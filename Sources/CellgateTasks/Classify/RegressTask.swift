import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// A number of each text or series of a user's own file: the model of ``ClassifyTask`` with one output, on data of the same forms.
///
/// Words and scales, that of the number too, are learned from the training part alone and are part of the model's file.
public struct RegressTask: GraphTask {
  /// The name `regress`; the root of the mean squared error, the mean absolute error, both in the number's own units, and r², the
  /// share of the variance that is explained; and the settings of ``ClassifyTask``. Solved at an r² of 0.9: our choice.
  public static let description = TaskDescription(
    name: "regress",
    summary: "find a number of texts or series of your own, also classify --regress (--data FILE)",
    options: ClassifyOptions.ofNumbers, modelOptions: ClassifyOptions.ofModel, data: .file, hasEpochs: true,
    metric: Metric("rmse", better: .lower),
    extraMetrics: [Metric("mae", better: .lower), explained], solved: SolvedCriterion(explained, 0.9),
    defaults: SequenceSettings.usual, problems: SequenceSettings.problems,
    parameters: { settings, cell in
      settings.sequenceModel(cell: cell, input: SequenceSettings.input(settings), outputs: 1)
    },
    shape: { SequenceSettings.shape($0, outputs: 1) })

  private static let explained = Metric("r2", better: .higher)

  /// The settings with the data filled in: path, checksum, and how many words or numbers a step there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    try SequenceSettings.prepared(settings, data, .numbers, task: name)
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// The examples.
  public let batches: ExampleBatches
  /// The squared error of the scaled number.
  public let objective: RegressObjective

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    self.init(settings, try SequenceSettings.opened(settings, data, .numbers, task: Self.name))
  }

  /// The task to score a model on: all rows of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    self.init(
      settings,
      try SequenceSettings.opened(scoring: settings, data, metadata, .numbers, task: Self.name))
  }

  private let tested: [SequenceRows.Row]

  /// What the words' vectors start from; nil for chance.
  private let vectors: WordVectors?

  private init(_ settings: TrainingSettings, _ rows: SequenceSettings.OpenedRows) {
    let parts = rows.parts
    (self.settings, batches, tested, vectors) = (settings, rows.batches, parts.test, parts.vectors)
    objective = RegressObjective(encoder: parts.encoder, remark: parts.remark)
  }

  /// What `predict` needs to take raw rows: words or scales, and where the rows have them.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.sequenceModel(cell: cell, input: batches.encoder.input, outputs: 1)
  }

  /// The model of the settings; its first values depend on the seed alone.
  public func makeModel(cell: Cell) -> Model {
    SequenceSettings.start(graph(cell: cell), settings, words: batches.encoder.words, vectors: vectors)
  }

  /// The mean of the training part, or that of the data themselves where a finished model is scored.
  public var baseline: Baseline {
    let encoder = batches.encoder
    let targets = batches.examples(.test).map { encoder.target($0.target) }
    // A target is scaled by the mean of the training part.
    let mean = batches.training.isEmpty ? targets.reduce(0, +) / Double(targets.count) : encoder.target(0)
    let squares = targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return Baseline(
      (squares / Double(targets.count)).squareRoot(),
      batches.training.isEmpty ? "the mean of these data" : "the mean of the training part")
  }

  /// The first test examples with their numbers and those that the model finds.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let encoder = batches.encoder
    let rows = Array(tested.prefix(count))
    let found = objective.numbers(model, encoder.batch(rows.map { encoder($0) }), .inference())
    return zip(rows, found).map { row, number in
      .labelled(
        .init(
          name: row.id,
          words: row.text.map { encoder.tokens(of: $0).map { .init($0, weight: 0) } } ?? [],
          series: encoder.features(of: row), label: row.label ?? "", prediction: RowPredictor.text(number)))
    }
  }
}
