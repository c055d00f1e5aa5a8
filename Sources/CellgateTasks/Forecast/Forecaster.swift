import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Forecasts of what follows the end of each series of a table, by a model that `forecast` trained.
///
/// ```swift
/// let forecaster = try Forecaster(Model.load("runs/forecast-lstm"))
/// let table = try SeriesTable("new.csv", columns: forecaster.preprocessing.columns, step: forecaster.preprocessing.step)
/// for row in try forecaster.forecast(table) { print(row.time, row.mean) }
/// ```
public struct Forecaster {
  /// One step of a forecast, in the units of the table.
  public struct Row: Sendable, Equatable {
    /// The series' name in the group's column; "" of a table of one.
    public let id: String
    /// The time, as the table writes times.
    public let time: String
    /// The column that is forecast.
    public let target: String
    /// Which step after the last one, from 1 on.
    public let step: Int
    /// The mean, and the quantiles 0.1, 0.5 and 0.9.
    public let mean: Double, q10: Double, q50: Double, q90: Double
  }

  /// The names of the columns of `fields`.
  public static let header = ["id", "time", "target", "step", "mean", "q10", "q50", "q90"]

  /// What the model's file knows of its series.
  public let preprocessing: SeriesPreprocessing
  /// The layer that makes the forecasts.
  let forecasting: SegmentForecaster
  private let model: Model

  /// A model's forecaster; nil of a model that makes no forecasts.
  public init?(_ model: Model) {
    guard let own = model.preprocessing.series,
      Self.inputs(own).elementsEqual(
        model.inputs.filter { $0.name != "series" || $0.shape != .vector() }),
      let layer = model.segmentForecaster, layer.options.horizon == own.horizon,
      own.window % layer.options.segment == 0, layer.options.outputs == own.output.count,
      own.window / layer.options.season >= layer.options.seasons
    else { return nil }
    (preprocessing, forecasting, self.model) = (own, layer, model)
  }

  /// What goes into a model, besides the numbers of series.
  private static func inputs(_ own: SeriesPreprocessing) -> [ModelDescription.Input] {
    let columns = own.columns
    let sequences = [
      ("past", own.features), ("known", own.known),
      ("past_categories", columns.categoricalCovariates.count),
      ("known_categories", columns.categoricalFuture.count),
    ]
    let vectors = [
      ("statics", columns.numericStatics.count), ("static_categories", columns.categoricalStatics.count),
    ]
    return sequences.filter { $0.1 > 0 }.map { .init($0.0, .sequence($0.1)) }
      + vectors.filter { $0.1 > 0 }.map { .init($0.0, .vector($0.1)) }
  }

  /// The forecasts, series after series, target after target, step after step, of what follows the last row; of a model with `future`
  /// columns of what follows the last row that has a target, and the rows below must have what is known of those steps. `batch` series are
  /// computed at once, which changes no result. Throws `series` for a table that can't be forecast from.
  public func forecast(_ table: SeriesTable, batch: Int = 64) throws(TaskDataError) -> [Row] {
    let prepared = try prepared(table)
    var rows: [Row] = []
    forEachBatch(prepared, batch: batch) { windows, own, found in
      for (column, window) in windows.enumerated() {
        let channel = prepared.data.channels[own.channels[column]]
        let series = table.series[channel.series]
        for step in 0..<own.horizon {
          let at = step * own.count + column
          func quantile(_ values: [Float]) -> Double {
            prepared.data.quantile(values[at], from: own.bases[at], channel.scale)
          }
          rows.append(
            Row(
              id: series.id, time: table.time(Int(window.origin) + step, of: series),
              target: table.columns.targets[channel.target], step: step + 1,
              mean: prepared.data.original(found.mean[at], from: own.bases[at], channel.scale),
              q10: quantile(found.lower), q50: quantile(found.median), q90: quantile(found.upper)))
        }
      }
    }
    return rows
  }

  /// A table as the model reads it, and where the forecasts begin.
  struct Prepared {
    let data: ForecastData
    let windows: [ForecastData.Window]
  }

  /// A table to forecast from; throws `series` where it can't be.
  func prepared(_ table: SeriesTable) throws(TaskDataError) -> Prepared {
    if preprocessing.output == .negativeBinomial { try table.requireCounts() }
    let parts = table.series.map { _ in (training: 0..<0, validation: 0..<0, test: 0..<0) }
    let data = ForecastData(table, preprocessing, parts: parts)
    do throws(SeriesError) {
      return Prepared(data: data, windows: try windows(data))
    } catch { throw .series(error) }
  }

  /// Calls `body` with the forecasts of `batch` windows at once, which changes none.
  func forEachBatch<Failure>(
    _ prepared: Prepared, batch: Int,
    _ body: (ArraySlice<ForecastData.Window>, ForecastBatch, ForecastValues) throws(Failure) -> Void
  ) throws(Failure) {
    let objective = ForecastObjective(data: prepared.data)
    let windows = prepared.windows
    for start in stride(from: 0, to: windows.count, by: max(1, batch)) {
      let chosen = windows[start..<min(start + max(1, batch), windows.count)]
      let own = prepared.data.batch(chosen)
      try body(chosen, own, objective.forecast(model, own, context: .inference()))
    }
  }

  /// Where each channel's forecast begins.
  private func windows(_ data: ForecastData) throws(SeriesError) -> [ForecastData.Window] {
    let (table, future) = (data.table, preprocessing.columns.future)
    return try data.channels.enumerated().map { place, channel throws(SeriesError) in
      let series = table.series[channel.series]
      let name = series.id.isEmpty ? "" : "series '\(quotedName(series.id))': "
      guard channel.isKnown.contains(true) else {
        throw SeriesError(
          table.file, column: table.columns.targets[channel.target], expected: name + "a value",
          found: "none in \(channel.isKnown.count) steps")
      }
      var origin = series.count
      if !future.isEmpty {
        origin = (series.targets.map { ($0.lastIndex { !$0.isNaN } ?? -1) + 1 }).max() ?? series.count
        let columns = preprocessing.columns
        let numbers = zip(columns.numericFuture, series.covariates.suffix(columns.numericFuture.count))
          .map { ($0, $1.dropFirst(origin).prefix { !$0.isNaN }.count) }
        let categories = zip(
          columns.categoricalFuture, series.categories.suffix(columns.categoricalFuture.count)
        ).map { ($0, $1.dropFirst(origin).prefix { $0 >= 0 }.count) }
        for (column, known) in numbers + categories {
          guard known >= preprocessing.horizon else {
            throw SeriesError(
              table.file, column: column,
              expected:
                "\(name)values in \(preprocessing.horizon) rows below the last one with a target, which they are to be known of",
              found: "\(known)")
          }
        }
      }
      return ForecastData.Window(channel: Int32(place), origin: Int32(origin))
    }
  }
}

extension Forecaster.Row {
  /// The fields of a CSV row.
  public var fields: [String] {
    [id, time, target, "\(step)"] + [mean, q10, q50, q90].map { "\(Float($0))" }
  }
}
