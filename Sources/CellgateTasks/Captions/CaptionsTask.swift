import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Captions of pictures, of what a network has made of them: `show-and-tell`, `show-attend-tell` or `up-down` with any cell.
///
/// Captions and features are files of the user's own, or those of a folder such as Flickr8k's. The model is chosen by CIDEr of
/// its greedy captions of the validation pictures; words and standardisation are part of its file.
public struct CaptionsTask: GraphTask {
  /// The name `captions`; CIDEr-D, BLEU, ROUGE-L and the cross-entropy of a word in nats; and the settings: 512 units, words of
  /// 512 numbers, dropout 0.5, 128 captions of at most 20 words, Adam at 1e-3 × 0.8 after each 3 epochs, gradients of ±0.1 at
  /// most, 12 epochs, as ImageCaptioning.pytorch's FC model but for rate and batch. Solved with a CIDEr of 0.4: our choice.
  public static let description = TaskDescription(
    name: "captions", summary: "describe pictures in words (--captions FILE --features FILE, or --data DIR)",
    options: CaptionOptions.all, modelOptions: CaptionOptions.ofModel, data: .folder, hasEpochs: true,
    metric: cider,
    extraMetrics: (1...4).map { Metric("Bleu_\($0)", better: .higher) }
      + [Metric("ROUGE_L", better: .higher), Metric("cross_entropy", better: .lower)],
    solved: SolvedCriterion(cider, 0.4), defaults: published, problems: problems,
    parameters: { settings, cell in
      let model = settings.captionModel(
        cell: cell, vocabularySize: settings.data?["symbols"]?.whole ?? usualSymbols,
        featureSize: settings.data?["width"]?.whole ?? usualWidth)
      return try? model.description()
    },
    shape: { settings in
      SequenceShape(
        steps: settings.whole(CaptionOptions.mostWords) + 1,
        inputSize: settings.whole(CaptionOptions.embedding),
        outputSize: settings.data?["symbols"]?.whole ?? usualSymbols, readsEveryStep: true,
        symbols: settings.data?["symbols"]?.whole ?? usualSymbols)
    })

  private static let cider = Metric("CIDEr", better: .higher)
  /// As long as the captions and features aren't known.
  private static let usualSymbols = 2538, usualWidth = 1280

  private static var published: TrainingSettings {
    var settings = TrainingSettings(hidden: 512, batch: 128, epochs: 12)
    settings.dropout = 0.5
    settings.optimizerSettings.learningRate = 0.001
    settings.clipValue = 0.1
    settings.schedule.name = "step"
    settings.schedule.factor = 0.8
    // Three epochs of the 30,000 captions of Flickr8k.
    settings.schedule.every = 704
    return settings
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(option: "bidirectional", reason: "a decoder must not see the words that it has to write")
      )
    }
    if settings.inputDropout != nil, settings.embeddingDropout != nil {
      problems.append(
        .unsupported(
          option: "input-dropout", reason: "of captions it drops the same numbers as --embedding-dropout"))
    }
    if let lists = settings.list(CaptionOptions.splits), lists.count != 3 {
      problems.append(
        .outOfRange(option: "splits", expected: "three lists, TRAIN,VAL,TEST", found: "\(lists.count)"))
    }
    if settings.captionObjective == .selfCritical, settings.from == nil {
      problems.append(
        .unsupported(option: "objective", reason: "self-critical training goes on from a model: --from MODEL")
      )
    }
    let model = settings.captionModel(
      cell: settings.definition() ?? .lstm, vocabularySize: usualSymbols, featureSize: usualWidth)
    do throws(LayerError) { _ = try model.description() } catch {
      problems.append(.unsupported(option: "model", reason: "\(error)"))
    }
    return problems
  }

  /// The settings with the files filled in: where they are, the captions' checksum, the number of words and the features' width.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    let files = try CaptionFiles(settings, data: data)
    var settings = settings
    var reference = files.reference(sha256: try SHA256.hex(ofTaskFile: files.captions))
    let opened = try files.open()
    let vocabulary = try vocabulary(settings, of: opened.set)
    reference["symbols"] = .whole(vocabulary.count)
    reference["width"] = .whole(opened.features.width)
    if opened.features.hasRegions != settings.captionForm.seesRegions {
      throw .captions(
        .featureShape(
          file: files.features, name: nil,
          expected: settings.captionForm.seesRegions
            ? "regions of each picture, [R, D], for \(settings.captionForm.rawValue)"
            : "a vector of each picture, [D], for \(settings.captionForm.rawValue)",
          found: [opened.features.count, opened.features.regions, opened.features.width].compactMap { $0 }))
    }
    settings.data = reference
    return settings
  }

  /// The vocabulary of a model that is trained further, else that of the training captions.
  private static func vocabulary(
    _ settings: TrainingSettings, of set: CaptionSet
  ) throws(TaskDataError) -> CaptionVocabulary {
    if let own = settings.sourcePreprocessing?.captions { return own }
    let pictures: [Int]
    do throws(CaptionDataError) { pictures = try set.usable(.train) } catch { throw TaskDataError(error) }
    return CaptionVocabulary(
      of: pictures.lazy.flatMap { set.pictures[$0].captions },
      minimum: settings.whole(CaptionOptions.leastCount),
      length: settings.whole(CaptionOptions.mostWords))
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The captions.
  public let batches: CaptionBatches
  /// The words' cross-entropy, or a reward.
  public let objective: CaptionObjective
  /// The pictures with their captions as they were written.
  public let set: CaptionSet
  private let scaler: Scaler?

  /// The task, with the files that `settings` know or, where a folder is given, those in it; throws what is wrong with them,
  /// `changed` if the captions aren't those that the settings know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    try self.init(settings: settings, data: data, model: nil)
  }

  /// The task to score a model on, with its words and its standardisation: on its own data, or on the pictures of `data`.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    var settings = settings
    // Another folder has other files; what the options named was the run's.
    if data.path != nil {
      settings.data = nil
      for option in [
        CaptionOptions.captions, CaptionOptions.splits, CaptionOptions.features, CaptionOptions.featureScale,
        CaptionOptions.featureNames,
      ] { settings.taskOptions[option.name] = nil }
    }
    try self.init(settings: settings, data: data, model: try? Preprocessing(metadata: metadata))
  }

  /// With the words and the standardisation of `model`, or those of the training pictures.
  private init(
    settings: TrainingSettings, data: DataSource, model: Preprocessing?
  ) throws(TaskDataError) {
    let known = data.path == nil ? settings.data.flatMap(CaptionFiles.init) : nil
    let files = if let known { known } else { try CaptionFiles(settings, data: data) }
    if let reference = settings.data {
      let found = try SHA256.hex(ofTaskFile: files.captions)
      guard found == reference.sha256 else {
        throw .changed(file: files.captions, expected: reference.sha256, found: found)
      }
    }
    var opened = try files.open()
    let vocabulary =
      if let own = model?.captions { own } else { try Self.vocabulary(settings, of: opened.set) }
    if let symbols = settings.data?["symbols"]?.whole, symbols != vocabulary.count {
      throw .otherSymbols(file: files.captions, expected: symbols, found: vocabulary.count)
    }
    if let width = settings.data?["width"]?.whole, width != opened.features.width {
      throw .captions(
        .featureWidth(file: files.features, name: nil, expected: width, found: opened.features.width))
    }
    do throws(CaptionDataError) {
      let (set, features) = (opened.set, opened.features)
      func examples(_ split: CaptionSet.Split) throws(CaptionDataError) -> [CaptionBatches.Example] {
        let pictures = try set.usable(split)
        return zip(pictures, try features.places(of: set, pictures)).flatMap { picture, row in
          set.pictures[picture].captions.map { caption in
            let words = vocabulary.encode(caption).dropFirst().dropLast().map { Int32($0) }
            return CaptionBatches.Example(picture: picture, row: row, words: words)
          }
        }
      }
      let training = try examples(.train)
      if settings.text(CaptionOptions.standardize) == "yes" {
        // A model's own scaler was fitted to its own training pictures.
        var rows: [Int] = []
        for example in training where rows.last != example.row { rows.append(example.row) }
        opened.features.scaler =
          if let own = model?.inputScaler { own } else { try features.scaler(fitting: rows) }
      }
      let (validation, test) = (try examples(.validation), try examples(.test))
      batches = CaptionBatches(
        vocabulary: vocabulary, training: training, validation: validation, test: test, settings: settings,
        checksum: "sha256:\(settings.data?.sha256 ?? ""), features \(features.count) × \(features.width)")
      let tokenizer = PTBTokenizer()
      var references: [Int: [String]] = [:]
      for picture in Swift.Set((validation + test).map(\.picture)) {
        references[picture] = tokenizer.tokenize(set.pictures[picture].captions)
      }
      var loss = DecodingModel.LossOptions()
      loss.labelSmoothing = Float(settings.real(CaptionOptions.labelSmoothing))
      loss.attentionPenalty = Float(settings.real(CaptionOptions.attentionPenalty))
      objective = CaptionObjective(
        features: opened.features, vocabulary: vocabulary, loss: loss,
        reward: settings.captionObjective == .selfCritical
          ? CaptionReward(training.map { ($0.picture, $0.words) }) : nil,
        references: references)
    } catch { throw TaskDataError(error) }
    self.settings = settings
    set = opened.set
    scaler = opened.features.scaler
  }

  /// The words and the standardisation.
  public var modelMetadata: [String: String] {
    var preprocessing = Preprocessing()
    preprocessing.captions = batches.vocabulary
    preprocessing.inputScaler = scaler
    return preprocessing.metadata
  }

  /// The pictures and captions that are trained on, where their features are, and about how much memory training takes.
  public var dataSummary: String? {
    let features = objective.features, held = Double(features.bytesInMemory)
    let pictures = Swift.Set(batches.training.map(\.row)).count
    let shape = (features.regions.map { [$0] } ?? []) + [features.width]
    let size = shape.map { "\($0)" }.joined(separator: " × ")
    let place =
      held > 0 ? "held in memory, \(SettingsError.size(held))" : "read from the disk as they are needed"
    let cell = settings.definition() ?? .lstm
    let needed = MemoryEstimate(settings, cell: cell, shape: Self.description.shape(settings)).bytes + held
    return
      "\(pictures) pictures and \(batches.training.count) captions to train on; features, \(size) numbers a picture, "
      + "\(place); about \(SettingsError.size(needed)) of memory for features and updates"
  }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) throws(LayerError) -> ModelDescription {
    try settings.captionModel(
      cell: cell, vocabularySize: batches.vocabulary.count, featureSize: objective.features.width
    ).description()
  }

  // MARK: Scores

  /// What captions by beam search score on a part of the pictures; nil where `shouldStop` was true before that was known. METEOR
  /// is left out without its data. Throws `TaskDataError` for features that can't be read, or `MeteorError`.
  public func scores(
    _ writer: CaptionWriter, on split: Split, search: BeamSearch, meteor: Meteor? = nil,
    onProgress: (Int) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws -> CaptionScores? {
    let all = Array(batches.batches(of: split))
    let captions = try writer.captions(
      of: objective.features, rows: all.flatMap(\.rows), search: search, onProgress: onProgress,
      shouldStop: shouldStop)
    return try captions.map { found in
      try objective.scores(found.map { $0.first?.text ?? "" }, of: all.flatMap(\.pictures), meteor: meteor)
    }
  }

  // MARK: What is shown

  /// The CIDEr of the test pictures where each gets the caption that is written most often.
  public var baseline: Baseline {
    var counts: [[Int32]: Int] = [:]
    for example in batches.training { counts[example.words, default: 0] += 1 }
    let usual = counts.max { ($0.value, $1.key.count, "\($1.key)") < ($1.value, $0.key.count, "\($0.key)") }
    let caption = batches.vocabulary.decode((usual?.key ?? []).lazy.map(Int.init))
    let pictures = batches.batches(of: .test).flatMap(\.pictures)
    let scores = objective.scores(pictures.map { _ in caption }, of: pictures)
    return Baseline(scores.cider, "the most frequent caption")
  }

  /// Test pictures with what people and the model write of them.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    guard let batch = batches.batches(of: .test).first(where: { _ in true }), count > 0 else { return [] }
    let shown = Array(batch.rows.prefix(min(count, 12)))
    let decoding = CaptionObjective.decoding(model)
    guard let subject = try? CaptionObjective.subject(shown, objective.features) else { return [] }
    let (begin, rules) = (Int32(CaptionVocabulary.begin), DecodingRules.captions(batches.vocabulary))
    let captions = decoding.decoder([subject]).beamSearch(
      after: begin, rules: rules, search: BeamSearch(width: 5, lengthPower: 1)
    ).map { $0[0].tokens }
    let weights = decoding.attention(captions, about: [subject], start: begin)
    return captions.indices.map { index in
      let picture = set.pictures[batch.pictures[index]]
      let words = captions[index].map { batches.vocabulary.word(Int($0)) ?? "" }
      return .caption(
        .init(
          picture: picture.name ?? picture.id, references: picture.captions, words: words,
          attention: weights.map { $0[index].rowValues }))
    }
  }
}
