import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Tags of the tokens of sentences in a user's own CoNLL file, such as parts of speech or names: embeddings of words, a vector of
/// each word's characters, recurrent layers of any cell in both directions, and a conditional random field or a softmax.
///
/// Words, characters and tags are learned from the training part alone and are part of the model's file. Parts are files of their
/// own, or shares of the sentences, the same for every seed.
public struct TagTask: GraphTask {
  /// The name `tag`; the accuracy of tokens; F1, precision and recall of spans; and the settings: 128 units in both directions,
  /// words of 100 numbers and 64 filters over their characters, dropout 0.5, batches of 16 sentences, Adam at 3e-3, gradients of
  /// norm 5 at most, at most 40 epochs, early stopping after 6 without improvement. The best model of spans is chosen by
  /// their F1. Solved at an accuracy of 95 %: our choice.
  public static let description = TaskDescription(
    name: "tag", summary: "tag the tokens of your own sentences (--data FILE, CoNLL or CoNLL-U)",
    options: TagOptions.all, modelOptions: TagOptions.ofModel, data: .file, hasEpochs: true,
    metric: accuracy,
    extraMetrics: [spanF1] + ["span_precision", "span_recall"].map { Metric($0, better: .higher) },
    solved: SolvedCriterion(accuracy, 0.95), defaults: usual,
    selection: { sizes($0).areSpans ? spanF1 : nil },
    measures: { settings, _ in sizes(settings).areSpans }, problems: problems,
    parameters: { settings, cell in settings.tagger(cell: cell, sizes(settings)) },
    shape: { settings in
      let sizes = sizes(settings)
      let characters = sizes.characters == nil ? 0 : settings.whole(TagOptions.characterUnits)
      return SequenceShape(
        steps: settings.data?["steps"]?.whole ?? 100,
        inputSize: settings.whole(TagOptions.embedding) + characters, outputSize: sizes.tags,
        readsEveryStep: true, symbols: sizes.words)
    })

  private static let accuracy = Metric("accuracy", better: .higher)
  private static let spanF1 = Metric("span_f1", better: .higher)

  private static let what = "sentences, in CoNLL's form,"

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 128, batch: 16, epochs: 40)
    settings.dropout = 0.5
    settings.optimizerSettings.learningRate = 0.003
    settings.clipNorm = 5
    settings.patience = 6
    return settings
  }

  /// What the settings know of the data; usual sizes before that.
  private static func sizes(_ settings: TrainingSettings) -> TrainingSettings.TagSizes {
    func fact(_ name: String, usual: Int) -> Int {
      min(max(1, settings.data?[name]?.whole ?? usual), 1 << 24)
    }
    let hasCharacters = settings.text(TagOptions.characters) != TagOptions.Characters.none.rawValue
    return .init(
      words: fact("words", usual: 10_000), characters: hasCharacters ? fact("characters", usual: 100) : nil,
      tags: fact("tags", usual: 20), areSpans: settings.data?["spans"]?.whole == 1)
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if TokenColumns(names(settings)) == nil {
      problems.append(
        .outOfRange(
          option: "columns", expected: TokenColumns.form,
          found: "'\(quotedName((names(settings) ?? []).joined(separator: ",")))'"))
    }
    problems += settings.shareProblems(TagOptions.validPercent, TagOptions.testPercent)
    return problems
  }

  private static func names(_ settings: TrainingSettings) -> [String]? {
    settings.list(TagOptions.columns)?.compactMap(\.text)
  }

  /// The settings with the data filled in: path, checksum, and how many words, characters and tags there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: name, what: what) }
    var settings = settings
    settings.data = DataReference(path: Paths.absolute(path), sha256: try SHA256.hex(ofTaskFile: path))
    let batches = try TagParts(settings, path, model: settings.sourcePreprocessing.flatMap(TokenEncoder.init))
      .batches
    let sizes = Self.sizes(of: batches.encoder)
    settings.data?["words"] = .whole(sizes.words)
    settings.data?["characters"] = sizes.characters.map { .whole($0) }
    settings.data?["tags"] = .whole(sizes.tags)
    settings.data?["spans"] = .whole(sizes.areSpans ? 1 : 0)
    settings.data?["steps"] = .whole(min(batches.training.map(\.steps).max() ?? 1, TagBatches.longest))
    return settings
  }

  private static func sizes(of encoder: TokenEncoder) -> TrainingSettings.TagSizes {
    .init(
      words: encoder.wordCount, characters: encoder.characterCount, tags: encoder.labels.count,
      areSpans: TagSpan.areSpans(encoder.labels))
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The sentences.
  public let batches: TagBatches
  /// The negative log-likelihood.
  public let objective: TagObjective

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else { throw .noFile(task: Self.name, what: Self.what) }
    if let known = settings.data?.sha256 {
      let found = try SHA256.hex(ofTaskFile: path)
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    self.init(
      settings, try TagParts(settings, path, model: settings.sourcePreprocessing.flatMap(TokenEncoder.init)))
  }

  /// The task to score a model on: all sentences of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let encoder = TokenEncoder(preprocessing), let columns = TokenColumns(preprocessing.tokens?.columns),
      try SHA256.hex(ofTaskFile: path) != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let file = try CoNLLFile(path, columns: columns, needsTags: true)
    self.init(settings, TagParts(settings, scoring: file, encoder))
  }

  private init(_ settings: TrainingSettings, _ parts: TagParts) {
    (self.settings, batches) = (settings, parts.batches)
    let labels = batches.encoder.labels
    objective = TagObjective(
      labels: labels, areSpans: TagSpan.areSpans(labels), remarks: parts.remarks)
  }

  /// What `predict` needs to take sentences: words, characters, tags, and the columns.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.tagger(cell: cell, Self.sizes(of: batches.encoder))
  }

  // MARK: What is shown

  /// The tag that each word has most often in the training part, and that of all words for the others; of data that a finished
  /// model is scored on, which come without those that it learned from, their most frequent tag.
  public var baseline: Baseline {
    let test = batches.examples(.test)
    let isTrained = !batches.training.isEmpty
    var (words, all): ([String: [String: Int]], [String: Int]) = ([:], [:])
    for example in isTrained ? batches.training : test {
      for (token, tag) in zip(example.tokens, example.names) {
        words[token, default: [:]][tag, default: 0] += 1
        all[tag, default: 0] += 1
      }
    }
    func usual(_ counts: [String: Int]) -> String? {
      counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }
    let most = usual(all)
    let own = isTrained ? words.compactMapValues(usual) : [:]
    var (right, tokens) = (0, 0)
    for example in test {
      tokens += example.steps
      right += zip(example.tokens, example.names).count { (own[$0] ?? most) == $1 }
    }
    return Baseline(
      Double(right) / Double(max(1, tokens)),
      isTrained ? "the most frequent tag of each word" : "the most frequent tag of these data")
  }

  /// The tokens of a sample that are shown.
  private static let shown = 60

  /// Test sentences with their tags and those that the model finds, of long ones the beginning.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let examples = Array(batches.examples(.test).prefix(min(count, 12)))
    let labels = batches.encoder.labels
    return examples.map { example in
      let tags = TagObjective.tags(model, batches.encoder.batch([example]), .inference())[0]
      let part = 0..<min(example.steps, Self.shown)
      return .tags(
        .init(
          words: Array(example.tokens[part]), expected: Array(example.names[part]),
          found: part.map { labels[Int(tags[$0])] }))
    }
  }
}
