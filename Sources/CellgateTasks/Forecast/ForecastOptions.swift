import CellgateCells
import CellgateData
import CellgateNN
import CellgateTraining

/// The options of the task `forecast`.
public enum ForecastOptions {
  /// The column of the times.
  public static let time = TaskOption.list(
    "time", "the column of the times, or year,month,day,hour; rows are one step apart without it", of: .text)
  /// The columns that are forecast.
  public static let target = TaskOption.list(
    "target", "the column to forecast, or several, or all", of: .text)
  /// The same by another name.
  public static let targets = TaskOption.list("targets", "the same as --target", of: .text)
  /// Covariates that are known up to the last step.
  public static let past = TaskOption.list(
    "past", "columns that the forecast may depend on, known up to the last step; texts are categories",
    of: .text)
  /// Covariates that are known of the steps that are forecast, too.
  public static let future = TaskOption.list(
    "future", "columns that are known of the steps to forecast, too, such as holidays; texts are categories",
    of: .text)
  /// What is known of whole series.
  public static let statics = TaskOption.list(
    "static", "columns that are the same in all rows of a series, numbers or categories", of: .text)
  /// Numbers that are categories.
  public static let categorical = TaskOption.list(
    "categorical",
    "those of --past, --future and --static whose numbers are categories; texts are without it",
    of: .text)
  /// The column that names the series.
  public static let group = TaskOption.text("group", "the column that names the series of a row")
  /// Steps that are forecast.
  public static let horizon = TaskOption.whole(
    "horizon", "steps to forecast", default: 24, in: 1...100_000)
  /// Steps that the model reads.
  public static let window = TaskOption.whole(
    "window", "steps that the model reads; 0 for what suits season and series", default: 0, in: 0...1_000_000)
  /// Steps of a segment.
  public static let segment = TaskOption.whole(
    "segment", "steps that the cell reads at once; 0 for a season, or 24", default: 0, in: 0...100_000)
  /// The parts of each series.
  public static let split = TaskOption.list(
    "split",
    "rows, or shares, of training, validation and test, in the order of time; 0.7,0.1,0.2 without it",
    of: .real(0...1e12))
  /// Steps of a season.
  public static let season = TaskOption.whole(
    "season", "steps of a season; 0 for that of the time step: a day, a week, a year", default: 0,
    in: 0...1_000_000)
  /// What a forecast is before anything is learned.
  public static let base = TaskOption.choice(
    "base", "the naive forecast that the model corrects; auto for the best one of the training part",
    default: "auto", of: ["auto"] + SeriesPreprocessing.Base.allCases.map(\.rawValue))
  /// What windows are divided by.
  public static let normalize = TaskOption.choice(
    "normalize", "whether a window is divided by the series' deviation, or by its own as well",
    default: "series", of: ["series", "window"])
  /// What comes out.
  public static let output = TaskOption.choice(
    "output",
    "what a forecast has besides its mean: quantiles, or a distribution; negative-binomial is for counts",
    default: "quantiles", of: SeriesPreprocessing.Output.allCases.map(\.rawValue))
  /// How the forecast is made.
  public static let decoder = TaskOption.choice(
    "decoder", "segments of the forecast as steps of the cell, or all of it from the last state",
    default: "segments", of: ["segments", "direct"])
  /// Whether the model is given dates.
  public static let dates = TaskOption.choice(
    "dates", "whether the model is given the hour, weekday and time of year of what it forecasts",
    default: "no", of: ["yes", "no"])

  /// All of them.
  static let all =
    [
      time, target, targets, past, future, statics, categorical, group, horizon, window, segment, split,
      season,
      base, normalize,
      output, decoder, dates,
    ] + TransformerOption.all
}

extension TrainingSettings {
  /// The columns that a forecast reads; the targets are [] where none were named.
  var seriesColumns: SeriesTable.Columns {
    func names(_ option: TaskOption) -> [String] { list(option)?.compactMap(\.text) ?? [] }
    let targets = names(ForecastOptions.target) + names(ForecastOptions.targets)
    var columns = SeriesTable.Columns(time: names(ForecastOptions.time), targets: targets)
    columns.past = names(ForecastOptions.past)
    columns.future = names(ForecastOptions.future)
    columns.statics = names(ForecastOptions.statics)
    columns.categorical = names(ForecastOptions.categorical)
    columns.group = text(ForecastOptions.group)
    return columns
  }

  /// What the model makes of each step.
  var forecastOutput: SeriesPreprocessing.Output {
    text(ForecastOptions.output).flatMap { SeriesPreprocessing.Output(rawValue: $0) } ?? .quantiles
  }

  /// What the forecaster of these settings is made of. Sizes that the data decide stand in `data`.
  func forecasterOptions(_ recurrent: RecurrentOptions) -> SegmentForecaster.Options {
    func fact(_ name: String, _ usual: Int) -> Int { max(1, data?[name]?.whole ?? usual) }
    let segment = fact("segment", max(1, whole(ForecastOptions.segment)))
    var options = SegmentForecaster.Options(
      recurrent: recurrent, segment: segment, horizon: whole(ForecastOptions.horizon),
      outputs: forecastOutput.count)
    (options.series, options.known) = (fact("series", 1), max(0, data?["known"]?.whole ?? 0))
    options.decodesSegments = text(ForecastOptions.decoder) != "direct"
    (options.seasons, options.season) = (max(0, data?["seasons"]?.whole ?? 0), fact("seasonRead", 1))
    options.locations = forecastOutput.locations
    func categories(_ name: String) -> [SegmentForecaster.Category]? {
      data?[name]?.list?.map { .init(count: max(0, $0.whole ?? 0)) }
    }
    (options.statics, options.knownCategories) = (data?["statics"]?.whole, data?["futureCategories"]?.whole)
    options.pastCategories = categories("pastCategories")
    options.staticCategories = categories("staticCategories")
    options.pathLags = data?["pathLags"]?.whole.map { max(0, $0) }
    return options
  }

  /// The model of these settings.
  func forecastModel(_ cell: Cell) -> ModelDescription {
    var recurrent = recurrentOptions(cell)
    recurrent.dropout = layers > 1 ? dropout : 0
    var options = forecasterOptions(recurrent)
    options.dropout = headDropout
    options.transformer = isTransformer ? transformerOptions(returnSequences: true) : nil
    let features = max(1, data?["features"]?.whole ?? 1)
    var inputs = [ModelDescription.Input("past", .sequence(features))]
    if options.series > 1 { inputs.append(.init("series", .vector())) }
    if options.known > 0 { inputs.append(.init("known", .sequence(options.known))) }
    if let own = options.pastCategories, !own.isEmpty {
      inputs.append(.init("past_categories", .sequence(own.count)))
    }
    if let own = options.knownCategories, own > 0 { inputs.append(.init("known_categories", .sequence(own))) }
    if let own = options.statics, own > 0 { inputs.append(.init("statics", .vector(own))) }
    if let own = options.staticCategories, !own.isEmpty {
      inputs.append(.init("static_categories", .vector(own.count)))
    }
    return ModelDescription(
      inputs: inputs, layers: [LayerDescription(SegmentForecaster(options), name: "forecaster")],
      calls: [.init("forecaster", inputs.indices.map { .init(node: $0) })],
      outputs: [.init(node: inputs.count)])
  }
}
