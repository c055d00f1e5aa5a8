import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Classes of texts or series of a user's own file: an embedding of words, or numbers; recurrent layers of any cell; pooling;
/// and a linear head.
///
/// Words, scales, classes and class weights are learned from the training part alone and are part of the model's file. Parts are
/// files of their own, or shares of each class, the same for every seed.
public struct ClassifyTask: SequenceTask {
  /// The name `classify`; accuracy, F1, AUC and the cross-entropy in nats; and the settings: 64 units in both directions, words of
  /// 64 numbers, the largest outputs over time, dropout 0.3, batches of 32, Adam at 2e-3, gradients of norm 1 at most, at most 40
  /// epochs of 25 updates or more, early stopping after 6 without improvement. Solved at an accuracy of 95 %: our choice.
  public static let description = TaskDescription(
    name: "classify",
    summary: "classify texts or series of your own (--data FILE --text COLUMN --label COLUMN)",
    options: ClassifyOptions.all, modelOptions: ClassifyOptions.ofModel, data: .file, hasEpochs: true,
    metric: accuracy,
    extraMetrics: ["macro_f1", "weighted_f1", "auc"].map { Metric($0, better: .higher) }
      + [Metric("log_loss", better: .lower)],
    solved: SolvedCriterion(accuracy, 0.95), defaults: usual, problems: problems,
    parameters: { settings, cell in
      settings.classifier(cell: cell, input: input(settings), classes: classes(settings))
    },
    shape: { settings in
      let symbols: Int? = if case .words(let count) = input(settings) { count } else { nil }
      let width: Int =
        if case .numbers(let own) = input(settings) { own } else { settings.whole(ClassifyOptions.embedding) }
      return SequenceShape(
        steps: settings.data?["steps"]?.whole ?? settings.whole(ClassifyOptions.length), inputSize: width,
        outputSize: classes(settings), symbols: symbols)
    })

  private static let accuracy = Metric("accuracy", better: .higher)

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 64, batch: 32, epochs: 40)
    settings.dropout = 0.3
    settings.optimizerSettings.learningRate = 0.002
    settings.clipNorm = 1
    settings.patience = 6
    return settings
  }

  /// What the settings know of the data; usual sizes before that.
  private static func input(_ settings: TrainingSettings) -> TrainingSettings.SequenceInput {
    if let width = settings.data?["width"]?.whole { return .numbers(width: min(max(1, width), 1 << 24)) }
    return .words(count: min(max(2, settings.data?["symbols"]?.whole ?? 10_000), 1 << 24))
  }

  private static func classes(_ settings: TrainingSettings) -> Int {
    min(max(1, settings.data?["classes"]?.whole ?? 2), 1 << 24)
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    func refuse(_ option: String, _ reason: String) {
      problems.append(.unsupported(option: option, reason: reason))
    }
    if settings.start != .cellgate { refuse("initialization", "classifiers start as their layers do") }
    let (text, features) = (settings.text(ClassifyOptions.text), settings.list(ClassifyOptions.features))
    if text != nil, features != nil { refuse("features", "texts have none: --text or --features") }
    if text != nil || features != nil, settings.text(ClassifyOptions.label) == nil {
      refuse("label", "a table needs --label COLUMN, the column of the class")
    }
    if settings.text(ClassifyOptions.group) != nil, features == nil {
      refuse("group", "steps need --features COLUMNS, the columns of their numbers")
    }
    if settings.text(ClassifyOptions.time) != nil, settings.text(ClassifyOptions.group) == nil {
      refuse("time", "only the rows of a sequence have an order: --group COLUMN")
    }
    let (valid, test) = (
      settings.whole(ClassifyOptions.validPercent), settings.whole(ClassifyOptions.testPercent)
    )
    if valid + test >= 100 {
      problems.append(
        .outOfRange(
          option: "valid-percent", expected: "less than 100 together with test-percent",
          found: "\(valid) and \(test)"))
    }
    return problems
  }

  /// The settings with the data filled in: path, checksum, and how many classes, words or numbers a step there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: name, what: what) }
    var settings = settings
    settings.data = DataReference(
      path: Paths.absolute(path), sha256: try digest(path))
    let batches = try batches(settings, path, model: source(settings))
    let encoder = batches.encoder
    settings.data?["classes"] = .whole(encoder.labels.count)
    settings.data?["steps"] = .whole(batches.training.map(\.steps).max() ?? 1)
    switch encoder.input {
    case .words(let count): settings.data?["symbols"] = .whole(count)
    case .numbers(let width): settings.data?["width"] = .whole(width)
    }
    return settings
  }

  private static let what = "a table or a file of series"

  private static func digest(_ path: String) throws(TaskDataError) -> String {
    do throws(FileError) { return try SHA256.hex(ofFile: path) } catch { throw .file(error) }
  }

  /// What the model knows that training goes on from.
  private static func source(_ settings: TrainingSettings) -> SequenceEncoder? {
    settings.from.flatMap { try? ModelFile.metadata(of: $0.path) }.flatMap {
      try? Preprocessing(metadata: $0)
    }.flatMap(SequenceEncoder.init)
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The examples.
  public let batches: ExampleBatches
  /// The cross-entropy.
  public let objective: ClassifyObjective
  private let texts: [String]

  /// The task on the file that `settings` know, or on that of `data`; throws what is wrong with it, `changed` if it isn't the one
  /// that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else { throw .noFile(task: Self.name, what: what) }
    if let known = settings.data?.sha256 {
      let found = try Self.digest(path)
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    self.init(settings, try Self.batches(settings, path, model: Self.source(settings)), texts: [])
  }

  /// The task to score a model on: all rows of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let source = preprocessing.rows, let encoder = SequenceEncoder(preprocessing),
      try Self.digest(path) != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let rows = try SequenceRows(path, source: source, needsLabels: true)
    if let label = source.label { try Self.check(path, has: label) }
    let batches = ExampleBatches(
      encoder: encoder, training: [], validation: rows.rows.map { encoder($0) },
      test: rows.rows.map { encoder($0) }, count: settings.batch, checksum: nil)
    self.init(settings, batches, texts: rows.rows.compactMap(\.text))
  }

  private init(_ settings: TrainingSettings, _ batches: ExampleBatches, texts: [String]) {
    (self.settings, self.batches, self.texts) = (settings, batches, texts)
    objective = ClassifyObjective(
      labels: batches.encoder.labels,
      weights: settings.text(ClassifyOptions.classWeights) == "balanced"
        ? Self.weights(batches.training, count: batches.encoder.labels.count) : nil)
  }

  /// What makes all classes of the training part count the same, 1 on average.
  private static func weights(_ examples: [SequenceEncoder.Example], count: Int) -> [Float] {
    var sizes = [Int](repeating: 0, count: count)
    for example in examples { sizes[Int(example.label)] += 1 }
    return sizes.map { Float(examples.count) / Float(count * max($0, 1)) }
  }

  private static func check(_ path: String, has column: String) throws(TaskDataError) {
    do throws(TableError) { _ = try DataTable(path).column(column) } catch { throw .table(error) }
  }

  /// The parts of the data, with what is learned of the training part, or what a model knows.
  private static func batches(
    _ settings: TrainingSettings, _ path: String, model: SequenceEncoder?
  ) throws(TaskDataError) -> ExampleBatches {
    var source = Preprocessing.RowSource()
    source.text = settings.text(ClassifyOptions.text)
    source.features = settings.list(ClassifyOptions.features)?.compactMap(\.text)
    source.group = settings.text(ClassifyOptions.group)
    source.time = settings.text(ClassifyOptions.time)
    source.label = settings.text(ClassifyOptions.label)
    if let label = source.label { try check(path, has: label) }
    let data = try SequenceRows(path, source: source, needsLabels: true)
    var files = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> [SequenceRows.Row]? {
      guard let file = settings.text(option) else { return nil }
      if let label = source.label { try check(file, has: label) }
      files.append(try digest(file))
      return try SequenceRows(file, source: data.source, needsLabels: true).rows
    }
    let (validation, test) = (try other(ClassifyOptions.validation), try other(ClassifyOptions.test))
    let parts = split(
      data.rows, validation: validation == nil ? settings.whole(ClassifyOptions.validPercent) : 0,
      test: test == nil ? settings.whole(ClassifyOptions.testPercent) : 0)
    let labels = Set(parts.training.compactMap(\.label))
    let column = source.label ?? "class"
    if labels.count < 2 {
      throw .unfit(
        file: path,
        reason:
          "column '\(quotedName(column))': expected two classes or more, found '\(quotedName(labels.first ?? ""))' alone"
      )
    }
    if labels.count > 20, labels.count * 2 > parts.training.count {
      throw .unfit(
        file: path,
        reason:
          "column '\(quotedName(column))': expected classes, found \(labels.count) different values in \(parts.training.count) rows"
      )
    }
    let chosen = (validation ?? parts.validation, test ?? parts.test)
    if chosen.0.isEmpty || chosen.1.isEmpty {
      throw .unfit(
        file: path,
        reason: "expected rows enough for validation and test, 3 of a class, found \(data.rows.count) in all")
    }
    let encoder = model ?? SequenceEncoder(fitting: parts.training, of: data, settings)
    let training = parts.training.map { encoder($0) }
    if let place = training.firstIndex(where: { $0.label < 0 }) {
      throw .unfit(
        file: path,
        reason:
          "line \(parts.training[place].line): expected a class of the model, found '\(quotedName(parts.training[place].label ?? ""))'"
      )
    }
    return ExampleBatches(
      encoder: encoder, training: training, validation: chosen.0.map { encoder($0) },
      test: chosen.1.map { encoder($0) }, count: settings.batch,
      checksum: "sha256:" + files.joined(separator: ","))
  }

  /// Shares of the rows of each class, in percent, the same for every seed; every class keeps a row for training.
  static func split(
    _ rows: [SequenceRows.Row], validation: Int, test: Int
  ) -> (training: [SequenceRows.Row], validation: [SequenceRows.Row], test: [SequenceRows.Row]) {
    var members: [String: [Int]] = [:]
    for (place, row) in rows.enumerated() { members[row.label ?? "", default: []].append(place) }
    var parts: [[Int]] = [[], [], []]
    var stream = RandomStream(seed: 0, name: "classify/split")
    for label in members.keys.sorted() {
      var own = members[label] ?? []
      stream.shuffle(&own)
      func count(_ percent: Int) -> Int {
        percent == 0 ? 0 : min(max((own.count * percent + 50) / 100, 1), max(0, (own.count - 1) / 2))
      }
      let (held, tested) = (count(validation), count(test))
      parts[1] += own[..<held]
      parts[2] += own[held..<held + tested]
      parts[0] += own[(held + tested)...]
    }
    let sorted = parts.map { $0.sorted().map { rows[$0] } }
    return (sorted[0], sorted[1], sorted[2])
  }

  /// What `predict` needs to take raw rows: words or scales, classes, and where the rows have them.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  private func form(_ cell: Cell) -> ModelDescription {
    settings.classifier(cell: cell, input: batches.encoder.input, classes: batches.encoder.labels.count)
  }

  /// The model of the settings; its first values depend on the seed alone.
  public func makeModel(cell: Cell) -> Model {
    do throws(LayerError) { return try Model(form(cell), seed: settings.seed) } catch {
      fail("ClassifyTask: expected options of a model, found \(error)")
    }
  }

  /// The parameters of that model, without making it.
  public func parameterShapes(_ settings: TrainingSettings, cell: Cell) -> AnySequence<ParameterShape> {
    do throws(LayerError) { return try Model.parameterShapes(form(cell)) } catch {
      fail("ClassifyTask: expected options of a model, found \(error)")
    }
  }

  /// The best of what is reached without a network: the largest class, naive Bayes on words, or the nearest series.
  public var baseline: Baseline { ClassBaselines(batches: batches).best }
}
