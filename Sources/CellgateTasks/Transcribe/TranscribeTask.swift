import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Transcripts of recordings: features of sounds, recurrent layers of any cell, and connectionist temporal classification, which needs
/// no times of the characters.
///
/// Recordings are WAV files of the user's own. Characters and the scales of features are learned from the training part alone and
/// are part of the model's file.
public struct TranscribeTask: GraphTask {
  /// The name `transcribe`; the error rates of characters, words and whole transcripts, the loss of a character in nats and how many
  /// recordings are too short; and the settings: two layers of 128 units in both directions, dropout 0.2, batches of 16, Adam at
  /// 2e-3 along a cosine, gradients of norm 5 at most, 40 epochs. Solved at 5 % of the characters: our choice.
  public static let description = TaskDescription(
    name: "transcribe", summary: "transcribe your own recordings (--data DIR or MANIFEST, WAV files)",
    options: TranscribeOptions.all, modelOptions: TranscribeOptions.ofModel, data: .file, hasEpochs: true,
    metric: characterErrors, extraMetrics: [wordErrors, transcriptErrors, lossMetric, impossible],
    solved: SolvedCriterion(characterErrors, 0.05), defaults: usual, problems: problems,
    parameters: { settings, cell in
      settings.transcriber(cell: cell, inputSize: inputSize(settings), outputs: outputs(settings))
    },
    shape: { settings in
      SequenceShape(
        steps: settings.data?["steps"]?.whole ?? 100, inputSize: inputSize(settings),
        outputSize: outputs(settings), readsEveryStep: true)
    })

  static let characterErrors = Metric("character_error_rate", better: .lower)
  static let wordErrors = Metric("word_error_rate", better: .lower)
  static let transcriptErrors = Metric("transcript_error_rate", better: .lower)
  static let lossMetric = Metric("ctc_loss", better: .lower)
  static let impossible = Metric("impossible", better: .lower)

  private static let what = "recordings, a folder of WAV files or a manifest,"

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 128, batch: 16, epochs: 40)
    settings.layers = 2
    settings.dropout = 0.2
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule.name = "cosine"
    settings.clipNorm = 5
    return settings
  }

  private static func fact(_ settings: TrainingSettings, _ name: String, usual: Int) -> Int {
    min(max(1, settings.data?[name]?.whole ?? usual), 1 << 24)
  }

  private static func outputs(_ settings: TrainingSettings) -> Int {
    fact(settings, "symbols", usual: 28) + 1
  }

  private static func inputSize(_ settings: TrainingSettings) -> Int {
    settings.audioFeatures(rate: fact(settings, "rate", usual: 8000)).width
      * settings.whole(TranscribeOptions.stack)
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    problems += settings.shareProblems(TranscribeOptions.validPercent, TranscribeOptions.testPercent)
    let (window, hop) = (settings.real(TranscribeOptions.window), settings.real(TranscribeOptions.hop))
    if hop > window {
      problems.append(
        .outOfRange(option: "hop", expected: "at most the window, \(window)", found: "\(hop)"))
    }
    let (bands, coefficients) = (
      settings.whole(TranscribeOptions.bands), settings.whole(TranscribeOptions.coefficients)
    )
    if settings.text(TranscribeOptions.audio) == AudioFeatures.Kind.mfcc.rawValue, coefficients > bands {
      problems.append(
        .outOfRange(
          option: "coefficients", expected: "at most as many as bands, \(bands)", found: "\(coefficients)"))
    }
    return problems
  }

  /// The settings with the data filled in: path, checksum, rate, and how many symbols there are.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: name, what: what) }
    var settings = settings
    var reference = DataReference(path: Paths.absolute(path), sha256: try SpeechFiles(path).digest())
    let parts = try SpeechParts(settings, path)
    let model = settings.sourcePreprocessing.flatMap(SpeechEncoder.init)
    let rate: Int
    if let own = model?.speech.features.rate ?? settings.optionalWhole(TranscribeOptions.rate) {
      rate = own
    } else {
      rate = try parts.rate()
    }
    let windows = try parts.longest(settings.audioFeatures(rate: rate))
    reference["rate"] = .whole(rate)
    reference["symbols"] = .whole(model.map { $0.speech.outputs - 1 } ?? parts.symbols)
    reference["steps"] = .whole((windows - 1) / settings.whole(TranscribeOptions.stack) + 1)
    settings.data = reference
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The recordings.
  public let batches: SpeechBatches
  /// The loss of connectionist temporal classification.
  public let objective: TranscribeObjective

  /// The task on the recordings that `settings` know, or on those of `data`; throws what is wrong with them, `changed` if they aren't
  /// those that the settings know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else {
      throw .noFile(task: Self.name, what: Self.what)
    }
    if let known = settings.data?.sha256 {
      let found = try SpeechFiles(path).digest()
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    let parts = try SpeechParts(settings, path)
    let own = settings.data?["rate"]?.whole ?? settings.optionalWhole(TranscribeOptions.rate)
    let rate = if let own { own } else { try parts.rate() }
    self.init(
      settings,
      try parts.batches(
        settings, path, rate: rate, model: settings.sourcePreprocessing.flatMap(SpeechEncoder.init)))
  }

  /// The task to score a model on: the recordings of another folder or manifest, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let encoder = SpeechEncoder(preprocessing),
      try SpeechFiles(path).digest() != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let parts = try SpeechParts(scoring: path)
    self.init(
      settings,
      try parts.batches(settings, path, rate: encoder.speech.features.rate, model: encoder))
  }

  private init(
    _ settings: TrainingSettings, _ data: (batches: SpeechBatches, remarks: [Split: [String]])
  ) {
    (self.settings, batches) = (settings, data.batches)
    objective = TranscribeObjective(encoder: data.batches.encoder, remarks: data.remarks)
  }

  /// What `transcribe` needs to take recordings: features, their scales, and the characters.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    let speech = batches.encoder.speech
    return settings.transcriber(cell: cell, inputSize: speech.width, outputs: speech.outputs)
  }

  // MARK: What is shown

  /// The character error rate of the test recordings where each gets the most frequent training transcript, or none if that is better.
  public var baseline: Baseline {
    var counts: [String: Int] = [:]
    for example in batches.training { counts[example.text, default: 0] += 1 }
    let usual = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
    func errors(_ text: String) -> Double {
      var errors = TranscriptErrors()
      for example in batches.examples(.test) { errors.add(text, reference: example.text) }
      return errors.characterErrorRate
    }
    let (empty, most) = (errors(""), errors(usual))
    return most < empty
      ? Baseline(most, "the most frequent transcript") : Baseline(empty, "empty transcripts")
  }

  /// Test recordings: the mean of the bands over time, the transcript and what the model finds.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let examples = Array(batches.examples(.test).prefix(min(count, 12)))
    guard !examples.isEmpty else { return [] }
    let (batch, width) = (batches.encoder.batch(examples), batches.encoder.speech.features.width)
    let found = batches.encoder.transcripts(model([batch.input], .inference())[0].tensor, batch.lengths)
    return zip(examples, found).map { example, text in
      let loudness = stride(from: 0, to: example.values.count, by: width).map {
        example.values[$0..<$0 + width].reduce(0, +) / Float(width)
      }
      return .labelled(
        .init(name: example.name, series: [loudness], label: example.text, prediction: text))
    }
  }
}
