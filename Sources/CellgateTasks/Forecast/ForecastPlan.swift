import CellgateData
import CellgateTraining

/// What a table and settings make of a task: the parts, the scales of the training part, and the sizes of the model.
struct ForecastPlan {
  let table: SeriesTable
  let preprocessing: SeriesPreprocessing
  let segment: Int
  /// How many seasons of so many steps the model reads linearly.
  let linear: (seasons: Int, season: Int)
  let parts: [(training: Range<Int>, validation: Range<Int>, test: Range<Int>)]

  init(_ settings: TrainingSettings, path: String) throws(TaskDataError) {
    var columns = settings.seriesColumns
    if columns.targets.isEmpty { columns.targets = ["all"] }
    let table = try SeriesTable(path, columns: columns)
    if settings.forecastOutput == .negativeBinomial { try table.requireCounts() }
    let horizon = settings.whole(ForecastOptions.horizon)
    let parts = try Self.parts(table, settings, horizon: horizon)
    (self.table, self.parts) = (table, parts)
    do throws(SeriesError) {
      let longest = parts.map(\.training.count).max() ?? 0
      guard longest > horizon else {
        throw SeriesError(
          path, expected: "a training part of more steps than the horizon, \(horizon)", found: "\(longest)")
      }
      var scales: [SeriesPreprocessing.Scale] = []
      for (series, part) in zip(table.series, parts) {
        for (column, values) in zip(table.columns.targets, series.targets) {
          let own = SeriesPreprocessing.Scale(
            id: series.id, column: column, fitting: values[part.training])
          if let own { scales.append(own) }
        }
      }
      guard let first = scales.first else {
        throw SeriesError(
          path, column: table.columns.targets.joined(separator: ","), expected: "values in the training part",
          found: "none")
      }
      let varies = zip(table.series, parts).contains { series, part in
        series.targets.contains { values in
          let known = values[part.training].filter { !$0.isNaN }
          return known.contains { $0 != known[0] }
        }
      }
      guard varies else {
        throw SeriesError(
          path, column: table.columns.targets.joined(separator: ","),
          expected: "values that vary in the training part", found: "the constant \(first.mean)")
      }
      let covariateScales = table.columns.numericCovariates.enumerated().map { place, column in
        SeriesPreprocessing.Scale(
          id: "", column: column,
          fitting: zip(table.series, parts).lazy.flatMap { $0.covariates[place][$1.training] })
          ?? .init(id: "", column: column, mean: 0, deviation: 1)
      }
      let chosen = settings.whole(ForecastOptions.season)
      let season = chosen > 0 ? chosen : table.step.season(table.form)
      let sizes = Self.sizes(settings, training: longest, horizon: horizon, season: season)
      segment = sizes.segment
      var own = SeriesPreprocessing(
        columns: table.columns, form: table.form, step: table.step, season: season, window: sizes.window,
        horizon: horizon, scales: scales, covariateScales: covariateScales, base: .last,
        scalesWindows: settings.text(ForecastOptions.normalize) == "window",
        marksMissing: table.absentSteps + table.missingValues > 0,
        readsDates: settings.text(ForecastOptions.dates) == "yes",
        output: settings.forecastOutput)
      Self.addStatics(table, parts, to: &own)
      own.base =
        settings.text(ForecastOptions.base).flatMap { SeriesPreprocessing.Base(rawValue: $0) }
        ?? ForecastBase.best(
          ForecastData(table, own, parts: parts), season: season, horizon: horizon)
      preprocessing = own
      linear = Self.linear(own, training: longest)
    } catch { throw .series(error) }
  }

  /// The scales of static numbers, and the categories, of the training part.
  private static func addStatics(
    _ table: SeriesTable, _ parts: [(training: Range<Int>, validation: Range<Int>, test: Range<Int>)],
    to own: inout SeriesPreprocessing
  ) {
    let columns = table.columns
    let learned = zip(table.series, parts).filter { !$1.training.isEmpty }
    if !columns.numericStatics.isEmpty {
      own.staticScales = columns.numericStatics.enumerated().map { place, column in
        SeriesPreprocessing.Scale(id: "", column: column, fitting: learned.lazy.map { $0.0.statics[place] })
          ?? .init(id: "", column: column, mean: 0, deviation: 1)
      }
    }
    guard !columns.categories.isEmpty else { return }
    let covariates = columns.categoricalCovariates.count
    own.categories = table.levels.enumerated().map { place, levels in
      var isKnown = [Bool](repeating: false, count: levels.count)
      for (series, part) in learned {
        let found =
          place < covariates
          ? series.categories[place][part.training]
          : series.staticCategories[(place - covariates)...(place - covariates)]
        for code in found where code >= 0 { isKnown[Int(code)] = true }
      }
      return zip(levels, isKnown).filter { $1 }.map(\.0)
    }
  }

  /// Window and segment: as they were chosen, else a season or 24 steps at once, and 336 steps or as many as half of the training part has.
  static func sizes(
    _ settings: TrainingSettings, training: Int, horizon: Int, season: Int
  ) -> (window: Int, segment: Int) {
    let (window, segment) = (settings.whole(ForecastOptions.window), settings.whole(ForecastOptions.segment))
    let usual = (2...48).contains(season) ? season : 24
    if window > 0 {
      if segment > 0 { return (window, segment) }
      return (window, (1...min(usual, window)).last { window % $0 == 0 } ?? 1)
    }
    let room = max(1, (training - horizon) / 2)
    let own = segment > 0 ? segment : min(usual, room)
    let wanted = season > 1 ? max(336 / season, 7) * season : max(96, 2 * horizon)
    return (max(own, min(wanted, room) / own * own), own)
  }

  /// What is read linearly: all seasons of the window where the base goes by seasons, else the last steps, as many as a short series has
  /// enough examples of.
  static func linear(_ own: SeriesPreprocessing, training: Int) -> (seasons: Int, season: Int) {
    switch own.base {
    case .season, .trend, .profile, .steady: return (own.window / own.season, own.season)
    case .last, .change:
      return (min(own.window, max(24, 2 * own.horizon), 168, training / 20), 1)
    }
  }

  /// The parts of each series in the order of time.
  static func parts(
    _ table: SeriesTable, _ settings: TrainingSettings, horizon: Int
  ) throws(TaskDataError) -> [(training: Range<Int>, validation: Range<Int>, test: Range<Int>)] {
    let chosen = settings.list(ForecastOptions.split)?.compactMap(\.real)
    var parts: [(training: Range<Int>, validation: Range<Int>, test: Range<Int>)] = []
    for series in table.series {
      let count = series.count
      var sizes: [Int]
      if let chosen, chosen.reduce(0, +) > 1 + 1e-9 {
        sizes = chosen.map { Int($0) }
        if sizes.reduce(0, +) > count, table.series.count == 1 {
          throw .series(
            SeriesError(
              table.file, expected: "\(sizes.reduce(0, +)) rows or more, as --split says", found: "\(count)"))
        }
      } else {
        let shares = chosen ?? [0.7, 0.1, 0.2]
        sizes = shares.map { Int((Double(count) * $0).rounded(.down)) }
        if chosen == nil {
          // Each part has room for a forecast where the series is long enough.
          sizes[2] = max(sizes[2], min(horizon, count / 4))
          sizes[1] = max(sizes[1], min(horizon, count / 4))
          sizes[0] = count - sizes[1] - sizes[2]
        }
      }
      let first = min(sizes[0], count)
      let second = min(first + sizes[1], count)
      parts.append((0..<first, first..<second, second..<min(second + sizes[2], count)))
    }
    let needed: [(name: String, longest: Int)] = [
      ("validation", parts.map(\.validation.count).max() ?? 0), ("test", parts.map(\.test.count).max() ?? 0),
    ]
    for (name, longest) in needed where longest < horizon {
      throw .series(
        SeriesError(
          table.file, expected: "\(horizon) steps or more in the \(name) part, the horizon",
          found: "\(longest) of a series of \(table.series.map(\.count).max() ?? 0)"))
    }
    return parts
  }
}
