import CellgateData
import CellgateTensor
import CellgateTraining

/// Windows of series: those of an epoch in an order that depends on the seed.
public final class ForecastBatches: BatchSource {
  /// Updates of an epoch at least, and at most: a short series is read several times, and of a long one a part that differs from epoch to
  /// epoch. What a forecaster learns of one year soon is wrong in the next one: it is looked at often.
  static let leastSteps = 40, mostSteps = 100
  /// Validation windows at most, evenly spaced: enough to choose a model by.
  static let mostValidated = 8192
  /// Windows of an evaluation that are looked at together.
  static let evaluated = 512

  let data: ForecastData
  let count: Int
  let training: [ForecastData.Window]
  private let parts: [Split: [ForecastData.Window]]
  /// That of the file.
  public let checksum: String?
  /// The order of the windows in one pass, as it was last asked for.
  private var order: (seed: UInt64, pass: Int, windows: [Int32])?

  init(_ data: ForecastData, batch: Int, checksum: String?) {
    self.data = data
    count = batch
    self.checksum = checksum
    training = data.windows({ $0.training }, isTraining: true)
    let validation = data.windows({ $0.validation }, isTraining: false)
    let stride = (validation.count - 1) / Self.mostValidated + 1
    parts = [
      .validation: Swift.stride(from: 0, to: validation.count, by: max(1, stride)).map { validation[$0] },
      .test: data.windows({ $0.test }, isTraining: false),
    ]
  }

  /// As many as the windows need, within bounds.
  public var stepsPerEpoch: Int? {
    training.isEmpty ? nil : min(max((training.count - 1) / count + 1, Self.leastSteps), Self.mostSteps)
  }

  func windows(_ split: Split) -> [ForecastData.Window] { parts[split] ?? [] }

  /// A shard of the windows of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ForecastBatch {
    let kept = shard.range(of: count)
    let first = step * count
    var chosen: [ForecastData.Window] = []
    for place in (first + kept.lowerBound)..<(first + kept.upperBound) {
      let pass = place / training.count
      if order?.seed != seed || order?.pass != pass {
        var windows = training.indices.map { Int32($0) }
        var stream = RandomStream(seed: seed, name: "forecast/order", step: UInt64(pass))
        stream.shuffle(&windows)
        order = (seed, pass, windows)
      }
      if let index = order?.windows[place % training.count] { chosen.append(training[Int(index)]) }
    }
    return data.batch(chosen[...])
  }

  /// Batches of 512 windows.
  public func batches(of split: Split) -> AnySequence<ForecastBatch> {
    let (windows, data) = (windows(split), data)
    let starts = stride(from: 0, to: windows.count, by: Self.evaluated)
    return AnySequence(
      starts.lazy.map { data.batch(windows[$0..<min($0 + Self.evaluated, windows.count)]) })
  }
}
