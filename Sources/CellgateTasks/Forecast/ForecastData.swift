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
  /// Of each series the number of each categorical covariate's category: of a gap the last one before; 0 for one that the model doesn't know.
  let categories: [[[Float]]]
  /// Of each series what is known of all of it: numbers, scaled, 0 for none; and the numbers of categories.
  let statics: [[Float]], staticCategories: [[Float]]
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
    let numbers = Self.categoryNumbers(table, preprocessing)
    let count = table.columns.categoricalCovariates.count
    categories = table.series.map { series in
      zip(series.categories, numbers).map { places, numbers in
        var last: Float = 0
        return places.map {
          if $0 >= 0 { last = numbers[Int($0)] }
          return last
        }
      }
    }
    staticCategories = table.series.map { series in
      zip(series.staticCategories, numbers.dropFirst(count)).map { $0 >= 0 ? $1[Int($0)] : 0 }
    }
    statics = table.series.map { series in
      zip(series.statics, preprocessing.staticScales ?? []).map {
        $0.isNaN ? 0 : Float(($0 - $1.mean) / $1.deviation)
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

  /// Of each column of categories the number in the model of each one that the table has.
  private static func categoryNumbers(
    _ table: SeriesTable, _ preprocessing: SeriesPreprocessing
  ) -> [[Float]] {
    zip(table.levels, preprocessing.categories ?? []).map { levels, known in
      var numbers: [String: Float] = [:]
      for (place, category) in known.enumerated() { numbers[category] = Float(place + 1) }
      return levels.map { numbers[$0] ?? 0 }
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

  /// Windows side by side. `hides` says of which column of categories a window's are not to be known.
  func batch(
    _ windows: ArraySlice<Window>, hides: (_ column: Int, _ category: Int) -> Bool = { _, _ in false }
  ) -> ForecastBatch {
    let (steps, horizon) = (preprocessing.window, preprocessing.horizon)
    let (features, known, season) = (preprocessing.features, preprocessing.known, preprocessing.season)
    let (count, base) = (windows.count, base)
    let firstFuture =
      preprocessing.columns.numericCovariates.count - preprocessing.columns.numericFuture.count
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
    addCategories(windows, to: &batch, hides: hides)
    return batch
  }

  /// What is known by category, and of whole series.
  private func addCategories(
    _ windows: ArraySlice<Window>, to batch: inout ForecastBatch,
    hides: (_ column: Int, _ category: Int) -> Bool
  ) {
    let columns = preprocessing.columns
    let (steps, horizon, count) = (preprocessing.window, preprocessing.horizon, windows.count)
    let (width, wide) = (columns.categoricalCovariates.count, columns.categoricalFuture.count)
    let (numbers, kinds) = (columns.numericStatics.count, columns.categoricalStatics.count)
    var past = [Float](repeating: 0, count: steps * count * width)
    var future = [Float](repeating: 0, count: horizon * count * wide)
    var (statics, staticCategories): ([Float], [Float]) = ([], [])
    for (column, window) in windows.enumerated() {
      let channel = channels[Int(window.channel)]
      let origin = Int(window.origin)
      for (category, values) in categories[channel.series].enumerated() where !hides(column, category) {
        for place in max(0, origin - steps)..<origin {
          past[((place - origin + steps) * count + column) * width + category] = values[place]
        }
        let later = category - (width - wide)
        guard later >= 0 else { continue }
        for step in 0..<horizon {
          let value = origin + step < values.count ? values[origin + step] : values.last
          future[(step * count + column) * wide + later] = value ?? 0
        }
      }
      statics += self.statics[channel.series]
      staticCategories += self.staticCategories[channel.series].enumerated().map {
        hides(column, width + $0) ? 0 : $1
      }
    }
    if width > 0 { batch.pastCategories = Tensor(past, shape: [steps, count, width]) }
    if wide > 0 { batch.knownCategories = Tensor(future, shape: [horizon, count, wide]) }
    if numbers > 0 { batch.statics = Tensor(statics, shape: [count, numbers]) }
    if kinds > 0 { batch.staticCategories = Tensor(staticCategories, shape: [count, kinds]) }
  }
}
