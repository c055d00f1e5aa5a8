import CellgateBasics

/// What a forecaster's file knows of its series: the columns, the step, the scales, and how a window is brought to the model.
public struct SeriesPreprocessing: Codable, Equatable, Sendable {
  /// How the numbers of one target of one series are scaled: (x − mean) / deviation, of the training part alone.
  public struct Scale: Codable, Equatable, Sendable {
    /// The series' name in the group's column; "" of a table of one.
    public var id: String
    /// The column.
    public var column: String
    /// The mean of the training part.
    public var mean: Double
    /// The deviation of the training part, above 0; 1 of numbers that are all the same.
    public var deviation: Double

    /// A scale.
    public init(id: String, column: String, mean: Double, deviation: Double) {
      (self.id, self.column, self.mean, self.deviation) = (id, column, mean, deviation)
    }

    /// The scale of numbers, of which NaN doesn't count; nil where there is none.
    public init?(id: String, column: String, fitting values: some Sequence<Double>) {
      let known = values.filter { !$0.isNaN }
      guard !known.isEmpty else { return nil }
      let mean = known.reduce(0, +) / Double(known.count)
      let square = known.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(known.count)
      // Sums of equal numbers round.
      let deviation = square.squareRoot()
      let isConstant = !(deviation > 1e-9 * max(abs(mean), 1e-9))
      self.init(id: id, column: column, mean: mean, deviation: isConstant ? 1 : deviation)
    }
  }

  /// What a window's forecast is before anything is learned: the model finds the difference from it. s: steps of the season, x₋₁ the
  /// last value, xₖ what comes at step k, from 0 on.
  public enum Base: String, Codable, CaseIterable, Sendable {
    /// x₋₁ at every step.
    case last
    /// What was a season before: xₖ₋ₛ, repeated.
    case season
    /// What was a season before, moved by as much as the last value lies above that a season before it: xₖ₋ₛ + x₋₁ − x₋₁₋ₛ.
    case change
    /// What was a season before, moved for each season by as much as the last season's mean lies above that of the one before.
    case trend
    /// The mean of what was one to eight seasons before, moved to the last season's mean.
    case profile
    /// The mean of what was one to 14 seasons before, moved to the middle between the last season's mean and that of all of these.
    case steady
  }

  /// What a model makes of each step that it forecasts.
  public enum Output: String, Codable, CaseIterable, Sendable {
    /// A mean and the quantiles 0.1, 0.5 and 0.9.
    case quantiles
    /// A normal distribution, of a mean and a variance.
    case gaussian
    /// Student's t distribution, of a location, a scale and degrees of freedom.
    case studentT = "student-t"
    /// A negative binomial distribution of counts, of a mean and a dispersion.
    case negativeBinomial = "negative-binomial"

    /// The numbers of a step.
    public var count: Int {
      switch self {
      case .quantiles: 4
      case .studentT: 3
      case .gaussian, .negativeBinomial: 2
      }
    }

    /// How many of the first ones are places, and not widths or forms.
    public var locations: Int { self == .quantiles ? count : 1 }
  }

  /// The columns.
  public var columns: SeriesTable.Columns
  /// How times are written.
  public var form: TimeForm
  /// The time between steps.
  public var step: TimeStep
  /// Steps of a season; 1 for none.
  public var season: Int
  /// Steps that the model reads, a multiple of its segment.
  public var window: Int
  /// Steps that it forecasts.
  public var horizon: Int
  /// The scale of each target of each series: a series' number in the model is its place here, from 1 on.
  public var scales: [Scale]
  /// The scale of each covariate that is a number, the past ones and then the future ones, over all series.
  public var covariateScales: [Scale]
  /// The scale of each static column that is a number, over all series; nil for none.
  public var staticScales: [Scale]?
  /// The categories of each column of them, in the order of `Columns.categories`, that the training part has: a category's number in the model is its
  /// place here, from 1 on; 0 is for all others. Nil for no such column.
  public var categories: [[String]]?
  /// What a forecast is before anything is learned.
  public var base: Base
  /// Whether the numbers of a window are divided by their own deviation, too.
  public var scalesWindows: Bool
  /// Whether an input says which values are missing.
  public var marksMissing: Bool
  /// Whether the model is given the dates of the steps.
  public var readsDates: Bool
  /// What the model makes of each step. Files of earlier versions say whether that is a normal distribution.
  public var output: Output {
    get { distribution ?? (isGaussian == true ? .gaussian : .quantiles) }
    set { (distribution, isGaussian) = (newValue, nil) }
  }
  private var distribution: Output?
  private var isGaussian: Bool?

  /// What is known of a model's series.
  public init(
    columns: SeriesTable.Columns, form: TimeForm, step: TimeStep, season: Int, window: Int, horizon: Int,
    scales: [Scale], covariateScales: [Scale], base: Base, scalesWindows: Bool, marksMissing: Bool,
    readsDates: Bool, output: Output
  ) {
    (self.columns, self.form, self.step, self.season) = (columns, form, step, season)
    (self.window, self.horizon, self.scales, self.covariateScales) = (
      window, horizon, scales, covariateScales
    )
    (self.base, self.scalesWindows) = (base, scalesWindows)
    (self.marksMissing, self.readsDates, distribution) = (marksMissing, readsDates, output)
  }

  /// What is wrong with it, such as a scale by 0; nil for nothing.
  package var problem: String? {
    let limit = 1 << 24
    for (name, value) in [("window", window), ("horizon", horizon), ("season", season)]
    where value < 1 || value > limit {
      return "series.\(name): expected 1 to \(limit), found \(value)"
    }
    guard !scales.isEmpty, !columns.targets.isEmpty else { return "series.scales: expected one or more" }
    let covariates = columns.numericCovariates.count
    guard covariateScales.count == covariates else {
      return "series.covariate_scales: expected \(covariates), found \(covariateScales.count)"
    }
    let (statics, categories) = (columns.numericStatics.count, columns.categories.count)
    guard (staticScales ?? []).count == statics else {
      return "series.static_scales: expected \(statics), found \((staticScales ?? []).count)"
    }
    guard (self.categories ?? []).count == categories else {
      return
        "series.categories: expected those of \(categories) columns, found \((self.categories ?? []).count)"
    }
    for scale in scales + covariateScales + (staticScales ?? [])
    where !(scale.mean.isFinite && scale.deviation > 0 && scale.deviation.isFinite) {
      return
        "series.scales: expected finite means and deviations above 0, found \(scale.mean), \(scale.deviation)"
    }
    guard step.length > 0, step.length.isFinite, (step.months ?? 1) > 0, (step.months ?? 1) <= 12_000 else {
      return "series.step: expected above 0, found \(step.length)"
    }
    return nil
  }

  /// F: the numbers of each step that the model reads.
  public var features: Int { 1 + (marksMissing ? 1 : 0) + columns.numericCovariates.count }

  /// K: the numbers that are known of each step of a forecast.
  public var known: Int { dateCount + columns.numericFuture.count }

  /// How many of those are of dates.
  package var dateCount: Int { readsDates ? Self.dateCount(form, step) : 0 }

  /// The number of a series in the model, from 1 on; 0 for one that the training had not.
  public func number(id: String, column: String) -> Int {
    (scales.firstIndex { $0.id == id && $0.column == column } ?? -1) + 1
  }

  // MARK: Dates

  /// Numbers of `dates`.
  static func dateCount(_ form: TimeForm, _ step: TimeStep) -> Int {
    guard form != .number else { return 0 }
    let day = 86_400.0
    return step.months != nil ? 2 : step.length < day ? 6 : step.length < 28 * day ? 4 : 2
  }

  /// Where a time lies in its year, its week and its day, as far as steps are shorter than those: sine and cosine of each.
  public static func dates(_ seconds: Double, form: TimeForm, step: TimeStep) -> [Float] {
    let count = dateCount(form, step)
    guard count > 0 else { return [] }
    let parts = SeriesTime.parts(seconds)
    let start = SeriesTime.seconds(parts.year, 1, 1) ?? 0
    let day = 86_400.0
    let week = (seconds / day + 3) / 7
    let shares = [(seconds - start) / (365.25 * day), week - week.rounded(.down), parts.seconds / day]
    return shares.prefix(count / 2).flatMap { share -> [Float] in
      [Float(sine(share)), Float(sine(share + 0.25))]
    }
  }

  private static func sine(_ share: Double) -> Double { sin(2 * Double.pi * share) }
}
