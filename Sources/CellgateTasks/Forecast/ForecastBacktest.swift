import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// What a model's forecasts were worth at origins that move on through series: each is scored on the steps of one horizon that follow it.
public struct ForecastBacktest: Sendable {
  /// Which origins there are, and whether the model learns on the way.
  public struct Plan: Sendable, Equatable {
    /// How many origins; the last one lies one horizon before the end of a series.
    public var origins: Int
    /// Steps from one to the next; nil for the horizon.
    public var stride: Int?
    /// Updates with what lies before an origin, before it is scored; nil for a model that stays as it is.
    public var refitUpdates: Int?

    /// So many origins.
    public init(origins: Int, stride: Int? = nil, refitUpdates: Int? = nil) {
      (self.origins, self.stride, self.refitUpdates) = (origins, stride, refitUpdates)
    }
  }

  /// One origin.
  public struct Origin: Sendable, Equatable {
    /// The time of the first step that is forecast, of the first series that has one.
    public var time: String
    /// Forecasts from it: one of each target of each series that is long enough.
    public var windows: Int
    /// The mean squared error in scaled units, and the task's other scores in their order.
    public var value: Double, extras: [Double]
  }

  /// Updates of a refit at each origin, where no other number is asked for.
  public static let usualUpdates = 50

  /// The origins in the order of time.
  public let origins: [Origin]
  /// All of them together.
  public let total: Origin
  /// Steps from one origin to the next.
  public let stride: Int
}

extension ForecastTask {
  /// Scores a model at origins that move on through the test part. With `refitUpdates` the model, whose weights change then, is trained on from the
  /// origin before by so many updates under the run's settings, with windows whose targets lie before the origin; scales and sizes stay.
  ///
  /// `onOrigin` is called with each as it is scored. Throws `data` where so many origins don't fit in the test part, `settings`, and `diverged`.
  public func backtest(
    _ model: Model, _ plan: ForecastBacktest.Plan,
    onOrigin: (ForecastBacktest.Origin) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws -> ForecastBacktest? {
    let stride = plan.stride ?? data.preprocessing.horizon
    let first = windows(plan, before: plan.origins - 1, stride)
    guard !first.isEmpty else {
      throw wrong(
        expected: "room for \(plan.origins) origins with a stride of \(stride) in the test part, and values",
        found:
          "\(data.channels.map(\.test.count).max() ?? 0) steps, of which the horizon takes \(data.preprocessing.horizon)"
      )
    }
    var (all, windowCount) = (ForecastScores(), 0)
    var origins: [ForecastBacktest.Origin] = []
    for index in 0..<plan.origins {
      if shouldStop() { return nil }
      let windows = windows(plan, before: plan.origins - 1 - index, stride)
      if let updates = plan.refitUpdates {
        guard try refit(model, windows, updates, round: index, shouldStop) else { return nil }
      }
      var scores = ForecastScores()
      for start in Swift.stride(from: 0, to: windows.count, by: ForecastBatches.evaluated) {
        let batch = data.batch(windows[start..<min(start + ForecastBatches.evaluated, windows.count)])
        let found = objective.forecast(model, batch, context: .inference())
        scores.add(found, batch, data)
        all.add(found, batch, data)
      }
      windowCount += windows.count
      let origin = origin(scores, windows.first ?? first[0], windows.count)
      origins.append(origin)
      onOrigin(origin)
    }
    return ForecastBacktest(
      origins: origins, total: origin(all, first[0], windowCount), stride: stride)
  }

  private func origin(
    _ scores: ForecastScores, _ window: ForecastData.Window, _ count: Int
  ) -> ForecastBacktest.Origin {
    let series = data.table.series[data.channels[Int(window.channel)].series]
    return ForecastBacktest.Origin(
      time: data.table.time(Int(window.origin), of: series), windows: count, value: scores.value("mse"),
      extras: ForecastScores.names.map { scores.value($0) })
  }

  /// The windows of the origin that lies `before` others: those of the test part that have something to score.
  private func windows(
    _ plan: ForecastBacktest.Plan, before: Int, _ stride: Int
  ) -> [ForecastData.Window] {
    let horizon = data.preprocessing.horizon
    let (back, overflows) = stride.multipliedReportingOverflow(by: before)
    guard !overflows else { return [] }
    return data.channels.enumerated().compactMap { place, channel in
      let origin = channel.test.upperBound - horizon - back
      guard origin >= max(channel.test.lowerBound, 1),
        channel.isKnown[origin..<origin + horizon].contains(true)
      else { return nil }
      return ForecastData.Window(channel: Int32(place), origin: Int32(origin))
    }
  }

  private func wrong(expected: String, found: String) -> TrainingError {
    .data(.series(SeriesError(data.table.file, expected: expected, found: found)))
  }

  /// Trains a model on by what lies before the windows' origins; whether it wasn't stopped.
  private func refit(
    _ model: Model, _ windows: [ForecastData.Window], _ updates: Int, round: Int, _ shouldStop: () -> Bool
  ) throws -> Bool {
    var ends = [Int](repeating: 0, count: data.table.series.count)
    for window in windows { ends[data.channels[Int(window.channel)].series] = Int(window.origin) }
    let known = ForecastData(
      data.table, data.preprocessing, parts: ends.map { (training: 0..<$0, validation: 0..<0, test: 0..<0) })
    let batches = ForecastBatches(known, batch: settings.batch, checksum: nil)
    guard !batches.training.isEmpty else {
      throw wrong(
        expected: "more than \(data.preprocessing.horizon) steps with values before an origin, to learn from",
        found: "\(ends.max() ?? 0)")
    }
    let parameters = ParameterSet(model, withBuffers: true)
    let optimizer = try Optimizers.make(
      settings.optimizer, count: parameters.count, settings: settings.optimizerSettings)
    let objective = ForecastObjective(data: known)
    let seed = settings.seed &+ UInt64(round)
    let loop = TrainingLoop(
      parameters, optimizer: optimizer, schedule: settings.schedule.make(steps: updates), steps: updates,
      seed: seed
    ) { step, context in
      var carried: [Tensor] = []
      let batch = batches.batch(seed: seed, step: step, shard: .whole)
      return objective.loss(model, batch, carried: &carried, context: context, probe: nil).mean
    }
    (loop.clipValue, loop.clipNorm) = (settings.clipValue, settings.clipNorm)
    try loop.freeze(settings.freeze ?? [])
    return try loop.run(shouldStop: shouldStop) != .interrupted
  }
}
