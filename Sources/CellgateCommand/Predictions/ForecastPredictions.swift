import Cellgate
import CellgateBasics
import CellgateFiles

/// What follows the end of each series of a table, as CSV.
struct ForecastPredictions: FilePredictor {
  /// A table of any name.
  static func takes(_ job: PredictionJob) -> Bool { true }

  private let forecaster: Forecaster

  init?(_ model: Model) {
    guard let forecaster = Forecaster(model) else { return nil }
    self.forecaster = forecaster
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.outputCSV(", for forecasts")
    let own = forecaster.preprocessing
    let table: SeriesTable
    let rows: [Forecaster.Row]
    do throws(TaskDataError) {
      table = try SeriesTable(job.data, columns: own.columns, step: own.step)
      rows = try forecaster.forecast(table, batch: job.batch)
    } catch { throw TrainingError.data(error) }
    let lines = [Forecaster.header] + rows.map(\.fields)
    try AtomicFile.write(Data(lines.map(CSVWriter.line).joined().utf8), to: out)
    job.report(
      [
        ("series", .integer(table.series.count)), ("horizon", .integer(own.horizon)),
        ("rows", .integer(rows.count)),
      ],
      "\(Text.plural(rows.count, "row")) in \(out): \(Text.plural(own.horizon, "step")) after the end of "
        + "\(Text.count(table.series.count * own.columns.targets.count)) series")
  }
}
