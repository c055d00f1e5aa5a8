import CellgateBasics
import CellgateTensor

extension SegmentForecaster {
  /// The options of a segment forecaster.
  public struct Options: LayerOptions {
    /// The recurrent layers, of one direction.
    public var recurrent: RecurrentOptions
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
        ("series", series), ("known", known + 1), ("seasons", seasons + 1), ("season", season),
        ("path_lags", (pathLags ?? 0) + 1))
      {
        return problem
      }
      if horizonSegment > horizon {
        return "horizon_segment: expected at most the horizon, \(horizon), found \(horizonSegment)"
      }
      if !(1...outputs).contains(locations) {
        return "locations: expected 1 to the outputs, \(outputs), found \(locations)"
      }
      let (product, overflows) = horizon.multipliedReportingOverflow(by: max(outputs, known))
      if overflows || product > SizeCheck.most {
        return "horizon: expected at most \(SizeCheck.most) numbers of a forecast, found more"
      }
      return recurrent.problem ?? DecoderCell.problem(recurrent)
        ?? SizeCheck.problem(share: "dropout", dropout)
    }

    /// Segments of the forecast.
    var segments: Int { decodesSegments ? (horizon - 1) / horizonSegment + 1 : 1 }
    /// Seasons of the forecast that are made linearly.
    var seasonsOfForecast: Int { seasons == 0 ? 0 : (horizon - 1) / season + 1 }
    /// Steps that the head forecasts.
    var stepsOfHead: Int { decodesSegments ? horizonSegment : horizon }
  }
}
