import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Answers to questions about texts of a user's own, in bAbI's form or as JSON Lines.
///
/// A cell of any kind reads each sentence and the question. A memory, steps of that cell too, looks at the sentences several times,
/// each time at what the look before left to ask for; or one look does, or the cell reads all words in a row. Where the file names the
/// sentences that an answer comes from, the looks are trained to be at them. An answer is one of those
/// that the training part has, of one word or several. Words and answers are learned from the training part alone and are part of
/// the model's file.
public struct AnswerTask: GraphTask {
  /// The name `answer`; the accuracy and the log loss in nats; and the settings: a memory of 64 units that looks three times,
  /// dropout 0.3, batches of 32, Adam at 3e-3 falling along a cosine, gradients of norm 5 at most, 60 epochs at most, early
  /// stopping after 20 without improvement. Solved at an accuracy of 95 %, as bAbI counts it.
  public static let description = TaskDescription(
    name: "answer", summary: "answer questions about texts (--data FILE, bAbI's form or JSON Lines)",
    options: AnswerOptions.all, modelOptions: AnswerOptions.ofModel, data: .file, hasEpochs: true,
    metric: accuracy, extraMetrics: [Metric("log_loss", better: .lower)],
    solved: SolvedCriterion(accuracy, 0.95), defaults: usual, problems: problems,
    parameters: { settings, cell in
      let sizes = sizes(settings)
      return settings.answerer(cell: cell, words: sizes.words, length: sizes.length, answers: sizes.answers)
    },
    shape: { settings in
      let sizes = sizes(settings)
      return SequenceShape(
        steps: settings.data?["steps"]?.whole ?? 20, inputSize: settings.whole(AnswerOptions.embedding),
        outputSize: sizes.answers, readsEveryStep: false, symbols: sizes.words)
    })

  private static let accuracy = Metric("accuracy", better: .higher)
  private static let what = "questions about texts, in bAbI's form or as JSON Lines,"

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 64, batch: 32, epochs: 60)
    settings.dropout = 0.3
    settings.optimizerSettings.learningRate = 0.003
    settings.schedule.name = CosineSchedule.name
    settings.clipNorm = 5
    settings.patience = 20
    return settings
  }

  /// What the settings know of the data; usual sizes before that.
  private static func sizes(_ settings: TrainingSettings) -> (words: Int, length: Int, answers: Int) {
    func fact(_ name: String, usual: Int) -> Int {
      min(max(1, settings.data?[name]?.whole ?? usual), 1 << 24)
    }
    return (fact("words", usual: 10_000), fact("length", usual: 20), fact("answers", usual: 20))
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    problems += settings.shareProblems(AnswerOptions.validPercent, AnswerOptions.testPercent)
    return problems
  }

  /// The settings with the data filled in: path, checksum, and how many words and answers there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: name, what: what) }
    var settings = settings
    settings.data = DataReference(path: Paths.absolute(path), sha256: try SHA256.hex(ofTaskFile: path))
    let batches = try AnswerParts(
      settings, path, model: settings.sourcePreprocessing.flatMap(AnswerEncoder.init)
    ).batches
    let encoder = batches.encoder
    settings.data?["words"] = .whole(encoder.wordCount)
    settings.data?["length"] = .whole(encoder.sentenceLength)
    settings.data?["answers"] = .whole(encoder.labels.count)
    settings.data?["steps"] = .whole(
      max(1, batches.training.map { $0.steps(isWhole: encoder.isWhole) }.max() ?? 1))
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The questions.
  public let batches: AnswerBatches
  /// The cross-entropy of the answers.
  public let objective: AnswerObjective

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else { throw .noFile(task: Self.name, what: Self.what) }
    if let known = settings.data?.sha256 {
      let found = try SHA256.hex(ofTaskFile: path)
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    self.init(
      settings,
      try AnswerParts(settings, path, model: settings.sourcePreprocessing.flatMap(AnswerEncoder.init)))
  }

  /// The task to score a model on: all questions of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let encoder = AnswerEncoder(preprocessing), try SHA256.hex(ofTaskFile: path) != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let questions = try QuestionFile(path, needsAnswers: true).questions
    self.init(settings, AnswerParts(settings, scoring: questions, encoder))
  }

  private init(_ settings: TrainingSettings, _ parts: AnswerParts) {
    (self.settings, batches) = (settings, parts.batches)
    objective = AnswerObjective(
      labels: batches.encoder.labels, supporting: Float(settings.real(AnswerOptions.supporting)),
      remarks: parts.remarks)
  }

  /// What `predict` needs to take questions: words, answers and lengths.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    let encoder = batches.encoder
    return settings.answerer(
      cell: cell, words: encoder.wordCount, length: encoder.sentenceLength, answers: encoder.labels.count)
  }

  // MARK: What is shown

  /// The most frequent answer of the training part; of data that a finished model is scored on, of these.
  public var baseline: Baseline {
    let test = batches.examples(.test).compactMap(\.source.answer)
    let isTrained = !batches.training.isEmpty
    var counts: [String: Int] = [:]
    for answer in isTrained ? batches.training.compactMap(\.source.answer) : test {
      counts[answer, default: 0] += 1
    }
    let usual = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    return Baseline(
      Double(test.count { $0 == usual }) / Double(max(1, test.count)),
      isTrained ? "the most frequent answer" : "the most frequent answer of these data")
  }

  /// The first test questions with their answers, and the sentences that were looked at.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let examples = Array(batches.examples(.test).prefix(min(count, 8)))
    let found = AnswerObjective.found(model, batches.encoder.batch(examples), .inference())
    return zip(examples, found).map { example, found in
      let shown = found.weights.isEmpty ? [] : example.source.context.suffix(example.sentences.count)
      return .answer(
        .init(
          sentences: Array(shown), weights: found.weights, question: example.source.question,
          expected: example.source.answer ?? "", found: batches.encoder.labels[found.answer],
          probability: found.probabilities[found.answer]))
    }
  }
}
