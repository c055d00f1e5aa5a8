import Foundation
import Testing

@testable import CellgateCharts

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("SVG charts")
struct SVGChartTests {
  private static func chart(_ scale: SVGChart.Scale = .linear) -> SVGChart {
    var chart = SVGChart(title: "adding", xLabel: "updates", yLabel: "loss")
    chart.yScale = scale
    chart.series = (0..<9).map { index in
      let points = (0..<50).map { SVGChart.Point(Double($0), exp(-Double($0 * (index + 1)) / 100)) }
      let band = points.map { SVGChart.Interval($0.x, lower: $0.y * 0.9, upper: $0.y * 1.1) }
      return .init(name: "series \(index)", points: points, band: band)
    }
    chart.references = [.init(label: "baseline", value: 0.5), .init(label: "solved", value: 0.49)]
    return chart
  }

  /// The attributes of all elements of a name; fails when the text is not well-formed XML.
  private static func elements(_ name: String, in svg: String) throws -> [[String: String]] {
    final class Collector: NSObject, XMLParserDelegate {
      var name = ""
      var found: [[String: String]] = []
      func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) {
        if element == name { found.append(attributes) }
      }
    }
    let collector = Collector()
    collector.name = name
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = collector
    try #require(parser.parse(), "not well-formed: \(String(describing: parser.parserError))")
    return collector.found
  }

  /// All numbers of path data with a comma or letter between them.
  private static func coordinates(_ path: String) -> [Double] {
    path.split { !($0.isNumber || $0 == "." || $0 == "-") }.compactMap { Double($0) }
  }

  @Test(
    "Equal charts give equal, well-formed texts, with both scales", arguments: [SVGChart.Scale.linear, .log])
  func deterministic(scale: SVGChart.Scale) throws {
    let svg = Self.chart(scale).render()
    #expect(svg == Self.chart(scale).render())
    #expect(try Self.elements("svg", in: svg).count == 1)
    #expect(!svg.contains("nan") && !svg.contains("inf"))
  }

  @Test(
    "Every coordinate lies in the picture, and no curve reaches the legend",
    arguments: [SVGChart.Scale.linear, .log])
  func inside(scale: SVGChart.Scale) throws {
    let svg = Self.chart(scale).render()
    let legendBottom = try Self.elements("text", in: svg).filter { $0["font-size"] == "12.5" }
      .compactMap { Double($0["y"] ?? "") }.max()
    let curves = try Self.elements("path", in: svg).filter { $0["stroke-width"] == "2" }
    #expect(curves.count == 9)
    for curve in curves {
      let numbers = Self.coordinates(try #require(curve["d"]))
      for (x, y) in zip(stride(from: 0, to: numbers.count, by: 2), stride(from: 1, to: numbers.count, by: 2))
      {
        #expect((0...860).contains(numbers[x]) && numbers[y] <= 500)
        #expect(numbers[y] > (try #require(legendBottom)))
      }
    }
  }

  @Test("Colours follow the order, and the eighth series repeats the first colour with dashes")
  func colours() throws {
    let curves = try Self.elements("path", in: Self.chart().render()).filter { $0["stroke-width"] == "2" }
    #expect(curves.map { $0["stroke"] ?? "" } == SVGChart.palette + SVGChart.palette.prefix(2))
    #expect(
      curves.map { $0["stroke-dasharray"] != nil } == [Bool](repeating: false, count: 7) + [true, true])
  }

  @Test("Bars and dots of several series stand side by side at named places, inside the picture")
  func places() throws {
    var chart = SVGChart(title: "t", xLabel: "", yLabel: "updates")
    chart.categories = ["T = 100\nunits", "T = 200"]
    chart.series = (0..<3).map { index in
      var series = SVGChart.Series(name: "s\(index)", points: [.init(0, 10), .init(1, 20, isOpen: true)])
      series.style = .dots
      series.bars = [.init(0, 10), .init(1, 20, isOpen: true)]
      return series
    }
    let svg = chart.render()
    let bars = try Self.elements("rect", in: svg).filter { $0["width"] != "860" }
    #expect(bars.count == 6)
    #expect(bars.count { $0["stroke-dasharray"] != nil } == 3)
    var spans = bars.compactMap { bar -> ClosedRange<Double>? in
      guard let x = Double(bar["x"] ?? ""), let width = Double(bar["width"] ?? "") else { return nil }
      return x...(x + width)
    }
    spans.sort { $0.lowerBound < $1.lowerBound }
    for (left, right) in zip(spans, spans.dropFirst()) { #expect(left.upperBound < right.lowerBound) }
    #expect(try #require(spans.first).lowerBound > 0 && (try #require(spans.last)).upperBound < 860)
    // All bars stand on the axis.
    let feet = bars.compactMap { bar in
      Double(bar["y"] ?? "").flatMap { y in Double(bar["height"] ?? "").map { y + $0 } }
    }
    #expect(Set(feet.map { ($0 * 10).rounded() }).count == 1)
    let dots = try Self.elements("circle", in: svg)
    #expect(dots.count { $0["fill"] == "#ffffff" } == 3 && dots.count == 6)
    for line in ["T = 100", "units", "T = 200"] { #expect(svg.contains(">\(line)<")) }
  }

  @Test("Dots have strokes for their spread, keep away from the edges, and may stand over a logarithmic axis")
  func dots() throws {
    var chart = SVGChart(title: "t", xLabel: "parameters", yLabel: "accuracy")
    chart.xScale = .log
    var series = SVGChart.Series(name: "a", points: [.init(1e4, 0.9), .init(1e5, 0.95), .init(-1, 0.9)])
    series.style = .dots
    series.band = [.init(1e4, lower: 0.89, upper: 0.91)]
    chart.series = [series]
    let svg = chart.render()
    let dots = try Self.elements("circle", in: svg).compactMap { Double($0["cx"] ?? "") }
    #expect(dots.count == 2)
    let edges = try Self.elements("line", in: svg).compactMap { Double($0["x1"] ?? "") }
    #expect(try #require(dots.min()) > (try #require(edges.min())) + 10)
    #expect(try Self.elements("path", in: svg).count { $0["stroke-width"] == "1.5" } == 1)
  }

  @Test("Points that are not finite, or not positive on a log axis, break the line; a lone point is a dot")
  func gaps() throws {
    var chart = SVGChart(title: "t", xLabel: "x", yLabel: "y")
    chart.series = [
      .init(name: "a", points: [.init(0, 1), .init(1, 2), .init(2, .nan), .init(3, 1), .init(4, 2)])
    ]
    func moves() throws -> Int {
      try Self.elements("path", in: chart.render()).filter { $0["stroke-width"] == "2" }
        .reduce(0) { $0 + ($1["d"] ?? "").count { $0 == "M" } }
    }
    #expect(try moves() == 2)
    chart.series[0].points[2].y = .infinity
    #expect(try moves() == 2)
    chart.series[0].points[2].y = -1
    #expect(try moves() == 1)
    chart.yScale = .log
    #expect(try moves() == 2)
    chart.series[0].points.removeLast()
    #expect(try moves() == 1)
    #expect(try Self.elements("circle", in: chart.render()).count == 1)
  }

  @Test("A chart without a drawable point says that there are no data")
  func noData() throws {
    var chart = SVGChart(title: "t", xLabel: "x", yLabel: "y")
    #expect(chart.render().contains(">no data<"))
    chart.series = [.init(name: "a", points: [.init(.nan, 1), .init(0, .infinity)])]
    #expect(chart.render().contains(">no data<"))
    #expect(try Self.elements("svg", in: chart.render()).count == 1)
    chart.series[0].points = [.init(1, 0)]
    chart.yScale = .log
    #expect(chart.render().contains(">no data<"))
  }

  @Test("Markup and control characters in names cannot break the XML")
  func escapes() throws {
    var chart = Self.chart()
    chart.title = "<script>&\"'\u{1}\u{FFFF}]]>"
    chart.series[0].name = "</text><x/>"
    chart.references[0].label = "a\nb"
    let svg = chart.render()
    #expect(try Self.elements("script", in: svg).isEmpty)
    #expect(try Self.elements("x", in: svg).isEmpty)
    #expect(svg.contains("&lt;script&gt;&amp;&quot;&#39;"))
  }

  private static let extremeValues: [[Double]] = [
    [0, 0], [5, 5], [-3, -3], [1e308, -1e308], [.leastNonzeroMagnitude, 1e299], [1e300, -1e300],
    [1e300, 1e300], [1e-300, 1e-300],
    [1, 1.000_000_000_000_000_2], [1e15, 1e15 + 1],
  ]

  @Test(
    "Extreme values neither crash nor leave the picture",
    arguments: extremeValues, [SVGChart.Scale.linear, .log])
  func extremes(values: [Double], scale: SVGChart.Scale) throws {
    var chart = SVGChart(title: "t", xLabel: "x", yLabel: "y")
    chart.yScale = scale
    chart.series = [.init(name: "a", points: values.enumerated().map { .init(Double($0), $1) })]
    let svg = chart.render()
    for path in try Self.elements("path", in: svg).filter({ $0["stroke-width"] == "2" }) {
      #expect(Self.coordinates(path["d"] ?? "").allSatisfy { (-1...861).contains($0) })
    }
    chart.series[0].points = values.map { .init($0, 1) }
    _ = try Self.elements("svg", in: chart.render())
  }

  @Test("Ticks are round numbers with short labels")
  func ticks() {
    #expect(SVGChart.Axis.linearTicks(0...0.17, count: 6) == [0, 0.05, 0.1, 0.15])
    #expect(SVGChart.Axis.linearTicks(-1...1, count: 6) == [-1, -0.5, 0, 0.5, 1])
    #expect(
      SVGChart.Axis([0, 3000], scale: .linear, padding: 0).ticks == [0, 500, 1000, 1500, 2000, 2500, 3000])
    #expect(SVGChart.Axis.linearTicks(0...3000, count: 6) == [0, 500, 1000, 1500, 2000, 2500, 3000])
    #expect(SVGChart.Axis([1e-4, 1], scale: .log, padding: 0).ticks == [1e-4, 1e-3, 1e-2, 0.1, 1])
    #expect(SVGChart.Axis([1, 8], scale: .log, padding: 0).ticks == [1, 2, 5])
    let values = [0, 0.05, 0.3, 1500, -20, 2e6, 1e-5, 1e-4, 1.5e-4, 999_999, 0.001]
    #expect(
      values.map(SVGChart.Axis.label) == [
        "0", "0.05", "0.3", "1,500", "−20", "2·10⁶", "10⁻⁵", "10⁻⁴", "1.5·10⁻⁴", "999,999", "0.001",
      ])
  }

  @Test("Thinning keeps the ends and the extremes of each quarter pixel")
  func thinning() {
    let spikes: [Int: Double] = [77: 9, 99: -9]
    let points = (0..<1000).map { (Double($0) / 1000, spikes[$0] ?? 0) }
    let kept = SVGChart.thin(points)
    #expect(kept.count <= 16)
    #expect(kept.contains { $0.1 == 9 } && kept.contains { $0.1 == -9 })
    #expect(kept.first?.0 == 0 && kept.last?.0 == 0.999)
  }

  @Test("A series may choose its colour and dashes")
  func chosenLook() throws {
    var chart = SVGChart(title: "t", xLabel: "x", yLabel: "y")
    let points = [SVGChart.Point(0, 1), .init(1, 2)]
    chart.series = [
      .init(name: "a", points: points, colour: 1, dash: 0),
      .init(name: "b", points: points, colour: 1, dash: 1),
      .init(name: "c", points: points),
    ]
    let curves = try Self.elements("path", in: chart.render()).filter { $0["stroke-width"] == "2" }
    #expect(curves.map { $0["stroke"] } == [1, 1, 2].map { SVGChart.palette[$0] })
    #expect(curves.map { $0["stroke-dasharray"] } == [nil, "7 4", nil])
  }

  @Test(
    "Reference lines far from the curves are named in the subtitle, on either scale",
    arguments: [false, true])
  func farReferences(isLog: Bool) {
    var chart = SVGChart(title: "t", xLabel: "x", yLabel: "y")
    chart.yScale = isLog ? .log : .linear
    chart.subtitle = "one seed"
    chart.series = [.init(name: "a", points: [.init(0, 2), .init(1, 1)])]
    let near = SVGChart.Reference(label: "near", value: isLog ? 3.9 : 2.9)
    let below = SVGChart.Reference(label: "below", value: isLog ? 0.51 : 0.1)
    chart.references = [.init(label: "far", value: 4.1), near, below, .init(label: "zero", value: -0.1)]
    chart.moveFarReferencesToSubtitle()
    #expect(chart.references == [near, below])
    #expect(chart.subtitle == "one seed; far 4.100; zero -0.1000")
    // Curves of a single value say nothing of what is far.
    chart.series = [.init(name: "a", points: [.init(0, 2)])]
    chart.references = [.init(label: "far", value: 100)]
    chart.moveFarReferencesToSubtitle()
    #expect(chart.references.count == 1)
  }

  @Test(
    "Numbers beyond an Int's digits have none after the point",
    arguments: [(1e300, "1.00e+300"), (-.infinity, "−∞"), (.nan, "NaN"), (9.3e16, "9.30e+16")])
  func hugeDecimals(value: Double, text: String) {
    let (whole, fraction) = SVGChart.decimal(value, 2)
    #expect(whole == text && fraction.isEmpty)
  }
}
