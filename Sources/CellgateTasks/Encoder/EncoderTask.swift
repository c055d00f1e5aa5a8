import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Vectors of texts, so that texts that mean the same are near each other: an embedding, recurrent layers of any cell, pooling and a linear map.
///
/// It learns from captions of the same picture, or from pairs of the user's own. A text of a group that was held out is a query, and one of the
/// others of its group must be found among all texts that were held out.
public struct EncoderTask: GraphTask {
  /// The name `encoder`; recall at 1, 5 and 10 and the mean of 1 / rank, and the same of counting words; and the settings: 256 units in both
  /// directions, words of 128 numbers, vectors of 256, the largest outputs over time, dropout 0.2, batches of 128 pairs, Adam at 2e-3 falling along
  /// a cosine, gradients of norm 1 at most, 20 epochs. Solved at a recall at 1 of 50 %: our choice.
  public static let description = TaskDescription(
    name: "encoder",
    summary: "vectors of texts by which those of one meaning are found (--pairs FILE, or captions)",
    options: EncoderOptions.all, modelOptions: EncoderOptions.ofModel, data: .file, hasEpochs: true,
    metric: recall,
    extraMetrics: RetrievalScores.names.dropFirst().map { Metric($0, better: .higher) } + [reciprocalRank]
      + ["bm25", "tfidf"].flatMap { way in
        RetrievalScores.names.map { Metric("\(way)_\($0)", better: .higher, isLogged: false) }
      },
    solved: SolvedCriterion(recall, 0.5), defaults: usual, selection: { _ in reciprocalRank },
    problems: problems,
    parameters: { $0.sentenceModel(cell: $1, symbols: symbols($0)) },
    shape: { settings in
      SequenceShape(
        steps: settings.data?["steps"]?.whole ?? 20, inputSize: settings.whole(EncoderOptions.embedding),
        outputSize: settings.whole(EncoderOptions.dimension), symbols: symbols(settings))
    })

  private static let recall = Metric("recall_at_1", better: .higher)
  private static let reciprocalRank = Metric("reciprocal_rank", better: .higher)

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 256, batch: 128, epochs: 20)
    settings.dropout = 0.2
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule = ScheduleSettings(name: "cosine", warmUpSteps: 50)
    settings.clipNorm = 1
    return settings
  }

  /// As long as the texts aren't known.
  private static func symbols(_ settings: TrainingSettings) -> Int {
    min(max(2, settings.data?["symbols"]?.whole ?? 5000), 1 << 24)
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.microBatches ?? 1 > 1 {
      problems.append(
        .unsupported(
          option: "micro-batches", reason: "the loss compares all texts of a batch with each other"))
    }
    if let lists = settings.list(EncoderOptions.splits), lists.count != 3 {
      problems.append(
        .outOfRange(option: "splits", expected: "three lists, TRAIN,VAL,TEST", found: "\(lists.count)"))
    }
    problems += settings.shareProblems(EncoderOptions.validPercent, EncoderOptions.testPercent)
    return problems
  }

  /// The settings with the data filled in: path, checksum of all files, how many symbols there are, and the longest text's.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    var settings = settings
    let files = try SentenceFiles(settings, data: data)
    settings.data = try files.reference()
    let task = EncoderTask(settings, try files.read(settings), settings.sourcePreprocessing)
    settings.data?["symbols"] = .whole(task.batches.vectorizer.count)
    settings.data?["steps"] = .whole(task.batches.longest)
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The texts.
  public let batches: SentenceBatches
  /// The contrastive loss.
  public let objective: EncoderObjective
  private let preprocessing: Preprocessing

  /// The task on the files that `settings` know, or on those of `data`; throws what is wrong with them, `changed` if they aren't those that the
  /// settings know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let files = try SentenceFiles(settings, data: data)
    let reference = try files.reference()
    if let known = settings.data?.sha256, known != reference.sha256 {
      throw .changed(file: reference.path, expected: known, found: reference.sha256)
    }
    self.init(settings, try files.read(settings), settings.sourcePreprocessing)
    if let symbols = settings.data?["symbols"]?.whole, symbols != batches.vectorizer.count {
      throw .otherSymbols(file: reference.path, expected: symbols, found: batches.vectorizer.count)
    }
  }

  /// The task to score a model on: all texts of another file, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let model = try? Preprocessing(metadata: metadata), model.encodesTexts == true
    else {
      try self.init(settings: settings, data: data)
      return
    }
    var own = settings
    own.data = nil
    for option in [
      EncoderOptions.pairs, EncoderOptions.splits, EncoderOptions.validation, EncoderOptions.test,
    ] {
      own.taskOptions[option.name] = nil
    }
    if Paths.isFolder(path) {
      self.init(settings, try SentenceFiles(own, data: data).read(own), model)
      return
    }
    let groups = try SentenceFiles.scored(path)
    self.init(settings, SentenceFiles.Parts(training: [], validation: groups, test: groups), model)
  }

  private init(_ settings: TrainingSettings, _ parts: SentenceFiles.Parts, _ model: Preprocessing?) {
    self.settings = settings
    var preprocessing = Preprocessing()
    if let model, model.encodesTexts == true {
      preprocessing = model
    } else {
      TextVectorizer.learn(
        parts.training.flatMap { $0 }, settings, given: nil, vectors: nil, into: &preprocessing)
      preprocessing.encodesTexts = true
    }
    self.preprocessing = preprocessing
    guard let vectorizer = TextVectorizer(preprocessing) else {
      fail("EncoderTask: expected words or pieces of texts")
    }
    let batches = SentenceBatches(
      vectorizer: vectorizer, training: parts.training,
      parts: [.validation: SentencePart(parts.validation), .test: SentencePart(parts.test)],
      count: settings.batch, checksum: (settings.data?.sha256).map { "sha256:" + $0 })
    self.batches = batches
    objective = EncoderObjective(
      temperature: Float(settings.real(EncoderOptions.temperature)), counted: batches.counted,
      words: batches.words,
      remarks: parts.remarks)
  }

  /// What `predict` needs to take texts: the words.
  public var modelMetadata: [String: String] { preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.sentenceModel(cell: cell, symbols: batches.vectorizer.count)
  }

  // MARK: What is shown

  /// What counting words finds on the test part: BM25, or the cosine of tf-idf where that is better.
  public var baseline: Baseline {
    let scores = batches.counted(.test)
    let (bm25, cosine) = (scores["bm25_recall_at_1"] ?? .nan, scores["tfidf_recall_at_1"] ?? .nan)
    return cosine > bm25 ? Baseline(cosine, "tf-idf") : Baseline(bm25, "BM25")
  }

  /// The first text of the first test groups, and the text that is nearest to it among all of the test part.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    guard let part = batches.parts[.test] else { return [] }
    let vectors = SentenceEncoder(model, batches.vectorizer).vectors(part.texts)
    var (samples, seen): ([PredictionSample], Int32) = ([], -1)
    for query in part.texts.indices where part.groups[query] != seen && samples.count < count {
      seen = part.groups[query]
      let products = matmul(vectors.sliced(query..<query + 1, axis: 0), vectors, transposeB: true).scalars
      let best = products.indices.filter { $0 != query }.max {
        (products[$0], $1) < (products[$1], $0)
      }
      let own = part.texts.indices.first { $0 != query && part.groups[$0] == seen }
      guard let best, let own else { continue }
      samples.append(
        .neighbour(
          .init(
            text: part.texts[query], expected: part.texts[own], found: part.texts[best],
            similarity: Double(products[best]), isRight: part.groups[best] == seen)))
    }
    return samples
  }
}
