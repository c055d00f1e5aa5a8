import Cellgate
import CellgateBasics
import CellgateFiles

/// What follows the end of each series of a table as CSV: the forecast, or paths that are drawn from it.
struct ForecastPredictions: FilePredictor {
  /// A table of any name.
  static func takes(_ job: PredictionJob) -> Bool { true }

  static let drawsPaths = true

  private let forecaster: Forecaster

  init?(_ model: Model) {
    guard let forecaster = Forecaster(model) else { return nil }
    self.forecaster = forecaster
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.outputCSV(", for forecasts")
    let own = forecaster.preprocessing
    var rows = 0
    let table: SeriesTable
    do {
      table = try SeriesTable(job.data, columns: own.columns, step: own.step)
      let file = try PendingFile(out)
      try file.file.write(CSVWriter.line(job.paths == nil ? Forecaster.header : Forecaster.Sample.header))
      if let paths = job.paths {
        try forecaster.samples(table, count: paths.count, seed: paths.seed, batch: job.batch) { drawn in
          rows += drawn.count
          try file.file.write(drawn.map { CSVWriter.line($0.fields) }.joined())
        }
      } else {
        let found = try forecaster.forecast(table, batch: job.batch)
        rows = found.count
        try file.file.write(found.map { CSVWriter.line($0.fields) }.joined())
      }
      try file.commit()
    } catch let error as TaskDataError { throw TrainingError.data(error) }
    let drawn: [(key: String, value: JSONValue)] =
      job.paths.map { [("paths", .integer($0.count)), ("seed", .unsigned($0.seed))] } ?? []
    let paths = job.paths.map { "\(Text.plural($0.count, "path")) of " } ?? ""
    job.report(
      [
        ("series", .integer(table.series.count)), ("horizon", .integer(own.horizon)),
        ("rows", .integer(rows)),
      ] + drawn,
      "\(Text.plural(rows, "row")) in \(out): \(paths)\(Text.plural(own.horizon, "step")) after the end of "
        + "\(Text.count(table.series.count * own.columns.targets.count)) series")
  }
}
