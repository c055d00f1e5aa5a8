import CellgateCharts

/// Captions on a page, with what each word looked at.
package enum CaptionMarkup {
  /// The words of a caption, each under a picture of its attention [R]: a square of regions in rows where R is one, else a row.
  package static func words(_ words: [String], attention: [[Float]]) -> HTML {
    let items = zip(words, attention).map { word, weights -> HTML in
      .tag("span", ["class": "word"], grid(weights), HTML(word))
    }
    return .tag("p", ["class": "written"], HTML(items))
  }

  /// The largest weight is black, 0 white.
  private static func grid(_ weights: [Float]) -> HTML {
    let side = Int(Double(weights.count).squareRoot().rounded())
    let columns = max(1, side * side == weights.count ? side : weights.count)
    let most = weights.max() ?? 0
    let cells = weights.enumerated().map { place, weight -> HTML in
      let share = most > 0 ? Double(weight / most) : 0
      return .tag(
        "rect",
        [
          "x": "\(place % columns)", "y": "\(place / columns)", "width": "1", "height": "1",
          "fill-opacity": NumberText.fixed(share, 2),
        ])
    }
    let rows = weights.isEmpty ? 1 : (weights.count - 1) / columns + 1
    return .tag(
      "svg",
      [
        "class": "attention", "viewBox": "0 0 \(columns) \(rows)", "width": "\(min(96, 12 * columns))",
        "height": "\(12 * rows)", "aria-hidden": "true",
      ], HTML(cells))
  }

  /// The style of captions on any page.
  package static let style = """
    .captions { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 22px 56px; }
    .caption h5 { font-size: 13px; font-weight: 400; margin: 0 0 4px; color: var(--faint); overflow-wrap: anywhere; }
    .thumbnail { max-width: 100%; object-fit: contain; border-radius: 4px; }
    .caption p { margin: 2px 0; } .caption .written { font-weight: 600; }
    .word { display: inline-flex; flex-direction: column; align-items: center; margin: 0 6px 6px 0; gap: 3px; }
    .attention { border: 1px solid var(--faint); fill: currentColor; }
    """
}
