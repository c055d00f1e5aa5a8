import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Translation of sentences in a user's own files: an encoder of any cell in both directions, and a decoder of the cell with
/// attention.
///
/// Symbols are learned of the training part alone and are part of the model's file. Parts are files of their own, or shares of the
/// pairs, the same for every seed. The model is chosen by BLEU of its greedy translations of the validation sentences.
public struct TranslateTask: GraphTask {
  /// The name `translate`; BLEU and chrF as sacreBLEU computes them and the cross-entropy of a symbol in nats; and the settings: 256
  /// units, pieces of words, additive attention, dropout 0.3, label smoothing 0.1, at most 128 pairs and 2,000 symbols in a batch, Adam at 2e-3 along
  /// a cosine, gradients of norm 1 at most, 10 epochs. Solved at a BLEU of 28: our choice.
  public static let description = TaskDescription(
    name: "translate", summary: "translate your own sentences (--source FILE --target FILE, a line each)",
    options: TranslateOptions.all, modelOptions: TranslateOptions.ofModel, data: .file, hasEpochs: true,
    metric: bleu,
    extraMetrics: [Metric("chrF", better: .higher), Metric("cross_entropy", better: .lower)],
    solved: SolvedCriterion(bleu, 28), defaults: usual, problems: problems,
    parameters: { settings, cell in
      let sizes = sizes(settings)
      return try? settings.translationModel(cell: cell, sourceSize: sizes.source, targetSize: sizes.target)
        .description()
    },
    shape: { settings in
      SequenceShape(
        steps: settings.data?["steps"]?.whole ?? settings.whole(TranslateOptions.length) + 1,
        inputSize: settings.optionalWhole(TranslateOptions.embedding) ?? settings.hidden,
        outputSize: sizes(settings).target, readsEveryStep: true, symbols: sizes(settings).source)
    })

  private static let bleu = Metric("BLEU", better: .higher)

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 256, batch: 128, epochs: 10)
    settings.dropout = 0.3
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule.name = "cosine"
    settings.clipNorm = 1
    return settings
  }

  /// What the settings know of the data; the most symbols before that.
  private static func sizes(_ settings: TrainingSettings) -> (source: Int, target: Int) {
    func size(_ name: String) -> Int {
      min(max(1, settings.data?[name]?.whole ?? settings.whole(TranslateOptions.symbols)), 1 << 24)
    }
    return (size("sourceSymbols"), size("targetSymbols"))
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(
          option: "bidirectional",
          reason: "the encoder has both directions, and a decoder must not see what it has to write"))
    }
    for (one, other) in [
      (TranslateOptions.source, TranslateOptions.target),
      (TranslateOptions.validSource, TranslateOptions.validTarget),
      (TranslateOptions.testSource, TranslateOptions.testTarget),
    ] {
      for (given, missing) in [(one, other), (other, one)]
      where settings.text(given) != nil && settings.text(missing) == nil {
        problems.append(
          .outOfRange(option: missing.name, expected: "a file beside --\(given.name)", found: "none"))
      }
    }
    problems += settings.shareProblems(TranslateOptions.validPercent, TranslateOptions.testPercent)
    let sizes = sizes(settings)
    let model = settings.translationModel(
      cell: settings.definition() ?? .lstm, sourceSize: sizes.source, targetSize: sizes.target)
    do throws(LayerError) { _ = try model.description() } catch {
      problems.append(.unsupported(option: "model", reason: "\(error)"))
    }
    return problems
  }

  /// The settings with the data filled in: path, checksum of all files, and how many symbols there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    var settings = settings
    if let path = data.path, settings.text(TranslateOptions.source) != nil {
      throw .unfit(file: path, reason: "expected either --data or --source and --target, found both")
    }
    let (path, sha256) = try TranslationParts.reference(settings, data: data.path)
    settings.data = DataReference(path: Paths.absolute(path), sha256: sha256)
    if data.path != nil { settings.data?["pairs"] = .flag(true) }
    let parts = try TranslationParts(
      settings, data: data.path, model: settings.sourcePreprocessing?.translation)
    settings.data?["sourceSymbols"] = .whole(parts.symbols.source.count)
    settings.data?["targetSymbols"] = .whole(parts.symbols.target.count)
    settings.data?["steps"] = .whole((parts.training.lengths.max() ?? 0) + 1)
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The sentences.
  public let batches: TranslationBatches
  /// The symbols' cross-entropy.
  public let objective: TranslationObjective

  /// The task on the files that `settings` know, or on the pairs in that of `data`; throws what is wrong with them, `changed` if
  /// they aren't those that the settings know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let own = settings.data?["pairs"]?.flag == true ? settings.data?.path : nil
    let path = data.path ?? own
    let (file, found) = try TranslationParts.reference(settings, data: path)
    if let known = settings.data?.sha256, found != known {
      throw .changed(file: file, expected: known, found: found)
    }
    let parts = try TranslationParts(settings, data: path, model: settings.sourcePreprocessing?.translation)
    for (side, known) in [(parts.symbols.source, "sourceSymbols"), (parts.symbols.target, "targetSymbols")] {
      if let symbols = settings.data?[known]?.whole, symbols != side.count {
        throw .otherSymbols(file: file, expected: symbols, found: side.count)
      }
    }
    self.init(settings, parts, checksum: "sha256:" + found)
  }

  /// The task to score a model on: all pairs of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let symbols = (try? Preprocessing(metadata: metadata))?.translation,
      try TranslationParts.reference(settings, data: path).sha256 != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    self.init(settings, try TranslationParts(scoring: path, symbols), checksum: nil)
  }

  private init(_ settings: TrainingSettings, _ parts: TranslationParts, checksum: String?) {
    self.settings = settings
    batches = TranslationBatches(parts, settings: settings, checksum: checksum)
    var loss = DecodingModel.LossOptions()
    loss.labelSmoothing = Float(settings.real(TranslateOptions.labelSmoothing))
    objective = TranslationObjective(
      symbols: parts.symbols, loss: loss, search: settings.translationSearch, sentences: batches.sentences,
      remarks: parts.remarks)
  }

  /// The symbols of both sides.
  public var modelMetadata: [String: String] {
    var preprocessing = Preprocessing()
    preprocessing.translation = batches.symbols
    return preprocessing.metadata
  }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) throws(LayerError) -> ModelDescription {
    try settings.translationModel(
      cell: cell, sourceSize: batches.symbols.source.count, targetSize: batches.symbols.target.count
    ).description()
  }

  // MARK: Scores

  /// How test sentences are searched.
  public var search: BeamSearch { objective.search }

  /// What translations by a search score on a part of the sentences; nil where `shouldStop` was true before that was known.
  public func scores(
    _ translator: Translator, on split: Split, search: BeamSearch, shouldStop: () -> Bool = { false }
  ) -> TranslationMetrics? {
    guard let own = batches.sentences[split],
      let found = translator.translations(of: own.source, search: search, shouldStop: shouldStop)
    else { return nil }
    return objective.scores(found.map { $0.first?.text ?? "" }, own.target.map { [$0] })
  }

  // MARK: What is shown

  /// The BLEU of the test sentences as they are.
  public var baseline: Baseline {
    let test = batches.sentences[.test]
    let scores = objective.scores(test?.source ?? [], test?.target.map { [$0] } ?? [])
    return Baseline(scores.bleu, "the sentences as they are")
  }

  /// Test sentences with their translations, and what was looked at.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    guard let test = batches.sentences[.test] else { return [] }
    let shown = test.part(0..<min(count, test.count, 12))
    let translator = TranslationObjective.translator(model, batches.symbols)
    let found = translator.translations(of: shown.source, search: search) ?? []
    let best = found.map { $0.first ?? Translator.Translation() }
    return zip(best, translator.alignments(of: shown.source, best)).enumerated().map { place, found in
      .translation(
        .init(
          source: shown.source[place], reference: shown.target[place], text: found.0.text,
          alignment: found.1))
    }
  }
}
