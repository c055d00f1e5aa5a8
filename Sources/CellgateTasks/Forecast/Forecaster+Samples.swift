import CellgateData
import CellgateNN
import CellgateTensor

extension Forecaster {
  /// One step of a path that a series may take, in the units of the table.
  public struct Sample: Sendable, Equatable {
    /// The series' name in the group's column; "" of a table of one.
    public let id: String
    /// The time, as the table writes times.
    public let time: String
    /// The column that is forecast.
    public let target: String
    /// Which step after the last one, and of which path, both from 1 on.
    public let step: Int, sample: Int
    /// What it may be.
    public let value: Double

    /// The names of the columns of `fields`.
    public static let header = ["id", "time", "target", "step", "sample", "value"]

    /// The fields of a CSV row.
    public var fields: [String] { [id, time, target, "\(step)", "\(sample)", "\(Float(value))"] }
  }

  /// Draws `count` paths of each target of each series, and calls `body` with those of one after another: path after path, step after step. Each step
  /// is distributed as the forecast has it; of three quantiles as a normal distribution on each side of the median, whose quantiles they are. The
  /// steps of a path go together as the residuals of the validation part do: a Gaussian copula, whose autocorrelation is the
  /// same at all steps. A file of an earlier version knows none: its steps are drawn one by one. Different targets and series are
  /// drawn by themselves. The same seed gives the same paths, whatever `batch` and the other series are.
  ///
  /// Throws ``TaskDataError`` for a table that can't be forecast from, and what `body` throws.
  public func samples(
    _ table: SeriesTable, count: Int, seed: UInt64 = 1, batch: Int = 64, _ body: ([Sample]) throws -> Void
  ) throws {
    let prepared = try prepared(table)
    let noise = PathNoise(partial: forecasting.pathCorrelation?.value.scalars ?? [])
    try forEachBatch(prepared, batch: batch) { windows, own, found in
      for (column, window) in windows.enumerated() {
        let channel = prepared.data.channels[own.channels[column]]
        let series = table.series[channel.series]
        let target = table.columns.targets[channel.target]
        var stream = RandomStream(seed: seed, name: "forecast/samples/\(series.id)/\(target)")
        let times = (0..<own.horizon).map { table.time(Int(window.origin) + $0, of: series) }
        var samples: [Sample] = []
        samples.reserveCapacity(count * own.horizon)
        for sample in 1...max(1, count) {
          for (step, z) in noise.path(own.horizon, &stream).enumerated() {
            let at = step * own.count + column
            let value = prepared.data.quantile(
              found.quantile(at, normal: z), from: own.bases[at], channel.scale)
            samples.append(
              Sample(
                id: series.id, time: times[step], target: target, step: step + 1, sample: sample, value: value
              ))
          }
        }
        try body(samples)
      }
    }
  }
}
