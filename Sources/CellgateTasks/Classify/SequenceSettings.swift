import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// What the tasks `classify`, `multi-label` and `regress` have in common.
enum SequenceSettings {
  /// The settings of a new run.
  static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 64, batch: 32, epochs: 40)
    settings.dropout = 0.3
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule = ScheduleSettings(name: "cosine", warmUpSteps: 50)
    settings.averageWeights = .exponential(decay: 0.98)
    settings.clipNorm = 1
    settings.patience = 8
    return settings
  }

  /// A task of a user's own rows whose model has an output for each class or label.
  static func classifier(
    name: String, summary: String, options: [TaskOption], metric: Metric, extraMetrics: [Metric],
    solvedAt share: Double, selection: Metric? = nil
  ) -> TaskDescription {
    TaskDescription(
      name: name, summary: summary, options: options, modelOptions: ClassifyOptions.ofModel, data: .file,
      hasEpochs: true, metric: metric, extraMetrics: extraMetrics, solved: SolvedCriterion(metric, share),
      defaults: usual, selection: { _ in selection }, problems: problems,
      parameters: { $0.classifier(cell: $1, input: input($0), classes: classes($0)) },
      shape: { shape($0, outputs: classes($0)) })
  }

  // MARK: What the settings know of the data, and usual sizes before that

  static func input(_ settings: TrainingSettings) -> TrainingSettings.SequenceInput {
    if let width = settings.data?["width"]?.whole { return .numbers(width: min(max(1, width), 1 << 24)) }
    return .words(count: min(max(2, settings.data?["symbols"]?.whole ?? 10_000), 1 << 24))
  }

  static func classes(_ settings: TrainingSettings) -> Int {
    min(max(1, settings.data?["classes"]?.whole ?? 2), 1 << 24)
  }

  static func shape(_ settings: TrainingSettings, outputs: Int) -> SequenceShape {
    let symbols: Int?
    let width: Int
    switch input(settings) {
    case .words(let count): (symbols, width) = (count, settings.whole(ClassifyOptions.embedding))
    case .numbers(let own): (symbols, width) = (nil, own)
    }
    return SequenceShape(
      steps: settings.data?["steps"]?.whole ?? settings.whole(ClassifyOptions.length), inputSize: width,
      outputSize: outputs, symbols: symbols)
  }

  /// What is wrong with settings besides the ranges of options.
  @Sendable static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    func refuse(_ option: String, _ reason: String) {
      problems.append(.unsupported(option: option, reason: reason))
    }
    let (text, features) = (settings.text(ClassifyOptions.text), settings.list(ClassifyOptions.features))
    if text != nil, features != nil { refuse("features", "texts have none: --text or --features") }
    let names = ClassifyOptions.labelNames(settings)
    if text != nil || features != nil, names.isEmpty {
      refuse("label", "a table needs --label COLUMN, the column of the class or of the number")
    }
    let columns = [ClassifyOptions.split, ClassifyOptions.splitGroup, ClassifyOptions.splitTime].filter {
      settings.text($0) != nil
    }
    for option in columns where text == nil && features == nil {
      refuse(option.name, "files of series have no columns of parts: --test FILE and --valid FILE")
    }
    if columns.count > 1 {
      refuse(columns[1].name, "the parts are chosen in one way, and --\(columns[0].name) is one")
    }
    if settings.text(ClassifyOptions.gaps) == "yes", settings.text(ClassifyOptions.time) == nil {
      refuse("gaps", "what is between steps needs --time COLUMN")
    }
    let isWords = settings.text(ClassifyOptions.unit).map { $0 == TextUnit.words.rawValue } ?? true
    for option in [ClassifyOptions.vocabulary, ClassifyOptions.vectors] where settings.text(option) != nil {
      if features != nil || !isWords { refuse(option.name, "it is of words, with --unit words") }
      if settings.from != nil { refuse(option.name, "a model that is trained further has its own") }
    }
    if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
      refuse("label", "each column has a label of its own, and '\(quotedName(name))' is there twice")
    }
    if let separator = settings.text(ClassifyOptions.labelSeparator) {
      if separator.isEmpty {
        problems.append(.outOfRange(option: "label-separator", expected: "a character", found: "none"))
      }
      if names.count > 1 {
        refuse("label-separator", "columns of 0 and 1 have a label each: one column as --label")
      }
    }
    if settings.text(ClassifyOptions.group) != nil, features == nil {
      refuse("group", "steps need --features COLUMNS, the columns of their numbers")
    }
    if settings.text(ClassifyOptions.time) != nil, settings.text(ClassifyOptions.group) == nil {
      refuse("time", "only the rows of a sequence have an order: --group COLUMN")
    }
    problems += settings.shareProblems(ClassifyOptions.validPercent, ClassifyOptions.testPercent)
    return problems
  }

  // MARK: Data

  private static let what = "a table or a file of series"

  /// The settings with the data filled in.
  static func prepared(
    _ settings: TrainingSettings, _ data: DataSource, _ labels: SequenceRows.Label, task: String
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: task, what: what) }
    var settings = settings
    settings.data = DataReference(path: Paths.absolute(path), sha256: try SequenceParts.digest(path))
    let parts = try SequenceParts(
      settings, path, labels, model: settings.sourcePreprocessing.flatMap(SequenceEncoder.init))
    let encoder = parts.encoder
    if labels != .numbers { settings.data?["classes"] = .whole(encoder.labels.count) }
    let steps = parts.training.map { encoder.modelSteps(encoder($0).steps) }.max() ?? 1
    settings.data?["steps"] = .whole(steps)
    switch encoder.input {
    case .words(let count): settings.data?["symbols"] = .whole(count)
    case .numbers(let width): settings.data?["width"] = .whole(width)
    }
    return settings
  }

  /// The parts of the file that `settings` know, or of that of `data`, with its path; throws `changed` if it isn't the one that they
  /// know.
  static func parts(
    _ settings: TrainingSettings, _ data: DataSource, _ labels: SequenceRows.Label, task: String
  ) throws(TaskDataError) -> (path: String, parts: SequenceParts) {
    guard let path = data.path ?? settings.data?.path else { throw .noFile(task: task, what: what) }
    if let known = settings.data?.sha256 {
      let found = try SequenceParts.digest(path)
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    return (
      path,
      try SequenceParts(
        settings, path, labels, model: settings.sourcePreprocessing.flatMap(SequenceEncoder.init))
    )
  }

  /// All rows of a file that isn't the run's own, for the model whose file has `metadata`; nil for the run's own.
  static func scored(
    _ settings: TrainingSettings, _ data: DataSource, _ metadata: [String: String],
    _ labels: SequenceRows.Label
  ) throws(TaskDataError) -> SequenceParts? {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let encoder = SequenceEncoder(preprocessing),
      try SequenceParts.digest(path) != settings.data?.sha256
    else { return nil }
    return try SequenceParts(scoring: path, encoder, labels)
  }

  /// The parts that `settings` name in their file or that of `data`, and their examples; throws what is wrong with it.
  static func opened(
    _ settings: TrainingSettings, _ data: DataSource, _ labels: SequenceRows.Label, task: String
  ) throws(TaskDataError) -> OpenedRows {
    let (path, parts) = try parts(settings, data, labels, task: task)
    return (parts, try parts.batches(settings, file: path))
  }

  /// All rows of the file of `data` for the model whose file has `metadata`, or the run's own parts.
  static func opened(
    scoring settings: TrainingSettings, _ data: DataSource, _ metadata: [String: String],
    _ labels: SequenceRows.Label, task: String
  ) throws(TaskDataError) -> OpenedRows {
    guard let parts = try scored(settings, data, metadata, labels) else {
      return try opened(settings, data, labels, task: task)
    }
    return (parts, try parts.batches(settings, file: data.path ?? ""))
  }

  typealias OpenedRows = (parts: SequenceParts, batches: ExampleBatches)

  // MARK: The model

  /// The deviation that the words' vectors start with: the words of few texts say little at first.
  private static let wordDeviation: Float = 0.1

  /// The model with the vectors that words start with: their first values made smaller, unless the settings say what they are, or those of
  /// `vectors`.
  static func start(
    _ model: Model, _ settings: TrainingSettings, words: [String], vectors: WordVectors?
  ) -> Model {
    if let embedding = model["embedding"] as? Embedding {
      let first = embedding.weight.value
      var table = (settings.start.setsEmbedding("embedding") ? first : first * wordDeviation).scalars
      for (place, word) in words.enumerated() {
        guard let vectors, let vector = vectors[word] else { continue }
        let start = (place + WordVocabulary.unknown + 1) * vectors.size
        table.replaceSubrange(start..<start + vectors.size, with: vector)
      }
      embedding.weight.assign(Tensor(table, shape: embedding.weight.shape))
    }
    // What words say for themselves counts once training has ended.
    if let words = model["evidence"] as? Embedding { words.weight.assign(.zeros(words.weight.shape)) }
    return model
  }
}
