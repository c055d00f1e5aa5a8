import Foundation
import Testing

@testable import CellgateCharts

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("Charts as figures of a page")
struct SVGChartFigureTests {
  private static func chart(_ scale: SVGChart.Scale = .linear, count: Int = 50) -> SVGChart {
    var chart = SVGChart(title: "loss <of> \"a\" & b", xLabel: "updates", yLabel: "loss")
    chart.yScale = scale
    chart.series = (0..<4).map { index in
      let points = (0..<count).map { SVGChart.Point(Double($0), exp(-Double($0 * (index + 1)) / 100)) }
      return .init(name: "seed <\(index)>", points: points)
    }
    chart.references = [.init(label: "baseline", value: 0.5), .init(label: "solved", value: 0.49)]
    return chart
  }

  /// The names, classes and data of all elements; fails when the text is not well-formed XML.
  private static func elements(_ html: HTML) throws -> [(name: String, attributes: [String: String])] {
    final class Collector: NSObject, XMLParserDelegate {
      var found: [(name: String, attributes: [String: String])] = []
      func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) { found.append((element, attributes)) }
    }
    let collector = Collector()
    let parser = XMLParser(data: Data(html.source.utf8))
    parser.delegate = collector
    try #require(parser.parse(), "not well-formed: \(String(describing: parser.parserError))")
    return collector.found
  }

  private static func paths(_ html: HTML) throws -> [String] {
    let elements = try elements(html)
    return elements.indices.filter { elements[$0].attributes["class"]?.hasPrefix("curve") == true }
      .compactMap { elements[$0 + 1].attributes["d"] }
  }

  @Test("A figure is well-formed and has no colour of its own", arguments: [SVGChart.Scale.linear, .log])
  func wellFormed(scale: SVGChart.Scale) throws {
    let figure = Self.chart(scale).figure()
    let elements = try Self.elements(figure)
    #expect(figure == Self.chart(scale).figure())
    #expect(elements.allSatisfy { $0.attributes["fill"] == nil && $0.attributes["stroke"] == nil })
    let text = figure.source
    #expect(!text.contains("nan") && !text.contains("inf") && !text.contains("#"))
  }

  @Test("Curves of one family share a colour and an entry in the legend")
  func families() throws {
    let families = ["a", "a", "b<", "b<"]
    let elements = try Self.elements(Self.chart().figure(families: families))
    let curves = elements.filter { $0.attributes["class"]?.hasPrefix("curve") == true }
    #expect(
      curves.map { $0.attributes["class"] } == ["curve c0 d0", "curve c0 d0", "curve c1 d0", "curve c1 d0"])
    #expect(curves.map { $0.attributes["data-name"] } == (0..<4).map { "seed <\($0)>" })
    #expect(elements.count { $0.name == "li" } == 2)
  }

  @Test("Graded colours go from the palest to the strongest")
  func graded() throws {
    let curves = try Self.elements(Self.chart().figure(colours: .graded))
      .compactMap { $0.attributes["class"] }.filter { $0.hasPrefix("curve") }
    #expect(curves == ["curve g0", "curve g1", "curve g3", "curve g5"])
  }

  @Test("A number without a place breaks its curve", arguments: [Double.nan, .infinity, -1])
  func gaps(value: Double) throws {
    var chart = SVGChart(title: "a", xLabel: "x", yLabel: "y")
    chart.yScale = .log
    chart.series = [
      .init(name: "a", points: [1, 2, value, 4, value, 1, 3].enumerated().map { .init(Double($0), $1) })
    ]
    let path = try #require(try Self.paths(chart.figure()).first)
    #expect(path.count { $0 == "M" } == 3)
    // The point that stands alone is drawn too.
    #expect(path.contains("h0"))
    #expect(path.count { $0 == "M" || $0 == "L" } == 5)
  }

  @Test("A chart without a number to draw says so")
  func empty() throws {
    var chart = SVGChart(title: "a", xLabel: "x", yLabel: "y")
    chart.series = [.init(name: "a", points: [.init(0, .nan)])]
    #expect(chart.figure().source.contains("No values to draw."))
    _ = try Self.elements(chart.figure())
  }

  @Test("A long curve keeps its ends, its extremes and its gaps")
  func thinned() throws {
    var points = (0..<100_000).map { SVGChart.Point(Double($0), sin(Double($0) / 9000)) }
    points[31_234].y = 50
    points[61_234].y = -50
    points[81_234].y = .nan
    let kept = SVGChart.thinned(points, to: 1000)
    #expect(kept.count <= 1000 && kept.count > 300)
    #expect(kept.first == points.first && kept.last == points.last)
    #expect(kept.contains(points[31_234]) && kept.contains(points[61_234]))
    #expect(kept.contains { $0.y.isNaN })
    #expect(kept.map(\.x) == kept.map(\.x).sorted())
    #expect(SVGChart.thinned(Array(points.prefix(1000)), to: 1000).count == 1000)
    let figure = Self.chart(count: 50_000).figure(points: 200)
    for path in try Self.paths(figure) { #expect(path.count { $0 == "L" || $0 == "M" } <= 200) }
  }

  @Test("The words for who can't see it name the ends and extremes of each curve")
  func description() {
    var chart = SVGChart(title: "loss", xLabel: "updates", yLabel: "y")
    chart.series = [.init(name: "a", points: [.init(1, 3), .init(2, .nan), .init(3, 1), .init(4, 2)])]
    chart.references = [.init(label: "solved", value: 0.5)]
    #expect(
      chart.description == "loss by updates. a: 3.00 at 1, 2.00 at 4, from 1.00 to 3.00. solved: 0.500.")
  }
}
