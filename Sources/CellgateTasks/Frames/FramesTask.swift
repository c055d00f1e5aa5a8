import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The next frames of a video: convolutional layers of any cell (Shi et al. 2015, https://arxiv.org/abs/1506.04214) read some frames, and go on
/// with those that they predict.
///
/// Frames are cut into patches, whose pixels are the channels of a grid on which the maps of the cell are convolutions. Sequences come from
/// an npy file, from folders of pictures or from raw videos; without them digits of MNIST move and bounce.
public struct FramesTask: GraphTask {
  /// The name `frames`; the squared error of a frame, summed over its pixels, that of black frames and of the last frame repeated, the
  /// absolute error and the structural similarity; and the settings: one layer of 64 units, batches of 16, Adam at 2e-3
  /// falling along a cosine, gradients of norm 1 at most, 10 epochs of 100 updates. Solved below 100, our choice.
  public static let description = TaskDescription(
    name: "frames", summary: "predict the next frames of a video (--data FILE or DIR; moving digits without)",
    options: FramesOptions.all, modelOptions: FramesOptions.ofModel, data: .file, hasEpochs: true,
    metric: squaredError, extraMetrics: [absoluteError, similarity, black, lastFrame],
    solved: SolvedCriterion(squaredError, 100), defaults: usual, problems: problems,
    parameters: { settings, cell in source(settings).map { settings.framePredictor(cell: cell, $0) } },
    shape: { settings in
      let depth = source(settings)?.depth ?? 16
      return SequenceShape(
        steps: settings.whole(FramesOptions.given) + settings.whole(FramesOptions.predicted),
        inputSize: depth, outputSize: depth, readsEveryStep: true)
    })

  static let squaredError = Metric("squared_error", better: .lower)
  static let absoluteError = Metric("absolute_error", better: .lower)
  static let similarity = Metric("ssim", better: .higher)
  static let black = Metric("black_squared_error", better: .lower, isLogged: false)
  static let lastFrame = Metric("last_frame_squared_error", better: .lower, isLogged: false)

  private static var usual: TrainingSettings {
    var settings = TrainingSettings(hidden: 64, batch: 16, epochs: 10)
    settings.optimizerSettings.learningRate = 0.002
    settings.schedule.name = CosineSchedule.name
    settings.clipNorm = 1
    return settings
  }

  /// The frames that the settings know; those of moving digits before that, and nil where no patch fits.
  private static func source(_ settings: TrainingSettings) -> Preprocessing.FrameSource? {
    func fact(_ name: String, usual: Int) -> Int {
      min(max(1, settings.data?[name]?.whole ?? usual), 1 << 16)
    }
    // Before the data are known any patch will do.
    let patch = settings.data == nil ? settings.optionalWhole(FramesOptions.patch) : nil
    let usual = patch.map { 64 % $0 == 0 ? 64 : 8 * $0 } ?? 64
    let (height, width) = (fact("height", usual: usual), fact("width", usual: usual))
    return FramesOptions.patch(settings, height: height, width: width).map {
      Preprocessing.FrameSource(
        height: height, width: width, channels: fact("channels", usual: 1), patch: $0,
        given: settings.whole(FramesOptions.given), predicted: settings.whole(FramesOptions.predicted))
    }
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(option: "bidirectional", reason: "frames that follow are not known to those before"))
    }
    if settings.precision != .float32 {
      problems.append(
        .unsupported(option: "precision", reason: "convolutions on a grid are computed in float32"))
    }
    let kernel = settings.whole(FramesOptions.kernel)
    if kernel % 2 == 0 {
      problems.append(.outOfRange(option: "kernel", expected: "an odd number", found: "\(kernel)"))
    }
    if source(settings) == nil, let patch = settings.optionalWhole(FramesOptions.patch) {
      let size = (settings.data?["height"]?.whole ?? 64, settings.data?["width"]?.whole ?? 64)
      problems.append(
        .outOfRange(
          option: "patch", expected: "a side that divides frames of \(size.1) by \(size.0) pixels",
          found: "\(patch)"))
    }
    problems += settings.shareProblems(FramesOptions.validPercent, FramesOptions.testPercent)
    return problems
  }

  /// The settings with the data filled in: path, checksum, and the frames' size. Moving digits need none.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    guard let path = data.path else { return settings }
    var settings = settings
    let frames = try FrameSequences(path: path, axes: FramesParts.axes(settings))
    var reference = DataReference(path: Paths.absolute(path), sha256: try FrameSequences.digest(path))
    (reference["height"], reference["width"]) = (.whole(frames.height), .whole(frames.width))
    reference["channels"] = .whole(frames.channels)
    settings.data = reference
    if FramesOptions.patch(settings, height: frames.height, width: frames.width) == nil {
      throw .unfit(
        file: path,
        reason:
          "expected frames whose sides --patch \(settings.whole(FramesOptions.patch)) divides, found \(frames.width) by \(frames.height) pixels"
      )
    }
    return settings
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// The sequences.
  public let batches: FrameBatches
  /// The loss of the predicted frames.
  public let objective: FramesObjective

  /// The task on the frames that `settings` know, on those of `data`, or on moving digits; throws what is wrong with them, `changed` if
  /// they aren't those that the settings know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    guard let path = data.path ?? settings.data?.path else {
      self.init(settings, try FramesParts(settings, digits: MNIST(folder: data.folder(of: .mnist))))
      return
    }
    if let known = settings.data?.sha256 {
      let found = try FrameSequences.digest(path)
      guard found == known else { throw .changed(file: path, expected: known, found: found) }
    }
    self.init(settings, try FramesParts(settings, path))
  }

  /// The task to score a model on: all sequences of other data, or the run's own parts.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    guard let path = data.path, let source = (try? Preprocessing(metadata: metadata))?.frames, source.isRight,
      try FrameSequences.digest(path) != settings.data?.sha256
    else {
      try self.init(settings: settings, data: data)
      return
    }
    self.init(settings, try FramesParts(settings, scoring: path, source))
  }

  private init(_ settings: TrainingSettings, _ parts: FramesParts) {
    (self.settings, batches) = (settings, parts.batches)
    objective = FramesObjective(
      source: parts.batches.source,
      loss: settings.text(FramesOptions.loss).flatMap(FramesOptions.Loss.init) ?? .crossEntropy,
      reading: Float(settings.real(FramesOptions.reading)), remarks: parts.remarks)
  }

  /// What `predict` needs to take frames: their sizes, and how many go in and come out.
  public var modelMetadata: [String: String] {
    var preprocessing = Preprocessing()
    preprocessing.frames = batches.source
    return preprocessing.metadata
  }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription {
    settings.framePredictor(cell: cell, batches.source)
  }

  /// The model of the description, whose head begins with the mean brightness of the frames.
  public func makeModel(cell: Cell) -> Model {
    let model = graph(cell: cell), mean = batches.meanBrightness
    for (name, parameter) in model.namedParameters() where name == "head.bias" {
      parameter.assign(.full(parameter.shape, Float(CLibrary.log(Double(mean / (1 - mean))))))
    }
    return model
  }

  // MARK: What is shown

  /// The squared error of the test frames where each is black, or is the last one that was given, if that is less.
  public var baseline: Baseline {
    var scores = FrameScores()
    for batch in batches.batches(of: .test) { scores.addBaselines(batch) }
    let (black, last) = (scores.value(Self.black.name), scores.value(Self.lastFrame.name))
    return last < black ? Baseline(last, "the last frame repeated") : Baseline(black, "black frames")
  }

  /// The first test sequences, with the frames that were predicted.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let count = min(count, 4, batches.examples(.test).sequences.count)
    guard count > 0 else { return [] }
    let test = batches.examples(.test), source = batches.source
    let sequences = Array(test.sequences.prefix(count))
    let found = FramesObjective.frames(model, batches.batch(test, sequences), source)
    return sequences.enumerated().map { row, sequence in
      .frames(
        .init(
          width: source.width, channels: source.channels,
          given: (0..<source.given).map { test.frame($0, of: sequence) },
          expected: (0..<source.predicted).map { test.frame(source.given + $0, of: sequence) },
          found: (0..<source.predicted).map { found[$0][row] }))
    }
  }
}
