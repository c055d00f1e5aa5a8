import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Classes of texts or series of a user's own file: an embedding of words, or convolutions over numbers; recurrent layers of any cell;
/// pooling; and a linear head.
///
/// Words, scales, classes and class weights are learned from the training part alone and are part of the model's file. Parts are
/// files of their own, or shares of each class, the same for every seed.
public struct ClassifyTask: GraphTask {
  /// The name `classify`; accuracy, F1, AUC, average precision, the cross-entropy in nats and the calibration error; and the
  /// settings: 64 units in both directions, words of 64 numbers, the mean and the largest outputs over time, dropout 0.3, batches of
  /// 32, Adam at 2e-3 falling along a cosine, gradients of norm 1 at most, at most 40 epochs of 25 updates or more, early stopping
  /// after 8 without improvement, an exponential mean of the weights. Solved at an accuracy of 95 %: our choice.
  public static let description = SequenceSettings.classifier(
    name: "classify",
    summary: "classify texts or series of your own (--data FILE --text COLUMN --label COLUMN)",
    options: ClassifyOptions.all,
    metric: accuracy,
    extraMetrics: ["macro_f1", "weighted_f1", "auc", "average_precision"].map { Metric($0, better: .higher) }
      + ["log_loss", "ece"].map { Metric($0, better: .lower) },
    solvedAt: 0.95)

  private static let accuracy = Metric("accuracy", better: .higher)

  /// The settings with the data filled in: path, checksum, and how many classes, words or numbers a step there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    try SequenceSettings.prepared(settings, data, .classes, task: name)
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The examples.
  public let batches: ExampleBatches
  /// The cross-entropy.
  public let objective: ClassifyObjective
  /// The rows of the test part, in the order of the examples.
  let tested: [SequenceRows.Row]

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    self.init(settings, try SequenceSettings.opened(settings, data, .classes, task: Self.name))
  }

  /// The task to score a model on: all rows of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    self.init(
      settings,
      try SequenceSettings.opened(scoring: settings, data, metadata, .classes, task: Self.name))
  }

  /// What the words' vectors start from; nil for chance.
  private let vectors: WordVectors?

  private init(_ settings: TrainingSettings, _ rows: SequenceSettings.OpenedRows) {
    let parts = rows.parts
    (self.settings, batches, tested, vectors) = (settings, rows.batches, parts.test, parts.vectors)
    let labels = parts.encoder.labels
    objective = ClassifyObjective(
      labels: labels,
      weights: settings.text(ClassifyOptions.classWeights) == "balanced"
        ? Self.weights(batches.training, count: labels.count) : nil,
      smoothing: Float(settings.real(ClassifyOptions.smoothing)), remark: parts.remark)
  }

  /// What makes all classes of the training part count the same, 1 on average.
  private static func weights(_ examples: [SequenceEncoder.Example], count: Int) -> [Float] {
    var sizes = [Int](repeating: 0, count: count)
    for example in examples { sizes[Int(example.label)] += 1 }
    return sizes.map { Float(examples.count) / Float(count * max($0, 1)) }
  }

  /// What `predict` needs to take raw rows: words or scales, classes, and where the rows have them.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.classifier(cell: cell, input: batches.encoder.input, classes: batches.encoder.labels.count)
  }

  /// The model of the settings; its first values depend on the seed alone.
  public func makeModel(cell: Cell) -> Model {
    SequenceSettings.start(graph(cell: cell), settings, words: batches.encoder.words, vectors: vectors)
  }

  /// Weighs the logits, and what naive Bayes makes of the words, so that the classes of the validation part become the likeliest:
  /// a temperature (Guo et al. 2017, https://arxiv.org/abs/1706.04599) and a mixture of both. The weights become part of the head and
  /// of the words' evidence. Not where the training part stands in for the validation part.
  public func finish(_ model: Model, context: ForwardContext) -> Bool {
    guard objective.remark == nil else { return false }
    let classes = batches.examples(.validation).map(\.label)
    return ClassifierCalibration(batches: batches)(
      model, context, evidence: { WordEvidence(batches).table },
      weights: { LogitWeights(logits: $0, evidence: $1, classes: classes) })
  }

  /// The best of what is reached without a network: the largest class, naive Bayes on words, or the nearest series.
  public var baseline: Baseline { ClassBaselines(batches: batches).best }
}
