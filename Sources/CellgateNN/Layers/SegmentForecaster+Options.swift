import CellgateBasics
import CellgateTensor

extension SegmentForecaster {
  /// Categories of which each has a learned vector, as have all those that are none of them, together.
  public struct Category: Codable, Equatable, Sendable {
    /// V: how many there are. They are numbered from 1 on; any other number is one that is not known.
    public var count: Int
    /// Numbers of a vector.
    public var size: Int

    /// So many categories, and vectors of √V numbers, 2 to 16 of them, unless it is said.
    public init(count: Int, size: Int? = nil) {
      self.count = count
      self.size = size ?? min(max(Int(Double(count).squareRoot().rounded(.up)), 2), 16)
    }

    /// The row of a number in a table of vectors.
    func row(_ number: Float) -> Int32 { number >= 1 && number <= Float(count) ? Int32(number) : 0 }
  }

  /// The options of a segment forecaster.
  public struct Options: LayerOptions {
    /// The recurrent layers, of one direction.
    public var recurrent: RecurrentOptions
    /// The Transformer that reads the segments in place of the recurrent layers, of which only the units count then; nil for none.
    public var transformer: TransformerEncoder.Options?
    /// S: steps of a segment of the input.
    public var segment: Int
    /// Steps that are forecast.
    public var horizon: Int
    /// R: steps of a segment of the forecast; the last one may be cut short.
    public var horizonSegment: Int
    /// Numbers for each step of the forecast.
    public var outputs: Int
    /// C: how many series there are.
    public var series = 1
    /// K: numbers that are known of each step that is forecast.
    public var known = 0
    /// N: how many of the last seasons are read linearly; 0 for none.
    public var seasons = 0
    /// P: steps of a season.
    public var season = 1
    /// How many of the first outputs of a step what was read linearly is added to.
    public var locations = 1
    /// Whether each segment of the forecast is a step of the cell.
    public var decodesSegments = true
    /// The share that is dropped of what the head reads.
    public var dropout: Float = 0
    /// What is known by category at each step of the input; nil for nothing.
    public var pastCategories: [Category]?
    /// How many of these, the last ones, are known of each step that is forecast, too; nil for none.
    public var knownCategories: Int?
    /// M: numbers that are known of a whole series; nil for none.
    public var statics: Int?
    /// What is known by category of a whole series; nil for nothing.
    public var staticCategories: [Category]?
    /// At how many lags it is kept how the residuals of a forecast's steps go together; nil for none.
    public var pathLags: Int?

    /// Options with their defaults.
    public init(
      recurrent: RecurrentOptions, segment: Int, horizon: Int, horizonSegment: Int? = nil, outputs: Int = 1
    ) {
      self.recurrent = recurrent
      self.segment = segment
      self.horizon = horizon
      self.horizonSegment = horizonSegment ?? min(segment, horizon)
      self.outputs = outputs
    }

    /// Sizes of 1 or more, recurrent layers of one direction.
    public var problem: String? {
      if let problem = SizeCheck.problem(
        ("segment", segment), ("horizon", horizon), ("horizon_segment", horizonSegment), ("outputs", outputs),
        ("series", series), ("known", Self.least(known)), ("seasons", Self.least(seasons)),
        ("season", season),
        ("path_lags", Self.least(pathLags)))
      {
        return problem
      }
      let categories = (pastCategories ?? []) + (staticCategories ?? [])
      for one in categories {
        if let problem = SizeCheck.problem(("categories", Self.least(one.count)), ("category_size", one.size))
        {
          return problem
        }
      }
      if categories.count > Self.mostColumns {
        return "categories: expected those of at most \(Self.mostColumns) columns, found \(categories.count)"
      }
      if !(0...(pastCategories ?? []).count).contains(knownCategories ?? 0) {
        return "known_categories: expected at most the past ones, found \(knownCategories ?? 0)"
      }
      if let problem = SizeCheck.problem(("statics", Self.least(statics))) { return problem }
      if horizonSegment > horizon {
        return "horizon_segment: expected at most the horizon, \(horizon), found \(horizonSegment)"
      }
      if !(1...outputs).contains(locations) {
        return "locations: expected 1 to the outputs, \(outputs), found \(locations)"
      }
      let (product, overflows) = horizon.multipliedReportingOverflow(by: max(outputs, knownWidth))
      if overflows || product > SizeCheck.most {
        return "horizon: expected at most \(SizeCheck.most) numbers of a forecast, found more"
      }
      if let transformer {
        if let problem = transformer.problem ?? transformer.own.problem(units: recurrent.units) {
          return "transformer: " + problem
        }
        if transformer.units ?? recurrent.units != recurrent.units {
          return
            "transformer.units: expected \(recurrent.units) as the recurrent layers, found \(transformer.units ?? 0)"
        }
      }
      return recurrent.problem ?? DecoderCell.problem(recurrent)
        ?? SizeCheck.problem(share: "dropout", dropout)
    }

    /// What is 1 or more where a size is 0 or more, whatever it is.
    private static func least(_ size: Int?) -> Int { size == .max ? .max : (size ?? 0) + 1 }

    private static let mostColumns = 10_000

    /// Numbers of each step besides those of the input, of each step of the forecast, and of a whole series, vectors of categories included.
    var pastVectors: Int { (pastCategories ?? []).reduce(0) { $0 + $1.size } }
    var knownWidth: Int {
      known + (pastCategories ?? []).suffix(knownCategories ?? 0).reduce(0) { $0 + $1.size }
    }
    var staticWidth: Int { (statics ?? 0) + (staticCategories ?? []).reduce(0) { $0 + $1.size } }

    /// Segments of the forecast.
    var segments: Int { decodesSegments ? (horizon - 1) / horizonSegment + 1 : 1 }
    /// Seasons of the forecast that are made linearly.
    var seasonsOfForecast: Int { seasons == 0 ? 0 : (horizon - 1) / season + 1 }
    /// Steps that the head forecasts.
    var stepsOfHead: Int { decodesSegments ? horizonSegment : horizon }
  }
}
