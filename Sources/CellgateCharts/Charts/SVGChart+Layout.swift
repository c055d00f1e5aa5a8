import CellgateBasics

extension SVGChart {
  /// Where everything stands: the legend in rows under the heading, the plot in the rest.
  struct Layout {
    let legend: [(name: String, x: Double, y: Double)]
    /// Nil when there is no point to draw.
    let plot: Plot?

    init(_ chart: SVGChart) {
      let margin = 24.0
      let right = Double(chart.width) - margin
      var entries: [(name: String, x: Double, y: Double)] = []
      var x = margin
      var y = chart.subtitle.isEmpty ? 62.0 : 80.0
      for series in chart.series {
        let width = 29 + Layout.textWidth(series.name, size: 12.5) + 18
        if x > margin, x + width - 18 > right {
          x = margin
          y += 21
        }
        entries.append((series.name, x, y))
        x += width
      }
      legend = entries
      plot = Plot(chart, top: (entries.isEmpty ? y - 21 : y) + 46)
    }

    /// An upper estimate of a text's width in pixels in the fonts asked for.
    static func textWidth(_ text: String, size: Double) -> Double { 0.6 * size * Double(text.count) }
  }

  /// The rectangle of the curves and its two axes.
  struct Plot {
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double
    let x: Axis
    let y: Axis
    /// The series that stand side by side at a named place; 0 without such places.
    let columns: Int

    /// Nil when no point of `chart` has a place on its axes.
    init?(_ chart: SVGChart, top: Double) {
      func hasPlace(_ point: Point) -> Bool {
        Axis.hasPlace(point.x, chart.xScale) && Axis.hasPlace(point.y, chart.yScale)
      }
      let points = chart.series.flatMap { $0.points + $0.bars }.filter(hasPlace)
      guard !points.isEmpty else { return nil }
      let spreads = chart.series.flatMap(\.band).filter { Axis.hasPlace($0.x, chart.xScale) }
      let bars = chart.series.contains { !$0.bars.isEmpty }
      let ys =
        points.map(\.y) + spreads.flatMap { [$0.lower, $0.upper] } + chart.references.map(\.value)
        + (bars ? [0] : [])
      // Dots keep away from the edges; curves reach them.
      let isDotted = chart.series.contains { $0.style == .dots }
      x =
        chart.categories.isEmpty
        ? Axis(
          points.map(\.x) + spreads.map(\.x), scale: chart.xScale, padding: isDotted ? 0.08 : 0,
          fromZero: !isDotted)
        : Axis(places: chart.categories.count)
      y = Axis(
        ys.filter { Axis.hasPlace($0, chart.yScale) }, scale: chart.yScale, padding: 0.05, fromZero: true)
      columns = chart.categories.isEmpty ? 0 : chart.series.count
      let widest = y.ticks.map { Layout.textWidth(Axis.label($0), size: 12) }.max() ?? 0
      left = 24 + max(widest, 24) + 8
      let labels = chart.references.map { Layout.textWidth($0.label, size: 12) }.max() ?? 0
      right = Double(chart.width) - 24 - (labels > 0 ? min(labels, Double(chart.width) / 4) + 8 : 4)
      self.top = top
      bottom = Double(chart.height) - (chart.categories.contains { $0.contains("\n") } ? 82 : 66)
    }

    /// The width of a series' column at a named place, in pixels.
    var columnWidth: Double {
      let place = (right - left) / (x.range.upperBound - x.range.lowerBound)
      return columns == 0 ? 0 : min(46, 0.8 * place / Double(columns))
    }

    /// The horizontal pixel of a series' value, in its column where there are such.
    func place(of value: Double, series index: Int) -> Double? {
      place(of: value).map { $0 + (Double(index) - Double(max(1, columns) - 1) / 2) * columnWidth }
    }

    /// The horizontal pixel of a value.
    func place(of value: Double) -> Double? { x.position(value).map { left + $0 * (right - left) } }

    /// The vertical pixel of a value.
    func height(of value: Double) -> Double? { y.position(value).map { bottom - $0 * (bottom - top) } }

    /// A band's lower bound; on a logarithmic axis one that is zero or negative reaches the plot's edge.
    func floor(_ value: Double) -> Double {
      y.scale == .log && value < y.range.lowerBound ? y.range.lowerBound : value
    }

    /// Pixels of consecutive values that all have a place; a value without one starts a new run.
    func runs(_ values: [(x: Double, ys: [Double])]) -> [[(x: Double, ys: [Double])]] {
      var runs: [[(x: Double, ys: [Double])]] = [[]]
      for value in values {
        let heights = value.ys.compactMap { height(of: $0) }
        if let place = place(of: value.x), heights.count == value.ys.count {
          runs[runs.count - 1].append((place, heights))
        } else if !runs[runs.count - 1].isEmpty {
          runs.append([])
        }
      }
      return runs.filter { !$0.isEmpty }
    }
  }
}
