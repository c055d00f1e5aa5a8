import CellgateBasics
import CellgateCells
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Forecasts of series in a table of the user's own: `SegmentForecaster` with any cell, which corrects a naive
/// forecast; a mean and the quantiles 0.1, 0.5 and 0.9 of each step, or a distribution.
///
/// Each target of each series is a series of its own to the model. Scales are those of the training part alone, and part of the model's
/// file.
public struct ForecastTask: GraphTask {
  /// The name `forecast`; the mean squared error in scaled units, other scores, and skill against naive forecasts; and the settings: 128
  /// units, 256 windows, dropout 0.3, Adam at 1e-3 that falls to 0, 40 epochs of 40 to 100 updates at most, early stopping after 6 without
  /// improvement. Solved where the skill against the seasonal forecast is not negative: our choice.
  public static let description = TaskDescription(
    name: "forecast",
    summary: "forecast series of your own (--data FILE --time COLUMN --target COLUMN --horizon N)",
    options: ForecastOptions.all, data: .file, hasEpochs: true, metric: mse,
    extraMetrics: ForecastScores.names.map { name in
      Metric(name, better: name.hasPrefix("skill") || name.hasPrefix("coverage") ? .higher : .lower)
    },
    solved: SolvedCriterion(Metric("skill_seasonal", better: .higher), 0), defaults: published,
    problems: problems, parameters: { $0.forecastModel($1) },
    shape: { settings in
      let window = settings.data?["window"]?.whole ?? settings.whole(ForecastOptions.window)
      let segment = settings.data?["segment"]?.whole ?? 24
      return SequenceShape(
        steps: max(1, (window == 0 ? 336 : window) / max(1, segment)), inputSize: settings.hidden,
        outputSize: settings.forecastOutput.count)
    })

  private static let mse = Metric("mse", better: .lower)

  private static var published: TrainingSettings {
    var settings = TrainingSettings(hidden: 128, batch: 256, epochs: 40)
    settings.dropout = 0.3
    settings.clipNorm = 1
    settings.optimizerSettings.learningRate = 0.001
    settings.schedule.name = "cosine"
    settings.patience = 6
    return settings
  }

  @Sendable private static func problems(_ settings: TrainingSettings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.bidirectional {
      problems.append(
        .unsupported(
          option: "bidirectional", reason: "a forecast goes on from the last state of one direction")
      )
    }
    if settings.inputDropout ?? 0 > 0 {
      problems.append(
        .unsupported(
          option: "input-dropout", reason: "a forecaster reads segments of a window; --dropout drops outputs")
      )
    }
    if settings.from != nil {
      problems.append(
        .unsupported(option: "from", reason: "a forecaster is trained on the series that it was made for"))
    }
    if settings.list(ForecastOptions.target) != nil, settings.list(ForecastOptions.targets) != nil {
      problems.append(
        .unsupported(option: "targets", reason: "expected only one of --target and --targets"))
    }
    if let parts = settings.list(ForecastOptions.split)?.compactMap(\.real), !isSplit(parts) {
      problems.append(
        .outOfRange(
          option: "split",
          expected: "three numbers of rows, or three shares that sum to 1 at most, TRAIN,VALIDATION,TEST",
          found: parts.map { "\($0)" }.joined(separator: ",")))
    }
    if settings.data != nil {
      // What config.json says of the table.
      let problem = settings.forecasterOptions(RecurrentOptions(cell: .lstm, units: 1)).problem
      if let problem {
        problems.append(.outOfRange(option: "data", expected: "sizes of a table's series", found: problem))
      }
    }
    let (window, segment) = (settings.whole(ForecastOptions.window), settings.whole(ForecastOptions.segment))
    if window > 0, segment > 0, window % segment != 0 {
      problems.append(
        .outOfRange(option: "window", expected: "a multiple of the segment, \(segment)", found: "\(window)"))
    }
    return problems
  }

  private static func isSplit(_ parts: [Double]) -> Bool {
    guard parts.count == 3, parts.allSatisfy({ $0 > 0 }) else { return false }
    return parts.reduce(0, +) <= 1 + 1e-9 || parts.allSatisfy { $0 >= 1 && $0.rounded() == $0 }
  }

  /// The settings with the table filled in: where it is, its checksum, how many series, and the sizes that follow.
  public static func prepared(
    _ settings: TrainingSettings, data: DataSource
  ) throws(TaskDataError) -> TrainingSettings {
    var settings = settings
    let path = try Self.path(settings, data)
    let sha256 = try SHA256.hex(ofTaskFile: path)
    settings.data = nil
    let read = try ForecastPlan(settings, path: path)
    let known = read.preprocessing.columns
    let categories = (read.preprocessing.categories ?? []).map { OptionValue.whole($0.count) }
    let covariates = known.categoricalCovariates.count
    let own = read.preprocessing
    var facts: [String: OptionValue] = [
      "series": .whole(own.scales.count), "features": .whole(own.features), "known": .whole(own.known),
      "window": .whole(own.window), "segment": .whole(read.segment), "season": .whole(own.season),
      "seasons": .whole(read.linear.seasons), "seasonRead": .whole(read.linear.season),
      "base": .text(own.base.rawValue), "pathLags": .whole(min(own.horizon - 1, PathCorrelation.mostLags)),
    ]
    if covariates > 0 { facts["pastCategories"] = .list(Array(categories[..<covariates])) }
    if covariates < categories.count { facts["staticCategories"] = .list(Array(categories[covariates...])) }
    if !known.categoricalFuture.isEmpty { facts["futureCategories"] = .whole(known.categoricalFuture.count) }
    if !known.numericStatics.isEmpty { facts["statics"] = .whole(known.numericStatics.count) }
    settings.data = DataReference(path: Paths.absolute(path), sha256: sha256, facts: facts)
    return settings
  }

  private static func path(
    _ settings: TrainingSettings, _ data: DataSource
  ) throws(TaskDataError) -> String {
    guard let path = data.path ?? settings.data?.path else {
      throw .noFile(task: "forecast", what: "a table")
    }
    if Paths.isFolder(path) { throw .folder(path: path) }
    return path
  }

  // MARK: The data

  /// What it was made with.
  public let settings: TrainingSettings
  /// Windows of the series.
  public let batches: ForecastBatches
  /// The squared error and the pinball loss, or a likelihood.
  public let objective: ForecastObjective
  let data: ForecastData
  /// Whether all of the table is test data: that of another table than the run's own.
  public let scoresWholeTable: Bool

  /// The task with the table that `settings` know; throws what is wrong with it, `changed` if it isn't the one that they know.
  public init(settings: TrainingSettings, data: DataSource) throws(TaskDataError) {
    let path = try Self.path(settings, data)
    if let reference = settings.data {
      let found = try SHA256.hex(ofTaskFile: path)
      guard found == reference.sha256 else {
        throw .changed(file: path, expected: reference.sha256, found: found)
      }
    }
    let plan = try ForecastPlan(settings, path: path)
    try self.init(
      settings, ForecastData(plan.table, plan.preprocessing, parts: plan.parts), scoresWholeTable: false)
  }

  /// The task to score a model on, with its scales: on its own data, or on the series of another table, all of which is test data unless
  /// a part is asked for.
  public init(
    scoring settings: TrainingSettings, data: DataSource, metadata: [String: String], split: Split?
  ) throws(TaskDataError) {
    let path = try Self.path(settings, data)
    guard let own = (try? Preprocessing(metadata: metadata))?.series else {
      try self.init(settings: settings, data: data)
      return
    }
    let table = try SeriesTable(path, columns: own.columns, step: own.step)
    if own.output == .negativeBinomial { try table.requireCounts() }
    let digest = try SHA256.hex(ofTaskFile: path)
    let isWhole = split == nil && digest != settings.data?.sha256
    let parts =
      isWhole
      ? table.series.map { (training: 0..<0, validation: 0..<0, test: 0..<$0.count) }
      : try ForecastPlan.parts(table, settings, horizon: own.horizon)
    try self.init(settings, ForecastData(table, own, parts: parts), scoresWholeTable: isWhole)
  }

  private init(
    _ settings: TrainingSettings, _ data: ForecastData, scoresWholeTable: Bool
  ) throws(TaskDataError) {
    (self.settings, self.data, self.scoresWholeTable) = (settings, data, scoresWholeTable)
    batches = ForecastBatches(
      data, batch: settings.batch, checksum: settings.data.map { "sha256:\($0.sha256)" })
    objective = ForecastObjective(data: data)
    guard !batches.windows(.test).isEmpty else {
      throw .series(
        SeriesError(
          data.table.file,
          expected: "\(data.preprocessing.horizon) steps or more with values in the test part, the horizon",
          found: "\(data.channels.map(\.test.count).max() ?? 0)"))
    }
  }

  /// The columns, the step, the scales.
  public var modelMetadata: [String: String] {
    var preprocessing = Preprocessing()
    preprocessing.series = data.preprocessing
    return preprocessing.metadata
  }

  // MARK: The model

  /// The model of the settings for a cell.
  public func description(cell: Cell) -> ModelDescription { settings.forecastModel(cell) }

  /// Finds how the residuals of a forecast's steps go together, on 1,024 windows of the validation part at most: what paths are drawn by.
  public func finish(_ model: Model, context: ForwardContext) -> Bool {
    guard let buffer = model.segmentForecaster?.pathCorrelation else { return false }
    let windows = batches.windows(.validation)
    let chosen = stride(from: 0, to: windows.count, by: (windows.count - 1) / 1024 + 1).map { windows[$0] }
    var sums = PathCorrelation(lags: buffer.value.count)
    for start in stride(from: 0, to: chosen.count, by: ForecastBatches.evaluated) {
      if context.shouldStop { return false }
      let batch = data.batch(chosen[start..<min(start + ForecastBatches.evaluated, chosen.count)])
      let found = objective.forecast(model, batch, context: context)
      for column in 0..<batch.count {
        sums.add(
          (0..<batch.horizon).map { step in
            let at = step * batch.count + column
            return batch.weights[at] == 0 ? nil : found.score(at, of: batch.targets[at])
          })
      }
    }
    buffer.assign(Tensor(sums.partial))
    return true
  }

  // MARK: What is shown

  /// The mean squared error of the test windows where each step is what it was a season before, or the last value without a season.
  public var baseline: Baseline {
    var scores = ForecastScores()
    for batch in batches.batches(of: .test) {
      scores.add(
        ForecastValues(
          mean: batch.seasonal, lower: batch.seasonal, median: batch.seasonal, upper: batch.seasonal),
        batch, data)
    }
    let season = data.preprocessing.season
    return season > 1
      ? Baseline(scores.naive.seasonal, "what was \(season) steps before")
      : Baseline(scores.naive.persistence, "the last value")
  }

  /// Test windows of different series and times with their forecasts.
  public func samples(_ model: Model, count: Int) -> [PredictionSample] {
    let windows = batches.windows(.test)
    let shown = min(count, 6, windows.count)
    guard shown > 0 else { return [] }
    // Windows of a series follow on one another.
    let chosen = (0..<shown).map { windows[(2 * $0 + 1) * windows.count / (2 * shown)] }
    let batch = data.batch(chosen[...])
    let found = objective.forecast(model, batch, context: .inference())
    return chosen.enumerated().map { column, window in
      let channel = data.channels[Int(window.channel)]
      let series = data.table.series[channel.series]
      let origin = Int(window.origin)
      func original(_ values: [Float]) -> [Double] {
        (0..<batch.horizon).map { step in
          let at = step * batch.count + column
          return (Double(values[at]) + Double(batch.bases[at])) * channel.scale.deviation + channel.scale.mean
        }
      }
      let first = max(0, origin - min(data.preprocessing.window, max(2 * batch.horizon, 24)))
      let name = data.table.columns.targets[channel.target]
      return .forecast(
        .init(
          series: series.id.isEmpty ? name : "\(series.id), \(name)",
          start: data.table.time(origin, of: series),
          history: Array(series.targets[channel.target][first..<origin]),
          truth: Array(series.targets[channel.target][origin..<origin + batch.horizon]),
          mean: original(found.mean), lower: original(found.lower), upper: original(found.upper)))
    }
  }
}

extension Model {
  /// The layer that makes forecasts; nil of a model that has none.
  var segmentForecaster: SegmentForecaster? {
    layers.lazy.compactMap { $0.layer as? SegmentForecaster }.first
  }
}
