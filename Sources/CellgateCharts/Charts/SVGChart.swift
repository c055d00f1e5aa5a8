import CellgateBasics
import CellgateFiles

/// A chart of lines, dots or bars, such as learning curves, as one self-contained SVG 1.1 text: no script, no
/// external font.
///
///     var chart = SVGChart(title: "adding", xLabel: "updates", yLabel: "mean squared error")
///     chart.yScale = .log
///     chart.series = [.init(name: "lstm", points: curve)]
///     chart.references = [.init(label: "baseline", value: 0.167)]
///     try AtomicFile.write(Data(chart.render().utf8), to: "curves.svg")
///
/// Equal charts give equal texts. A point that is not finite, or not positive on a logarithmic axis, breaks its
/// line. The legend stands above the plot and the labels of the reference lines beside it, so neither covers a
/// curve.
public struct SVGChart: Sendable, Equatable {
  /// How values map to heights.
  public enum Scale: Sendable { case linear, log }

  /// One place on a curve.
  public struct Point: Sendable, Equatable {
    /// The horizontal value, such as an update's number.
    public var x: Double
    /// The vertical value, such as a loss.
    public var y: Double
    /// Whether a dot or bar is drawn open: for a bound instead of a value, such as the end of a run that got nowhere.
    public var isOpen: Bool

    /// A point at (x, y).
    public init(_ x: Double, _ y: Double, isOpen: Bool = false) {
      self.x = x
      self.y = y
      self.isOpen = isOpen
    }
  }

  /// How the points of a series are drawn.
  public enum Style: Sendable {
    /// A curve, with its band as a shaded area.
    case line
    /// A dot for each point, with its band as vertical strokes.
    case dots
  }

  /// The spread around a curve at one place.
  public struct Interval: Sendable, Equatable {
    /// The horizontal value.
    public var x: Double
    /// The lower bound of the vertical value.
    public var lower: Double
    /// The upper bound of the vertical value.
    public var upper: Double

    /// The interval from `lower` to `upper` at `x`.
    public init(_ x: Double, lower: Double, upper: Double) {
      self.x = x
      self.lower = lower
      self.upper = upper
    }
  }

  /// A named curve; its colour follows from its place in `series` unless given.
  public struct Series: Sendable, Equatable {
    /// The text in the legend.
    public var name: String
    /// The curve, in the order it is drawn.
    public var points: [Point]
    /// A shaded spread under the curve; empty for none.
    public var band: [Interval]
    /// A place in the palette, and one among the dashes, of which 0 is a whole line; nil for those that follow from
    /// the place in `series`. Numbers beyond what there is begin again.
    public var colour: Int?, dash: Int?
    /// How the points are drawn.
    public var style = Style.line
    /// Bars from the lower edge to these points, side by side with those of the other series; for charts with
    /// `categories`.
    public var bars: [Point] = []

    /// A curve with an optional spread.
    public init(
      name: String, points: [Point], band: [Interval] = [], colour: Int? = nil, dash: Int? = nil
    ) {
      self.name = name
      self.points = points
      self.band = band
      self.colour = colour
      self.dash = dash
    }
  }

  /// A horizontal line with a label, such as a trivial baseline.
  public struct Reference: Sendable, Equatable {
    /// The text beside the line.
    public var label: String
    /// The line's vertical value.
    public var value: Double

    /// A line at `value`.
    public init(label: String, value: Double) {
      self.label = label
      self.value = value
    }
  }

  /// The heading.
  public var title: String
  /// A smaller line under the heading; empty for none.
  public var subtitle = ""
  /// The text under the horizontal axis.
  public var xLabel: String
  /// The text over the vertical axis.
  public var yLabel: String
  /// The horizontal axis' scale.
  public var xScale = Scale.linear
  /// The names of the places 0, 1, ... on the horizontal axis, a line break where a name has two lines; empty for an
  /// axis of numbers. Each series stands beside the others at a place, in a column of its own.
  public var categories: [String] = []
  /// The vertical axis' scale.
  public var yScale = Scale.linear
  /// The curves, drawn in order.
  public var series: [Series] = []
  /// The reference lines.
  public var references: [Reference] = []
  /// The width of the picture in pixels.
  public var width = 860
  /// The height of the picture in pixels.
  public var height = 500

  /// A chart without curves.
  public init(title: String, xLabel: String, yLabel: String) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
  }

  /// Puts reference lines that are farther from all points than these are from one another into the subtitle: drawn,
  /// they would leave the curves little room.
  package mutating func moveFarReferencesToSubtitle() {
    func height(_ value: Double) -> Double { yScale == .log ? log(value) : value }
    let heights = series.flatMap(\.points).filter { Axis.hasPlace($0.y, yScale) }.map { height($0.y) }
    guard let low = heights.min(), let high = heights.max(), high > low else { return }
    let room = (2 * low - high)...(2 * high - low)
    for far in references where !room.contains(height(far.value)) {
      subtitle += (subtitle.isEmpty ? "" : "; ") + "\(far.label) \(NumberText.number(far.value))"
    }
    references.removeAll { !room.contains(height($0.value)) }
  }

  /// The colours of the series in order, distinct for any colour vision (Okabe and Ito 2008, without the
  /// yellow that is too pale for a line); series beyond these repeat them with dashes.
  public static let palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#404040"]

  static let dashes = ["", "7 4", "2 4", "10 4 2 4"]

  /// The colour of the series at a place.
  func colour(_ index: Int) -> String { Self.palette[(series[index].colour ?? index) % Self.palette.count] }

  /// The dashes of the series at a place; empty for a whole line.
  func dash(_ index: Int) -> String {
    Self.dashes[(series[index].dash ?? index / Self.palette.count) % Self.dashes.count]
  }
}
