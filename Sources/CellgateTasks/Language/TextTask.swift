import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The user's own UTF-8 text, gzipped or not, of which the next character, word or piece is predicted. A character is a Unicode
/// scalar; line endings are kept.
///
/// The beginning of the text is trained on, what follows is for validation, and the end for the test. The symbols
/// are those of the model whose weights a run starts from; else those of the training part:
///
/// - Characters, and one symbol more for all characters that only come later. That symbol is never trained, so what it costs
///   says nothing about the model, and the metric, by which the best model and the learning rate are chosen, leaves such
///   characters out; the cross-entropy and the perplexity have them in, and their share is another metric. Runs of earlier
///   versions go on with a metric of all characters.
/// - Words that the training part has often enough (``WordSplitting``), and one symbol for all others, which is trained, as rare words
///   are that symbol in the training part too. The metrics have it in and leave it out as with characters.
/// - Pieces of words that are learned from the training part by byte-pair encoding (``BytePairVocabulary``). Nothing is unknown.
///
/// Bits per character are the bits of all symbols over the characters that these stand for, spaces between words included, so that
/// models of different symbols can be compared; those of words lack what unknown words cost.
public struct TextTask: LanguageModelTask {
  private static let unit = TaskOption.choice(
    "unit", "what is predicted", default: TextTokenizer.Unit.characters.rawValue,
    of: TextTokenizer.Unit.allCases.map(\.rawValue))
  private static let leastCount = TaskOption.whole(
    "least-count", "words that the training part has less often are <unk>", default: 2, in: 1...1_000_000)
  private static let vocabularySize = TaskOption.whole(
    "vocabulary-size", "the most words that are known, <unk> included", default: 50_000, in: 2...1_000_000)
  private static let vectorsFile = TaskOption.file(
    "vectors", "what the embeddings of words start from: a text in GloVe's or word2vec's form")
  private static let pieces = TaskOption.whole(
    "pieces", "how many pieces there are, the 256 bytes included", default: 2000, in: 256...100_000)
  private static let validPercent = TaskOption.whole(
    "valid-percent", "share of the text for validation", default: 5, in: 1...90)
  private static let testPercent = TaskOption.whole(
    "test-percent", "share of the text for the test, at its end", default: 5, in: 1...90)

  /// The name `text`, T, E, tied weights, what the symbols are and the shares of validation and test; bits per character, the
  /// cross-entropy of all symbols in nats, the share of unknown ones and the perplexity; and the settings: 256 units in one layer, T = 150,
  /// batches of 32, Adam at 2e-3 and half of it after each two epochs without improvement, gradients of norm 1 at most, 10
  /// epochs, 5 % each for validation and test. Solved below 2 bits per character. All this is our choice.
  public static let description = TaskDescription.languageModel(
    name: "text", summary: "predict the next character of a text of your own (--data FILE)",
    options: [unit, leastCount, vocabularySize, vectorsFile, pieces, validPercent, testPercent],
    modelOptions: [unit],
    data: .file,
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
    problems += settings.shareProblems(validPercent, testPercent)
    if settings.text(vectorsFile) != nil, symbolUnit(settings) != .words {
      problems.append(.unsupported(option: "vectors", reason: "they are of words, with --unit words"))
    }
    if settings.text(vectorsFile) != nil, settings.from != nil {
      problems.append(.unsupported(option: "vectors", reason: "a model that is trained further has its own"))
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
    let parts = parts(of: file.text, settings)
    var settings = settings
    let model = settings.from.flatMap { try? ModelFile.metadata(of: $0.path) }.flatMap(
      TextTokenizer.init(metadata:))
    // A model that is trained further brings its symbols.
    if let model { settings.taskOptions[unit.name] = .text(model.unit.rawValue) }
    try settings.checkCounts(of: parts, path)
    let tokenizer = model ?? tokenizer(of: parts[0], settings)
    var reference = DataReference(
      path: Paths.absolute(path), sha256: file.sha256,
      facts: ["symbols": .whole(tokenizer.count), "unknownScored": .flag(false)])
    if let model { reference.set(model) }
    if let vectors = try startVectors(of: tokenizer, settings) {
      reference["vectorsChecksum"] = .text(vectors.checksum(of: tokenizer))
    }
    _ = try TextBatches(parts.map { (path, $0) }, tokenizer: tokenizer, settings: settings)
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

  /// The training, validation and test parts.
  private static func parts(
    of text: Substring.UnicodeScalarView, _ settings: TrainingSettings
  ) -> [Substring.UnicodeScalarView] {
    let bounds = bounds(text.count, settings)
    let begin = text.index(text.startIndex, offsetBy: bounds.validation)
    let end = text.index(begin, offsetBy: bounds.test - bounds.validation)
    return [text[..<begin], text[begin..<end], text[end...]]
  }

  private static func symbolUnit(_ settings: TrainingSettings) -> TextTokenizer.Unit {
    settings.text(unit).flatMap(TextTokenizer.Unit.init) ?? .characters
  }

  /// The vectors that the embeddings of words start from; nil where none were given. Throws what is wrong with them.
  private static func startVectors(
    of tokenizer: TextTokenizer, _ settings: TrainingSettings
  ) throws(TaskDataError) -> WordVectors? {
    guard let path = settings.text(vectorsFile), case .words(let vocabulary, _) = tokenizer else {
      return nil
    }
    return try WordVectors(
      contentsOf: path, words: Set(vocabulary.words), size: settings.whole(LanguageModelOptions.embedding))
  }

  /// The symbols of a training part.
  private static func tokenizer(
    of text: Substring.UnicodeScalarView, _ settings: TrainingSettings
  ) -> TextTokenizer {
    switch symbolUnit(settings) {
    case .characters: .characters(Vocabulary(of: text, hasUnknown: true))
    case .words:
      .words(of: text, leastCount: settings.whole(leastCount), most: settings.whole(vocabularySize))
    case .pieces: .pieces(BytePairVocabulary(learning: text, count: settings.whole(pieces)))
    }
  }

  /// What it was made with.
  public let settings: TrainingSettings
  /// The symbols.
  public let batches: TextBatches
  /// What the embeddings of words start from; nil for what other embeddings start from.
  private let vectors: WordVectors?
  /// Whether the test part is a whole text, which isn't the run's own.
  public let scoresWholeText: Bool

  private init(settings: TrainingSettings, batches: TextBatches, scoresWholeText: Bool) {
    self.settings = settings
    self.batches = batches
    vectors = nil
    self.scoresWholeText = scoresWholeText
  }

  /// An embedding, which starts from the vectors that were given, recurrent layers, and logits of the next symbol.
  public func makeModel(cell: Cell) -> LanguageModel {
    let model = LanguageModel(settings: settings, symbols: tokenizer.count, cell: cell)
    if let vectors {
      var table = model.embedding.weight.value.scalars
      for (index, vector) in vectors.rows(of: tokenizer) {
        table.replaceSubrange(index * vectors.size..<(index + 1) * vectors.size, with: vector)
      }
      model.embedding.weight.assign(Tensor(table, shape: model.embedding.weight.shape))
    }
    return model
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
    let parts = Self.parts(of: keepsMark ? file.scalars : file.text, settings)
    try settings.checkCounts(of: parts, path)
    let tokenizer = known?.tokenizer ?? Self.tokenizer(of: parts[0], settings)
    if let symbols = known?["symbols"]?.whole, symbols != tokenizer.count {
      throw .otherSymbols(file: path, expected: symbols, found: tokenizer.count)
    }
    self.settings = settings
    batches = try TextBatches(parts.map { (path, $0) }, tokenizer: tokenizer, settings: settings)
    vectors = try Self.startVectors(of: tokenizer, settings)
    if let vectors, let file = settings.text(Self.vectorsFile), let expected = known?["vectorsChecksum"]?.text
    {
      let found = vectors.checksum(of: tokenizer)
      guard found == expected else {
        throw .unfit(
          file: file,
          reason: "changed since the run began: expected the checksum \(quotedName(expected)), found \(found)"
        )
      }
    }
    scoresWholeText = false
  }

  /// The task on the text in the file of `data`, read with the model's vocabulary when it isn't the text that `settings`
  /// know: then all of it is the test part, unless a `split` is asked for.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let own = settings.data, let tokenizer = TextTokenizer(metadata: metadata),
      tokenizer.takesEveryText, tokenizer.count == own["symbols"]?.whole
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let file = try TextFile(path)
    guard file.sha256 != own.sha256 else {
      try self.init(settings: settings, data: data)
      return
    }
    let text = tokenizer.hasMark ? file.scalars : file.text
    let parts = Self.parts(of: text, settings)
    let part =
      switch split {
      case nil: text
      case .validation: parts[1]
      case .test: parts[2]
      }
    self.init(
      settings: settings,
      batches: try TextBatches(
        scoring: part, of: path, tokenizer: tokenizer,
        steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch),
      scoresWholeText: split == nil)
  }
}

extension TrainingSettings {
  /// Throws `tooShort` for a part that has too few characters; whether it has enough words or pieces is seen later.
  fileprivate func checkCounts(
    of parts: [Substring.UnicodeScalarView], _ file: String
  ) throws(TaskDataError) {
    try checkCounts(parts.map { (file, $0.count) })
  }
}

extension DataReference {
  /// What the symbols are, of a run that goes on from a model; nil of one with symbols of its own.
  fileprivate var tokenizer: TextTokenizer? {
    if let text = self["vocabulary"]?.text {
      return .characters(
        Vocabulary(ordered: text.unicodeScalars, hasUnknown: self["vocabularyUnknown"]?.flag ?? true))
    }
    var metadata: [String: String] = [:]
    for key in TextTokenizer.ownKeys { metadata[key] = self[Self.fact(key)]?.text }
    return TextTokenizer(metadata: metadata)
  }

  /// Notes what the symbols are.
  fileprivate mutating func set(_ tokenizer: TextTokenizer) {
    if case .characters(let vocabulary) = tokenizer {
      self["vocabulary"] = .text(vocabulary.text)
      self["vocabularyUnknown"] = .flag(vocabulary.hasUnknown)
    } else {
      for (key, text) in tokenizer.metadata { self[Self.fact(key)] = .text(text) }
    }
  }

  /// vocabulary_words as vocabularyWords.
  private static func fact(_ key: String) -> String {
    let words = key.split(separator: "_")
    return words.dropFirst().reduce(String(words[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
  }
}

extension WordVectors {
  /// The words that have a vector, by their symbols.
  fileprivate func rows(of tokenizer: TextTokenizer) -> [(index: Int, vector: [Float])] {
    guard case .words(let vocabulary, _) = tokenizer else { return [] }
    return vocabulary.words.enumerated().compactMap { place, word in self[word].map { (place + 1, $0) } }
  }

  /// Differs for other vectors of these words.
  fileprivate func checksum(of tokenizer: TextTokenizer) -> String {
    var checksum = CRC32()
    for (index, vector) in rows(of: tokenizer) {
      checksum.update([Int32(index)])
      checksum.update(vector)
    }
    return "crc32:\(checksum)"
  }
}
