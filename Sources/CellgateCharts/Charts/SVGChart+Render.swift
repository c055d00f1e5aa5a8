import CellgateBasics

extension SVGChart {
  /// The picture as SVG text.
  public func render() -> String {
    let layout = Layout(self)
    var svg = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" role=\"img\" font-family=\"\(Self.fonts)\">",
      "<title>\(Self.escape(title))</title>",
      "<rect width=\"\(width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
      text(title, 24, 34, size: 18, colour: Self.ink, weight: "600"),
    ]
    if !subtitle.isEmpty { svg.append(text(subtitle, 24, 54, size: 12.5, colour: Self.faintInk)) }
    svg += legend(layout)
    guard let plot = layout.plot else {
      svg.append(
        text(
          "no data", Double(width) / 2, Double(height) / 2, size: 16, colour: Self.faintInk, anchor: "middle")
      )
      return svg.joined(separator: "\n") + "\n</svg>\n"
    }
    svg += axes(plot)
    svg += bands(plot)
    svg += bars(plot)
    svg += curves(plot)
    svg += dots(plot)
    svg += referenceLines(plot)
    return svg.joined(separator: "\n") + "\n</svg>\n"
  }

  static let fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
  static let ink = "#1f2328"
  static let faintInk = "#656d76"

  private func axes(_ plot: Plot) -> [String] {
    var svg: [String] = ["<g stroke=\"#f0f2f4\" stroke-width=\"1\">"]
    svg += plot.y.minorTicks.compactMap { plot.height(of: $0) }.map { horizontal(plot, $0) }
    svg.append("</g>\n<g stroke=\"#dfe3e8\" stroke-width=\"1\">")
    svg += plot.y.ticks.compactMap { plot.height(of: $0) }.map { horizontal(plot, $0) }
    svg.append("</g>\n<g stroke=\"#8c959f\" stroke-width=\"1\">")
    svg.append(horizontal(plot, plot.bottom))
    for tick in plot.x.ticks {
      guard let x = plot.place(of: tick) else { continue }
      svg.append(line(x, plot.bottom, x, plot.bottom + 5))
    }
    svg.append("</g>")
    for tick in plot.x.ticks {
      guard let x = plot.place(of: tick) else { continue }
      let label = categories.isEmpty ? Axis.label(tick) : categories[Int(tick)]
      for (row, line) in label.split(separator: "\n").enumerated() {
        let y = plot.bottom + 20 + 16 * Double(row)
        svg.append(text(String(line), x, y, size: 12, colour: Self.faintInk, anchor: "middle"))
      }
    }
    for tick in plot.y.ticks {
      guard let y = plot.height(of: tick) else { continue }
      svg.append(text(Axis.label(tick), plot.left - 8, y + 4, size: 12, colour: Self.faintInk, anchor: "end"))
    }
    let middle = (plot.left + plot.right) / 2
    svg.append(text(xLabel, middle, Double(height) - 23, size: 13, colour: Self.ink, anchor: "middle"))
    svg.append(text(yLabel, 24, plot.top - 14, size: 13, colour: Self.ink))
    return svg
  }

  private func referenceLines(_ plot: Plot) -> [String] {
    // Labels keep the order of their lines and move apart where these are close.
    let lines = references.compactMap { reference in
      plot.height(of: reference.value).map { (reference.label, $0) }
    }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    var svg: [String] = []
    var free = plot.top
    for (label, y) in lines {
      svg.append(
        "<path d=\"M\(number(plot.left)) \(number(y))H\(number(plot.right))\" stroke=\"#57606a\" "
          + "stroke-width=\"1.25\" stroke-dasharray=\"5 4\" fill=\"none\"/>")
      let place = max(y, free)
      svg.append(text(label, plot.right + 8, place + 4, size: 12, colour: "#57606a"))
      free = place + 15
    }
    return svg
  }

  private func bands(_ plot: Plot) -> [String] {
    series.enumerated().filter { $0.element.style == .line }.flatMap { index, series in
      plot.runs(series.band.map { ($0.x, [plot.floor($0.lower), $0.upper]) }).filter { $0.count > 1 }.map {
        run in
        let upper = run.map { "\(number($0.x)) \(number($0.ys[1]))" }
        let lower = run.reversed().map { "\(number($0.x)) \(number($0.ys[0]))" }
        return "<path d=\"M\((upper + lower).joined(separator: "L"))Z\" fill=\"\(colour(index))\" "
          + "fill-opacity=\"0.14\"/>"
      }
    }
  }

  private func curves(_ plot: Plot) -> [String] {
    series.enumerated().filter { $0.element.style == .line }.flatMap { index, series -> [String] in
      let colour = colour(index)
      let runs = plot.runs(series.points.map { ($0.x, [$0.y]) })
      let lines = runs.filter { $0.count > 1 }.map { run in
        "M"
          + Self.thin(run.map { ($0.x, $0.ys[0]) }).map { "\(number($0.0)) \(number($0.1))" }
          .joined(separator: "L")
      }
      let dots = runs.filter { $0.count == 1 }.map { run in
        "<circle cx=\"\(number(run[0].x))\" cy=\"\(number(run[0].ys[0]))\" r=\"3\" fill=\"\(colour)\"/>"
      }
      guard !lines.isEmpty else { return dots }
      return [
        "<path d=\"\(lines.joined())\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\" "
          + "stroke-linejoin=\"round\"\(dashAttribute(index))/>"
      ] + dots
    }
  }

  private func bars(_ plot: Plot) -> [String] {
    series.enumerated().flatMap { index, series in
      series.bars.compactMap { bar in
        guard let x = plot.place(of: bar.x, series: index), let y = plot.height(of: bar.y) else { return nil }
        let width = plot.columnWidth * 0.82
        let colour = colour(index)
        let look =
          bar.isOpen
          ? "fill=\"none\" stroke=\"\(colour)\" stroke-opacity=\"0.6\" stroke-dasharray=\"4 3\""
          : "fill=\"\(colour)\" fill-opacity=\"0.3\""
        return "<rect x=\"\(number(x - width / 2))\" y=\"\(number(y))\" width=\"\(number(width))\" "
          + "height=\"\(number(plot.bottom - y))\" \(look)/>"
      }
    }
  }

  /// Dots, open ones white inside, over strokes for their spread.
  private func dots(_ plot: Plot) -> [String] {
    series.enumerated().filter { $0.element.style == .dots }.flatMap { index, series -> [String] in
      let colour = colour(index)
      let strokes = series.band.compactMap { interval -> String? in
        guard let x = plot.place(of: interval.x, series: index),
          let upper = plot.height(of: interval.upper),
          let lower = plot.height(of: plot.floor(interval.lower))
        else { return nil }
        let ends = [upper, lower].map { "M\(number(x - 5)) \(number($0))h10" }.joined()
        return "<path d=\"M\(number(x)) \(number(upper))V\(number(lower))\(ends)\" fill=\"none\" "
          + "stroke=\"\(colour)\" stroke-width=\"1.5\"/>"
      }
      let marks = series.points.compactMap { point -> String? in
        guard let x = plot.place(of: point.x, series: index), let y = plot.height(of: point.y) else {
          return nil
        }
        return "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"4.5\" stroke=\"\(colour)\" "
          + "stroke-width=\"1.5\" fill=\"\(point.isOpen ? "#ffffff" : colour)\"/>"
      }
      return strokes + marks
    }
  }

  private func legend(_ layout: Layout) -> [String] {
    layout.legend.enumerated().map { index, entry in
      "<path d=\"M\(number(entry.x)) \(number(entry.y - 4))h22\" stroke=\"\(colour(index))\" "
        + "stroke-width=\"3\" fill=\"none\"\(dashAttribute(index))/>"
        + text(entry.name, entry.x + 29, entry.y, size: 12.5, colour: Self.ink)
    }
  }

  private func dashAttribute(_ index: Int) -> String {
    dash(index).isEmpty ? "" : " stroke-dasharray=\"\(dash(index))\""
  }

  /// Keeps of each quarter pixel's points the first, lowest, highest and last, which draw the same line.
  static func thin(_ points: [(Double, Double)]) -> [(Double, Double)] {
    var kept: [(Double, Double)] = []
    var start = 0
    while start < points.count {
      let column = floor(points[start].0 * 4)
      var end = start + 1
      while end < points.count, floor(points[end].0 * 4) == column { end += 1 }
      let group = start..<end
      let low = group.min { points[$0].1 < points[$1].1 } ?? start
      let high = group.max { points[$0].1 < points[$1].1 } ?? start
      kept += Set([start, low, high, end - 1]).sorted().map { points[$0] }
      start = end
    }
    return kept
  }

  private func horizontal(_ plot: Plot, _ y: Double) -> String { line(plot.left, y, plot.right, y) }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>"
  }

  private func text(
    _ text: String, _ x: Double, _ y: Double, size: Double, colour: String, anchor: String = "start",
    weight: String = ""
  ) -> String {
    let extras =
      (anchor == "start" ? "" : " text-anchor=\"\(anchor)\"")
      + (weight.isEmpty ? "" : " font-weight=\"\(weight)\"")
    return
      "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(number(size))\" fill=\"\(colour)\"\(extras)>"
      + "\(Self.escape(text))</text>"
  }

  private func number(_ value: Double) -> String {
    let (whole, fraction) = Self.decimal(value, 2)
    return fraction.isEmpty ? whole : whole + "." + fraction
  }

  /// Text fit for XML, on one line.
  static func escape(_ text: String) -> String {
    let breaks: Set<Unicode.Scalar> = ["\n", "\t", "\r"]
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { line.append(breaks.contains(scalar) ? " " : scalar) }
    return HTML.escape(String(line))
  }
}
