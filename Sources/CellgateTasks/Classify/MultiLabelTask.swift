import CellgateCells
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Labels of texts or series of a user's own file, of which a row may have none, one or several: the model of ``ClassifyTask`` with a
/// sigmoid for each label, on data of the same forms.
///
/// The labels stand in one column with a character between, or in a column of 0 and 1 for each. Words, scales, labels and their weights are
/// learned from the training part alone and are part of the model's file.
public struct MultiLabelTask: GraphTask {
  /// The name `multi-label`; the share of rows whose labels are all right, F1 over all labels and the mean over the labels, AUC and
  /// average precision, the share of wrong answers and the cross-entropy of an answer in nats; and the settings of ``ClassifyTask``.
  /// The best model is chosen by the F1 over all labels. Solved at an accuracy of 90 %: our choice.
  public static let description = SequenceSettings.classifier(
    name: "multi-label",
    summary: "find the labels of texts or series that may have several, also classify --multi-label",
    options: ClassifyOptions.ofLabels,
    metric: accuracy,
    extraMetrics: [microF1] + ["macro_f1", "auc", "average_precision"].map { Metric($0, better: .higher) }
      + ["hamming_loss", "log_loss"].map { Metric($0, better: .lower) },
    solvedAt: 0.9, selection: microF1)

  private static let accuracy = Metric("accuracy", better: .higher)
  private static let microF1 = Metric("micro_f1", better: .higher)

  /// The settings with the data filled in: path, checksum, and how many labels, words or numbers a step there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    try SequenceSettings.prepared(settings, data, .sets, task: name)
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The examples.
  public let batches: ExampleBatches
  /// The binary cross-entropy of each label.
  public let objective: MultiLabelObjective
  private let tested: [SequenceRows.Row]
  /// What the words' vectors start from; nil for chance.
  private let vectors: WordVectors?

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    self.init(settings, try SequenceSettings.opened(settings, data, .sets, task: Self.name))
  }

  /// The task to score a model on: all rows of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    self.init(
      settings,
      try SequenceSettings.opened(scoring: settings, data, metadata, .sets, task: Self.name))
  }

  private init(_ settings: TrainingSettings, _ rows: SequenceSettings.OpenedRows) {
    let parts = rows.parts
    (self.settings, batches, tested, vectors) = (settings, rows.batches, parts.test, parts.vectors)
    let labels = parts.encoder.labels
    objective = MultiLabelObjective(
      labels: labels,
      weights: settings.text(ClassifyOptions.classWeights) == "balanced"
        ? Self.weights(batches.training, count: labels.count) : nil,
      smoothing: Float(settings.real(ClassifyOptions.smoothing)), remark: parts.remark)
  }

  /// What makes the examples that have a label count as much as those that don't.
  private static func weights(
    _ examples: [SequenceEncoder.Example], count: Int
  ) -> [(has: Float, hasNot: Float)] {
    var sizes = [Int](repeating: 0, count: count)
    for example in examples { for label in example.labels { sizes[Int(label)] += 1 } }
    return sizes.map { size in
      func weight(_ own: Int) -> Float { Float(examples.count) / Float(2 * max(own, 1)) }
      return (weight(size), weight(examples.count - size))
    }
  }

  /// What `predict` needs to take raw rows: words or scales, labels, and where the rows have them.
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

  /// Weighs the logits, and what naive Bayes makes of the words, by the validation part as ``ClassifyTask`` does; then moves the bias of
  /// each label so that the threshold of its largest F1 is a probability of 0.5. Not where the training part stands in for the
  /// validation part.
  public func finish(_ model: Model, context: ForwardContext) -> Bool {
    guard objective.remark == nil else { return false }
    let calibration = ClassifierCalibration(batches: batches)
    let labels = batches.examples(.validation).map(\.labels)
    let count = objective.labels.count
    let isWeighed = calibration(
      model, context, evidence: { WordEvidence(labelsOf: batches).table },
      weights: { LogitWeights(logits: $0, evidence: $1, labels: labels, count: count) })
    guard isWeighed, let logits = calibration.logits(model, context),
      let bias = (model["head"] as? Dense)?.map.bias
    else { return isWeighed }
    let thresholds = LabelThresholds(logits: logits, labels: labels, count: count)
    bias.assign(bias.value - Tensor(thresholds.logits, shape: bias.shape))
    return true
  }

  /// The best of what is reached without a network.
  public var baseline: Baseline { MultiLabelBaselines(batches: batches).best }

  // MARK: What is shown

  /// The first test examples with their labels and those that the model finds, of texts with what each word spoke for the likeliest one.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let encoder = batches.encoder
    let rows = Array(tested.prefix(count))
    let examples = rows.map { encoder($0) }
    let found = withoutGradient {
      MultiLabelObjective.probabilities(model, encoder.batch(examples), .inference())
    }
    let relevance = WordRelevance(encoder: encoder, model: model)
    return zip(zip(rows, examples), found).map { own, values in
      let (row, example) = own
      let best = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
      var sample = PredictionSample.Labelled(
        name: row.id, label: Self.text(row.labels), prediction: Self.text(encoder.labels(of: values)))
      if let text = row.text {
        sample.words = relevance.words(of: text, example, output: best)
      } else {
        sample.series = encoder.features(of: row)
      }
      return .labelled(sample)
    }
  }

  private static func text(_ labels: [String]) -> String {
    labels.isEmpty ? "none" : labels.sorted().joined(separator: ", ")
  }
}
