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
  /// The share of the windows of training in which a column of categories is not known.
  static let hiddenShare: Float = 0.05
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

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: ForecastBatch) -> Bool { batch.channels.isEmpty }

  /// A shard of the windows of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> ForecastBatch {
    let kept = shard.range(of: count)
    let first = step * count
    var chosen: [ForecastData.Window] = []
    // A category that is not known is learned from examples whose own is hidden.
    var hidden: [[Bool]] = []
    let columns = data.preprocessing.columns.categories.count
    for place in (first + kept.lowerBound)..<(first + kept.upperBound) {
      let pass = place / training.count
      if order?.seed != seed || order?.pass != pass {
        var windows = training.indices.map { Int32($0) }
        var stream = RandomStream(seed: seed, name: "forecast/order", step: UInt64(pass))
        stream.shuffle(&windows)
        order = (seed, pass, windows)
      }
      if let index = order?.windows[place % training.count] { chosen.append(training[Int(index)]) }
      if columns > 0 {
        var stream = RandomStream(seed: seed, name: "forecast/unknown", step: UInt64(place))
        hidden.append((0..<columns).map { _ in stream.uniform() < Self.hiddenShare })
      }
    }
    return data.batch(chosen[...]) { hidden[$0][$1] }
  }

  /// Batches of 512 windows.
  public func batches(of split: Split) -> AnySequence<ForecastBatch> {
    let (windows, data) = (windows(split), data)
    let starts = stride(from: 0, to: windows.count, by: Self.evaluated)
    return AnySequence(
      starts.lazy.map { data.batch(windows[$0..<min($0 + Self.evaluated, windows.count)]) })
  }
}
