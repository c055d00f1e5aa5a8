import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTraining

/// Characters of the user's own UTF-8 text, gzipped or not: a character is a Unicode scalar, line endings are kept.
///
/// The beginning of the text is trained on, what follows is for validation, and the end for the test. The vocabulary
/// is that of the model whose weights a run starts from; else that of the training part and one symbol more, for all characters that only come later. That symbol is never
/// trained, so what it costs says nothing about the model, and the metric, by which the best model and the learning rate
/// are chosen, leaves such characters out; the cross-entropy, an extra metric, has them in, and their share is another.
/// Runs of earlier versions go on with a metric of all characters.
public struct TextTask: LanguageModelTask {
  private static let validPercent = TaskOption.whole(
    "valid-percent", "share of the text for validation", default: 5, in: 1...90)
  private static let testPercent = TaskOption.whole(
    "test-percent", "share of the text for the test, at its end", default: 5, in: 1...90)

  /// The name `text`, T, E and the shares of validation and test, bits per character, the cross-entropy of all characters
  /// in nats and the share of those that the training part has none of, and the settings: 256 units in one layer, T = 150,
  /// batches of 32, Adam at 2e-3 and half of it after each two epochs without improvement, gradients of norm 1 at most, 10
  /// epochs, 5 % each for validation and test. Solved below 2 bits per character. All this is our choice.
  public static let description = TaskDescription.languageModel(
    name: "text", summary: "predict the next character of a text of your own (--data FILE)",
    options: [validPercent, testPercent], data: .file,
    extraMetrics: [Metric("unknown_share", better: .lower)], solvedBelow: 2, defaults: published,
    problems: problems, symbols: { $0.data?["symbols"]?.whole ?? usualSymbols })

  private static var published: TrainingSettings {
    var settings = TaskDescription.languageModelSettings(hidden: 256, batch: 32, epochs: 10)
    settings.optimizerSettings.learningRate = 0.002
    return settings
  }

  /// As long as the text isn't known.
  private static let usualSymbols = 256
  /// From one symbol to all of Unicode's code points and the symbol for what is unknown.
  static let symbolRange = 1...1_114_113

  /// Something to train on, and a number of symbols that a text can have.
  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    let percent = percents(settings)
    if percent.valid + percent.test >= 100 {
      problems.append(
        .outOfRange(
          option: "valid-percent", expected: "less than 100 together with test-percent",
          found: "\(percent.valid) and \(percent.test)"))
    }
    if let data = settings.data, data["symbols"]?.whole.map(symbolRange.contains) != true {
      problems.append(
        .outOfRange(
          option: "data.symbols", expected: "\(symbolRange.lowerBound) to \(symbolRange.upperBound)",
          found: data["symbols"]?.description ?? "none"))
    }
    return problems
  }

  private static func percents(_ settings: TrainingSettings) -> (valid: Int, test: Int) {
    (settings.whole(validPercent), settings.whole(testPercent))
  }

  /// The settings with the text of `data` filled in: its path, checksum, number of symbols and how it is read; and the
  /// vocabulary, if a model is trained further, so that the run goes on without that model's file.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noText(task: name) }
    let file = try TextFile(path)
    // Valid UTF-8, and yet nobody means it. A run of an earlier version may have been made with it.
    let beginning = file.scalars.prefix(4096).map { UInt8(truncatingIfNeeded: min($0.value, 255)) }
    if let encoding = TextEncoding(unmarked: beginning) {
      throw encoding.error(file: path, offset: 0)
    }
    let parts = try parts(of: file.text, path, settings)
    var settings = settings
    let model = settings.from.flatMap { try? ModelFile.metadata(of: $0.path) }.flatMap(
      Vocabulary.init(metadata:))
    let vocabulary = model ?? Vocabulary(of: parts[0], hasUnknown: true)
    var reference = DataReference(
      path: Paths.absolute(path), sha256: file.sha256,
      facts: ["symbols": .whole(vocabulary.count), "unknownScored": .flag(false)])
    if let model {
      reference["vocabulary"] = .text(model.text)
      reference["vocabularyUnknown"] = .flag(model.hasUnknown)
    }
    if file.hasMark { reference["byteOrderMarkDropped"] = .flag(true) }
    settings.data = reference
    return settings
  }

  /// Where the validation and the test part of so many characters begin.
  private static func bounds(_ count: Int, _ settings: TrainingSettings) -> (validation: Int, test: Int) {
    let percent = percents(settings)
    let end = count - count * percent.test / 100
    return (end - count * percent.valid / 100, end)
  }

  /// The training, validation and test parts, each long enough.
  private static func parts(
    of text: [Unicode.Scalar], _ file: String, _ settings: TrainingSettings
  ) throws(TaskDataError) -> [ArraySlice<Unicode.Scalar>] {
    let (begin, end) = bounds(text.count, settings)
    let parts = [text[..<begin], text[begin..<end], text[end...]]
    try settings.checkCounts(parts.map { (file, $0.count) })
    return parts
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// The characters.
  public let batches: CharacterBatches
  /// Whether the test part is a whole text, which isn't the run's own.
  public let scoresWholeText: Bool

  private init(settings: TrainingSettings, batches: CharacterBatches, scoresWholeText: Bool) {
    self.settings = settings
    self.batches = batches
    self.scoresWholeText = scoresWholeText
  }

  /// The task on the text that `settings` know, or on the file of `data` where one was given; throws what is wrong with
  /// it, `changed` if it isn't the text that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let known = settings.data
    guard let path = data.path ?? known?.path else { throw .noText(task: Self.name) }
    let file = try TextFile(path)
    if let known, known.sha256 != file.sha256 {
      throw .changed(file: path, expected: known.sha256, found: file.sha256)
    }
    let keepsMark = known.map { $0["byteOrderMarkDropped"]?.flag != true } ?? false
    let parts = try Self.parts(of: keepsMark ? file.scalars : file.text, path, settings)
    let vocabulary =
      known?["vocabulary"]?.text.map {
        Vocabulary(ordered: $0.unicodeScalars, hasUnknown: known?["vocabularyUnknown"]?.flag ?? true)
      } ?? Vocabulary(of: parts[0], hasUnknown: true)
    if let symbols = known?["symbols"]?.whole, symbols != vocabulary.count {
      throw .otherSymbols(file: path, expected: symbols, found: vocabulary.count)
    }
    let streams = try CharacterBatches.streams(parts.map { (path, $0) }, vocabulary: vocabulary)
    self.settings = settings
    batches = CharacterBatches(
      vocabulary: vocabulary, training: streams[0], validation: streams[1], test: streams[2],
      steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch)
    scoresWholeText = false
  }

  /// The task on the text in the file of `data`, read with the model's vocabulary when it isn't the text that `settings`
  /// know: then all of it is the test part, unless a `split` is asked for.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let own = settings.data, let vocabulary = Vocabulary(metadata: metadata),
      vocabulary.hasUnknown, vocabulary.count == own["symbols"]?.whole
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let file = try TextFile(path)
    guard file.sha256 != own.sha256 else {
      try self.init(settings: settings, data: data)
      return
    }
    let text = vocabulary.index(of: TextFile.mark) == nil ? file.text : file.scalars
    let (begin, end) = Self.bounds(text.count, settings)
    let part =
      switch split {
      case nil: text[...]
      case .validation: text[begin..<end]
      case .test: text[end...]
      }
    self.init(
      settings: settings,
      batches: try CharacterBatches(
        scoring: Array(part), of: path, vocabulary: vocabulary,
        steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch),
      scoresWholeText: split == nil)
  }
}
