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
  private let model: Model

  /// A model's forecaster; nil of a model that makes no forecasts.
  public init?(_ model: Model) {
    guard let own = model.preprocessing.series, let shape = model.inputs.first?.shape,
      model.inputs.first?.name == "past", shape.features == [own.features],
      model.layers.contains(where: { layer in
        guard let forecaster = layer.layer as? SegmentForecaster else { return false }
        return forecaster.options.horizon == own.horizon && own.window % forecaster.options.segment == 0
          && forecaster.options.outputs == own.output.count && forecaster.options.known == own.known
          && own.window / forecaster.options.season >= forecaster.options.seasons
      })
    else { return nil }
    (preprocessing, self.model) = (own, model)
  }

  /// The forecasts, series after series, target after target, step after step, of what follows the last row; of a model with `future`
  /// columns of what follows the last row that has a target, and the rows below must have what is known of those steps. `batch` series are
  /// computed at once, which changes no result. Throws `series` for a table that can't be forecast from.
  public func forecast(_ table: SeriesTable, batch: Int = 64) throws(TaskDataError) -> [Row] {
    if preprocessing.output == .negativeBinomial { try table.requireCounts() }
    let parts = table.series.map { _ in (training: 0..<0, validation: 0..<0, test: 0..<0) }
    let data = ForecastData(table, preprocessing, parts: parts)
    let windows: [ForecastData.Window]
    do throws(SeriesError) { windows = try self.windows(data) } catch { throw .series(error) }
    let objective = ForecastObjective(data: data)
    var rows: [Row] = []
    for start in stride(from: 0, to: windows.count, by: max(1, batch)) {
      let chosen = windows[start..<min(start + max(1, batch), windows.count)]
      let own = data.batch(chosen)
      let found = objective.forecast(model, own, context: .inference())
      for (column, window) in chosen.enumerated() {
        let channel = data.channels[own.channels[column]]
        let series = table.series[channel.series]
        for step in 0..<own.horizon {
          let at = step * own.count + column
          func original(_ value: Float) -> Double {
            (Double(value) + Double(own.bases[at])) * channel.scale.deviation + channel.scale.mean
          }
          // Quantiles of counts are counts.
          func quantile(_ value: Float) -> Double {
            preprocessing.output == .negativeBinomial ? original(value).rounded() : original(value)
          }
          rows.append(
            Row(
              id: series.id, time: table.time(Int(window.origin) + step, of: series),
              target: table.columns.targets[channel.target], step: step + 1, mean: original(found.mean[at]),
              q10: quantile(found.lower[at]), q50: quantile(found.median[at]),
              q90: quantile(found.upper[at])))
        }
      }
    }
    return rows
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
        for (column, values) in zip(future, series.covariates.suffix(future.count)) {
          let known = values.dropFirst(origin).prefix { !$0.isNaN }.count
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
