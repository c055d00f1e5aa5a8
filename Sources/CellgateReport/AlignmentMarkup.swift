import CellgateCharts
import CellgateData

/// Pictures of what the symbols of translations looked at: a row for each symbol that was written, a column for each that was read.
package enum AlignmentMarkup {
  private static let cell = 18.0
  /// The width that a character of a label takes, at most.
  private static let letter = 7.5
  /// Weights below this are not drawn.
  private static let least: Float = 0.02

  private struct Size {
    let left: Double, top: Double, width: Double, height: Double

    init(_ alignment: Alignment) {
      func longest(_ texts: [String]) -> Double { letter * Double(texts.map(\.count).max() ?? 0) + 10 }
      (left, top) = (longest(alignment.target), longest(alignment.source))
      width = left + cell * Double(alignment.source.count) + 1
      height = top + cell * Double(alignment.target.count) + 1
    }
  }

  /// The picture within a page, whose colour it takes; nothing without symbols.
  package static func picture(_ alignment: Alignment) -> HTML {
    guard !alignment.target.isEmpty, !alignment.source.isEmpty else { return .empty }
    let size = Size(alignment)
    return .tag(
      "svg",
      [
        "class": "alignment", "role": "img", "width": number(size.width), "height": number(size.height),
        "viewBox": "0 0 \(number(size.width)) \(number(size.height))",
        "aria-label": "What each symbol of the translation looked at",
      ], HTML(parts(alignment, size)))
  }

  /// A picture of its own of translations one below the other, each with its sentence above.
  package static func file(_ translations: [(source: String, alignment: Alignment)]) -> String {
    var (groups, y, width): ([HTML], Double, Double) = ([], 16, 0)
    for (source, alignment) in translations {
      let size = Size(alignment)
      groups.append(.tag("text", ["x": "16", "y": number(y + 16)], HTML(source)))
      y += 28
      groups.append(
        .tag("g", ["transform": "translate(16 \(number(y)))"], HTML(parts(alignment, size))))
      y += size.height + 28
      width = max(width, size.width, letter * Double(source.count))
    }
    let page = HTML.tag(
      "svg",
      [
        "xmlns": "http://www.w3.org/2000/svg", "width": number(width + 32), "height": number(y),
        "viewBox": "0 0 \(number(width + 32)) \(number(y))", "font-family": "sans-serif",
        "font-size": "13", "role": "img",
      ], .tag("title", [:], "What each symbol of the translations looked at"),
      .tag("rect", ["width": "100%", "height": "100%", "fill": "#ffffff"]), HTML(groups))
    return page.source + "\n"
  }

  private static func parts(_ alignment: Alignment, _ size: Size) -> [HTML] {
    let columns = alignment.source.enumerated().map { place, text -> HTML in
      let x = number(size.left + cell * (Double(place) + 0.7))
      return .tag(
        "text", ["transform": "translate(\(x) \(number(size.top - 6))) rotate(-90)", "fill": "currentColor"],
        HTML(text))
    }
    let rows = alignment.target.enumerated().map { place, text -> HTML in
      .tag(
        "text",
        [
          "x": number(size.left - 6), "y": number(size.top + cell * (Double(place) + 0.72)),
          "text-anchor": "end", "fill": "currentColor",
        ], HTML(text))
    }
    let cells = alignment.weights.enumerated().flatMap { row, weights in
      weights.enumerated().compactMap { column, weight -> HTML? in
        guard weight >= least else { return nil }
        return .tag(
          "rect",
          [
            "x": number(size.left + cell * Double(column)), "y": number(size.top + cell * Double(row)),
            "width": number(cell), "height": number(cell), "fill": "currentColor",
            "fill-opacity": NumberText.fixed(Double(min(weight, 1)), 2),
          ])
      }
    }
    let frame = HTML.tag(
      "rect",
      [
        "x": number(size.left), "y": number(size.top),
        "width": number(size.width - size.left - 1), "height": number(size.height - size.top - 1),
        "fill": "none", "stroke": "currentColor", "stroke-opacity": "0.4",
      ])
    return columns + rows + cells + [frame]
  }

  private static func number(_ value: Double) -> String { NumberText.fixed(value, 1) }

  /// The style of translations on any page.
  static let style = """
    .translation { margin: 18px 0 0; } .translation p { margin: 2px 0; } .translation .written { font-weight: 600; }
    .alignment { display: block; margin: 8px 0 0; max-width: 100%; height: auto; font-size: 13px; }
    """
}
