import CellgateData
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// One target of one series as a model reads it: scaled numbers, gaps filled with the last value.
struct ForecastChannel {
  /// The series' place in the table, and the target's among the columns.
  let series: Int, target: Int
  /// The number in the model; 0 for a series that it doesn't know.
  let number: Int
  let scale: SeriesPreprocessing.Scale
  /// (x − mean) / deviation at each step; of a gap the last value before, 0 before the first.
  let values: [Float]
  /// Which steps have a value.
  let isKnown: [Bool]
  /// The steps of each part.
  let training: Range<Int>, validation: Range<Int>, test: Range<Int>
  /// The mean of |x − x one season before| over the training part, by which MASE divides; nil where that is 0.
  let naiveError: Double?

  func part(_ split: Split) -> Range<Int> { split == .test ? test : validation }
}

/// Series brought to a model: channels, and covariates that those of a series share.
struct ForecastData {
  let table: SeriesTable
  let preprocessing: SeriesPreprocessing
  let channels: [ForecastChannel]
  /// Of each series each covariate, scaled: of a gap the last value before.
  let covariates: [[[Float]]]
  /// Of each series what the dates of the steps say, so many numbers each; [] without dates.
  let dates: [[Float]]

  /// With the scales of a model.
  init(
    _ table: SeriesTable, _ preprocessing: SeriesPreprocessing,
    parts: [(training: Range<Int>, validation: Range<Int>, test: Range<Int>)]
  ) {
    self.table = table
    self.preprocessing = preprocessing
    var channels: [ForecastChannel] = []
    for (place, series) in table.series.enumerated() {
      for (target, column) in table.columns.targets.enumerated() {
        let values = series.targets[target]
        let number = preprocessing.number(id: series.id, column: column)
        // Of a series that the model doesn't know its own numbers say what their scale is.
        let scale =
          number > 0
          ? preprocessing.scales[number - 1]
          : SeriesPreprocessing.Scale(id: series.id, column: column, fitting: values)
            ?? .init(id: series.id, column: column, mean: 0, deviation: 1)
        var (scaled, known) = ([Float](), [Bool]())
        var last: Float = 0
        for value in values {
          if !value.isNaN { last = Float((value - scale.mean) / scale.deviation) }
          scaled.append(last)
          known.append(!value.isNaN)
        }
        let own = parts[place]
        channels.append(
          ForecastChannel(
            series: place, target: target, number: number, scale: scale, values: scaled, isKnown: known,
            training: own.training, validation: own.validation, test: own.test,
            naiveError: Self.naiveError(scaled, known, own.training, preprocessing.season)))
      }
    }
    self.channels = channels
    covariates = table.series.map { series in
      zip(series.covariates, preprocessing.covariateScales).map { values, scale in
        var last: Float = 0
        return values.map {
          if !$0.isNaN { last = Float(($0 - scale.mean) / scale.deviation) }
          return last
        }
      }
    }
    let (step, form, horizon) = (preprocessing.step, preprocessing.form, preprocessing.horizon)
    dates =
      preprocessing.dateCount == 0
      ? []
      : table.series.map { series in
        (0..<series.count + horizon).flatMap {
          SeriesPreprocessing.dates(step.time($0, after: series.start), form: form, step: step)
        }
      }
  }

  private static func naiveError(
    _ values: [Float], _ known: [Bool], _ part: Range<Int>, _ season: Int
  ) -> Double? {
    var (sum, count) = (0.0, 0)
    for step in part.dropFirst(season) where known[step] && known[step - season] {
      sum += Double(abs(values[step] - values[step - season]))
      count += 1
    }
    return count > 0 && sum > 0 ? sum / Double(count) : nil
  }

  /// A number of a forecast in the units of the table.
  func original(_ value: Float, from base: Float, _ scale: SeriesPreprocessing.Scale) -> Double {
    (Double(value) + Double(base)) * scale.deviation + scale.mean
  }

  /// The same of a quantile: those of counts are counts.
  func quantile(_ value: Float, from base: Float, _ scale: SeriesPreprocessing.Scale) -> Double {
    let original = original(value, from: base, scale)
    return preprocessing.output == .negativeBinomial ? original.rounded() : original
  }

  // MARK: Windows

  /// A forecast to be made: of a channel, from step `origin` on.
  struct Window {
    let channel: Int32, origin: Int32
  }

  /// All windows whose targets lie in a part, of those that have something to learn from or to score.
  func windows(_ part: (ForecastChannel) -> Range<Int>, isTraining: Bool) -> [Window] {
    let (window, horizon) = (preprocessing.window, preprocessing.horizon)
    var windows: [Window] = []
    for (place, channel) in channels.enumerated() {
      let range = part(channel)
      // A training window has all its steps, unless the series is too short for one.
      let whole = range.lowerBound + window
      let first =
        isTraining ? (whole + horizon <= range.upperBound ? whole : range.lowerBound + 1) : range.lowerBound
      guard first + horizon <= range.upperBound else { continue }
      var known = channel.isKnown[first..<first + horizon].count { $0 }
      for origin in max(first, 1)...max(range.upperBound - horizon, 1) {
        if origin > first {
          known += (channel.isKnown[origin + horizon - 1] ? 1 : 0) - (channel.isKnown[origin - 1] ? 1 : 0)
        }
        guard known > 0, origin + horizon <= range.upperBound else { continue }
        windows.append(Window(channel: Int32(place), origin: Int32(origin)))
      }
    }
    return windows
  }

  /// What a forecast is before anything is learned.
  var base: ForecastBase {
    ForecastBase(
      kind: preprocessing.base, season: preprocessing.season, scalesWindows: preprocessing.scalesWindows)
  }

  /// Windows side by side.
  func batch(_ windows: ArraySlice<Window>) -> ForecastBatch {
    let (steps, horizon) = (preprocessing.window, preprocessing.horizon)
    let (features, known, season) = (preprocessing.features, preprocessing.known, preprocessing.season)
    let (count, base) = (windows.count, base)
    let firstFuture = preprocessing.columns.past.count
    var batch = ForecastBatch(horizon: horizon, channels: windows.map { Int($0.channel) })
    var input = [Float](repeating: 0, count: steps * count * features)
    var future = [Float](repeating: 0, count: horizon * count * known)
    for (column, window) in windows.enumerated() {
      let channel = channels[Int(window.channel)]
      let (origin, end) = (Int(window.origin), channel.values.count)
      let (first, last) = (max(0, origin - steps), channel.values[origin - 1])
      let level = base.level(channel.values, origin: origin)
      let spread = base.spread(channel.values[first..<origin], level: level)
      batch.numbers.append(Float(channel.number))
      batch.spreads.append(spread)
      let covariates = covariates[channel.series]
      for place in first..<origin {
        var at = ((place - origin + steps) * count + column) * features
        input[at] = (channel.values[place] - level) / spread
        at += 1
        if preprocessing.marksMissing {
          input[at] = channel.isKnown[place] ? 1 : 0
          at += 1
        }
        for values in covariates {
          input[at] = values[place]
          at += 1
        }
      }
      let own = base.forecast(channel.values, origin: origin, horizon: horizon)
      let dates = preprocessing.dateCount > 0 ? dates[channel.series] : []
      for step in 0..<horizon {
        let (place, at) = (origin + step, step * count + column)
        batch.bases[at] = own[step]
        if place < end, channel.isKnown[place] {
          batch.targets[at] = channel.values[place] - own[step]
          batch.weights[at] = 1
        }
        batch.persistent[at] = last - own[step]
        let before = place - season * (step / season + 1)
        batch.seasonal[at] = (before >= 0 ? channel.values[before] : last) - own[step]
        var slot = at * known
        for index in 0..<preprocessing.dateCount {
          future[slot] = dates[place * preprocessing.dateCount + index]
          slot += 1
        }
        for values in covariates.dropFirst(firstFuture) {
          // Past the table's end the last one that is known: what must be known was checked before.
          if let value = place < values.count ? values[place] : values.last { future[slot] = value }
          slot += 1
        }
      }
    }
    batch.past = Tensor(input, shape: [steps, count, features])
    if known > 0 { batch.known = Tensor(future, shape: [horizon, count, known]) }
    return batch
  }
}

/// Some windows of series, and what follows them, in scaled units from each window's base on.
public struct ForecastBatch {
  let horizon: Int
  /// Whose windows they are.
  let channels: [Int]
  /// [T, B, F].
  var past = Tensor.zeros([0])
  /// What is known of the steps that are forecast, [horizon, B, K]; nil for nothing.
  var known: Tensor?
  /// The number of each one's series, and what its numbers were divided by, [B].
  var numbers: [Float] = [], spreads: [Float] = []
  /// What follows, horizon × B; whether it is known, 1 or 0; the last value; and what was a season before.
  var targets: [Float], weights: [Float], persistent: [Float], seasonal: [Float]
  /// What a forecast is before anything is learned, horizon × B, in scaled units.
  var bases: [Float]

  init(horizon: Int, channels: [Int]) {
    (self.horizon, self.channels) = (horizon, channels)
    let zeros = [Float](repeating: 0, count: horizon * channels.count)
    (targets, weights, persistent, seasonal, bases) = (zeros, zeros, zeros, zeros, zeros)
  }

  /// B.
  var count: Int { channels.count }
}
