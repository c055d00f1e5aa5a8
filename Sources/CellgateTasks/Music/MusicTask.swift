import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The next frame of polyphonic tunes of a user's own files: a dense layer on the keys that sound, recurrent layers of any cell, and
/// the logits of the keys, or of the chord, that sound in the next frame.
///
/// The sets of Boulanger-Lewandowski et al. (2012) come with their parts. Of MIDI files shares of the tunes are held out, the same
/// for every seed; of fewer than three tunes the end of each.
public struct MusicTask: GraphTask {
  /// The name `music`; the negative log-likelihood of a frame in nats; and the settings: 256 units, batches of 16
  /// pieces, dropout 0.3, Adam at 5e-3 falling along a cosine, an exponential mean of the weights, at most 60 epochs, early stopping after 6
  /// without improvement. Solved below 1 nat: our choice.
  public static let description = TaskDescription(
    name: "music",
    summary: "predict the next frame of tunes of your own (--data .mat, .mid or a folder of it)",
    options: MusicOptions.all, modelOptions: MusicOptions.ofModel, data: .file, hasEpochs: true,
    metric: nll,
    extraMetrics: [Metric("nll_with_first", better: .lower), Metric("frame_accuracy", better: .higher)],
    solved: SolvedCriterion(nll, 1), defaults: usual, problems: problems,
    parameters: { settings, cell in settings.musicModel(cell: cell, outputs: outputs(settings)) },
    shape: { settings in
      let embedding = settings.whole(MusicOptions.embedding)
      return SequenceShape(
        steps: min(settings.whole(MusicOptions.length), settings.data?["steps"]?.whole ?? .max),
        inputSize: embedding > 0 ? embedding : Chord.piano.count, outputSize: outputs(settings),
        readsEveryStep: true)
    })

  private static let nll = Metric("nll", better: .lower)
  private static let what = "tunes, as MIDI files (.mid), a folder of them or piano-rolls (.mat),"

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 256, batch: 16, epochs: 60)
    settings.dropout = 0.3
    settings.inputDropout = 0.1
    settings.optimizerSettings.learningRate = 0.005
    settings.schedule = ScheduleSettings(name: "cosine")
    settings.averageWeights = .exponential(decay: 0.98)
    settings.clipNorm = 5
    settings.patience = 6
    return settings
  }

  /// What the settings know of the data; the keys before that.
  private static func outputs(_ settings: TrainingSettings) -> Int {
    min(max(1, settings.data?["outputs"]?.whole ?? Chord.piano.count), 1 << 24)
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(
          option: "bidirectional", reason: "a model of music must not see the frames that it has to predict"))
    }
    problems += settings.shareProblems(MusicOptions.validPercent, MusicOptions.testPercent)
    return problems
  }

  /// The settings with the data filled in: path, checksum, the longest tune and the number of outputs.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { throw .noFile(task: name, what: what) }
    var settings = settings
    let (batches, sha256) = try batches(settings, path)
    settings.data = DataReference(
      path: Paths.absolute(path), sha256: sha256,
      facts: [
        "outputs": .whole(batches.encoder.outputs),
        "steps": .whole(batches.training.map(\.frames.count).max() ?? 1),
      ])
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The tunes.
  public let batches: MusicBatches
  /// The negative log-likelihood.
  public let objective: MusicObjective

  /// The task on the tunes that `settings` know, or on those of `data`; throws what is wrong with them, `changed` if they aren't
  /// those that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else { throw .noFile(task: Self.name, what: Self.what) }
    let (batches, sha256) = try Self.batches(settings, path)
    if let known = settings.data?.sha256, sha256 != known {
      throw .changed(file: path, expected: known, found: sha256)
    }
    self.init(settings, batches)
  }

  /// The task to score a model on: all tunes of other files, of files with parts those of the part, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let preprocessing = try? Preprocessing(metadata: metadata),
      let encoder = MusicEncoder(preprocessing),
      try PianoRollFiles.digest(path) != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    let files = try PianoRollFiles(path, step: encoder.music.step)
    let test = files.parts?.test ?? files.tunes
    try Self.check(test, of: path)
    self.init(
      settings,
      MusicBatches(
        encoder: encoder, training: [], validation: files.parts?.validation ?? files.tunes, test: test,
        settings: settings, checksum: nil))
  }

  private init(_ settings: TrainingSettings, _ batches: MusicBatches) {
    (self.settings, self.batches) = (settings, batches)
    objective = MusicObjective(encoder: batches.encoder, remark: Self.remark(batches))
  }

  private static func remark(_ batches: MusicBatches) -> String {
    let test = batches.rolls(.test)
    var text =
      batches.training.isEmpty
      ? "\(test.count) tunes of another file than the run's"
      : "\(test.count) tunes; \(batches.training.count) for training, \(batches.rolls(.validation).count) for validation"
    if batches.encoder.hasChords {
      let frames = test.lazy.flatMap(\.frames)
      let unknown = frames.count { !batches.encoder.knows($0) }
      if unknown > 0 {
        text +=
          "; \(unknown) of \(frames.count) test frames have a chord that the training part has not or too seldom"
      }
    }
    return text
  }

  /// Throws unless tunes have a frame that is predicted from another.
  static func check(_ rolls: [PianoRoll], of path: String) throws(TaskDataError) {
    guard rolls.contains(where: { $0.frames.count > 1 }) else {
      throw .unfit(file: path, reason: "expected tunes of two frames or more, found none")
    }
  }

  /// The parts of the data, with what is learned of the training part, or what a model knows.
  private static func batches(
    _ settings: TrainingSettings, _ path: String
  ) throws(TaskDataError) -> (batches: MusicBatches, sha256: String) {
    let model = settings.sourcePreprocessing.flatMap(MusicEncoder.init)
    let step = settings.real(MusicOptions.step)
    let files = try PianoRollFiles(path, step: model?.music.step ?? (step > 0 ? step : 0.25))
    let parts =
      files.parts
      ?? split(
        files.tunes, validation: settings.whole(MusicOptions.validPercent),
        test: settings.whole(MusicOptions.testPercent))
    for part in [parts.training, parts.validation, parts.test] {
      guard part.contains(where: { $0.frames.count > 1 }) else {
        throw .unfit(
          file: path,
          reason: "expected tunes of two frames or more for training, validation and test, found "
            + "\(files.tunes.count) of \(files.tunes.reduce(0) { $0 + $1.frames.count }) frames")
      }
    }
    let encoder =
      model
      ?? MusicEncoder(
        fitting: parts.training, step: step > 0 ? step : files.parts == nil ? 0.25 : 0.5,
        hasChords: settings.text(MusicOptions.form) == "chords",
        leastCount: settings.whole(MusicOptions.leastCount))
    return (
      MusicBatches(
        encoder: encoder, training: parts.training, validation: parts.validation, test: parts.test,
        // The sets with parts are in one key.
        transposition: settings.taskOptions[MusicOptions.transpose.name]?.whole
          ?? (files.parts == nil ? 5 : 0),
        settings: settings, checksum: "sha256:" + files.sha256), files.sha256
    )
  }

  /// Shares of the tunes, in percent, the same for every seed; of fewer than three tunes of the frames of each: the beginning is for
  /// training, the end for the test.
  static func split(
    _ rolls: [PianoRoll], validation: Int, test: Int
  ) -> (training: [PianoRoll], validation: [PianoRoll], test: [PianoRoll]) {
    func count(_ percent: Int, of all: Int) -> Int {
      min(max((all * percent + 50) / 100, 1), max(0, (all - 1) / 2))
    }
    guard rolls.count < 3 else {
      var order = Array(rolls.indices)
      var stream = RandomStream(seed: 0, name: "music/split")
      stream.shuffle(&order)
      let (held, tested) = (count(validation, of: rolls.count), count(test, of: rolls.count))
      func part(_ places: ArraySlice<Int>) -> [PianoRoll] { places.sorted().map { rolls[$0] } }
      return (
        part(order[(held + tested)...]), part(order[..<held]), part(order[held..<held + tested])
      )
    }
    var parts = (training: [PianoRoll](), validation: [PianoRoll](), test: [PianoRoll]())
    for roll in rolls {
      let frames = roll.frames
      let end = frames.count - count(test, of: frames.count)
      let begin = max(0, end - count(validation, of: frames.count))
      parts.training.append(PianoRoll(name: roll.name, frames: Array(frames[..<begin])))
      parts.validation.append(PianoRoll(name: roll.name, frames: Array(frames[begin..<end])))
      parts.test.append(PianoRoll(name: roll.name, frames: Array(frames[end...])))
    }
    func full(_ rolls: [PianoRoll]) -> [PianoRoll] { rolls.filter { !$0.frames.isEmpty } }
    return (full(parts.training), full(parts.validation), full(parts.test))
  }

  /// What `generate` and `predict` need: the frames' duration, and the chords.
  public var modelMetadata: [String: String] { batches.encoder.preprocessing.metadata }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.musicModel(cell: cell, outputs: batches.encoder.outputs)
  }

  /// The model of the settings. Its first values depend on the seed, and the biases of keys on how often these sound in the training
  /// part: most never do, and it takes many updates to learn that.
  public func makeModel(cell: Cell) -> Model {
    let model = graph(cell: cell)
    if !batches.encoder.hasChords, let head = model.layers.last?.layer as? Dense {
      let frequencies = batches.encoder.music.frequencies
      head.map.bias?.assign(
        Tensor(frequencies.map { Float(log($0 / (1 - $0))) }, shape: [frequencies.count]))
    }
    return model
  }

  /// The better of what is reached without a network: how often keys sound, or how often they go on.
  public var baseline: Baseline {
    MusicBaselines(training: batches.training, test: batches.rolls(.test)).best
  }

  /// The beginning of a test tune with the model's probabilities, and a tune that the model wrote.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    guard count > 0, let roll = batches.rolls(.test).first(where: { $0.frames.count > 1 }) else { return [] }
    let most = 200
    let beginning = PianoRoll(name: roll.name, frames: Array(roll.frames.prefix(most)))
    var samples = [
      PredictionSample.roll(
        .init(
          beginning, probabilities: MusicObjective.probabilities(model, batches.encoder, beginning),
          note: "the probability of each key, from the frames before"))
    ]
    if count > 1, let generator = MusicGenerator(model, batches.encoder) {
      samples.append(
        .roll(
          .init(generator.roll(frames: most, seed: 1), note: "written by the model, temperature 1, seed 1")))
    }
    return samples
  }
}
