import CellgateBasics

extension SVGChart {
  /// How the curves of a figure differ.
  package enum Colours: Sendable {
    /// Each by a colour of its own.
    case distinct
    /// From pale to strong, in their order.
    case graded
  }

  /// The most points of a curve in a figure.
  package static let figurePoints = 1000

  /// The chart as a figure of an HTML page, without a colour, font or size of its own: these come from the page's
  /// style sheet, by class. It fills the width that there is, and its texts keep their size. `families` are the
  /// legend's entries for the series; those of one entry share a colour. Nil is each series by its own name.
  ///
  /// Curves of more than `points` points are thinned out: of each of `points / 5` equal stretches the first, lowest,
  /// highest and last point stay, and the first that has no place on the axes.
  package func figure(
    colours: Colours = .distinct, families: [String]? = nil, points limit: Int = Self.figurePoints
  ) -> HTML {
    let heading = HTML.tag(
      "figcaption", [:], .tag("strong", [:], HTML(title)),
      subtitle.isEmpty ? .empty : HTML([" ", .tag("span", [:], HTML(subtitle))]))
    guard let plot = Plot(self, top: 0) else {
      return .tag("figure", ["class": "chart"], heading, .tag("p", ["class": "none"], "No values to draw."))
    }
    let axes = (x: plot.x, y: plot.y)
    let owners = families ?? series.map(\.name)
    let entries = owners.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let classes = entries.indices.map { index in
      switch colours {
      case .distinct: "c\(index % Self.palette.count) d\(index / Self.palette.count % Self.dashes.count)"
      case .graded: "g\(entries.count < 2 ? 5 : index * 5 / (entries.count - 1))"
      }
    }
    let keys = zip(entries, classes).map { name, style in
      HTML.tag(
        "li", [:],
        .tag(
          "svg", ["class": "key \(style)", "width": "24", "height": "10", "aria-hidden": "true"],
          .tag("path", ["d": "M1 5H23"])), HTML(name))
    }
    let curves = zip(owners, series).flatMap { owner, one in
      let style = classes[entries.firstIndex(of: owner) ?? 0]
      return [band(one, axes, style), curve(one, axes, style, limit)]
    }
    let drawing = HTML.tag(
      "svg",
      ["viewBox": "0 0 10000 1000", "preserveAspectRatio": "none", "width": "100%", "height": "100%"],
      HTML(curves))
    let picture = HTML.tag(
      "svg",
      [
        "class": "plot", "role": "img", "aria-label": description, "data-x": xLabel,
        "data-x0": "\(axes.x.range.lowerBound)", "data-x1": "\(axes.x.range.upperBound)",
        "data-y0": "\(axes.y.range.lowerBound)", "data-y1": "\(axes.y.range.upperBound)",
        "data-log": yScale == .log ? "1" : nil,
      ], HTML(grid(axes)), drawing, HTML(labels(axes)))
    return .tag(
      "figure", ["class": "chart"], heading,
      keys.count > 1 ? .tag("ul", ["class": "legend"], HTML(keys)) : .empty,
      .tag("div", ["class": "area"], picture))
  }

  /// The chart in words, for who can't see it: where each curve begins, ends, and its extremes.
  package var description: String {
    let curves = series.compactMap { one -> String? in
      let points = one.points.filter { Axis.hasPlace($0.x, .linear) && Axis.hasPlace($0.y, yScale) }
      guard let first = points.first, let last = points.last else { return nil }
      func text(_ value: Double) -> String { NumberText.number(value, digits: 3) }
      func place(_ x: Double) -> String {
        x == x.rounded() && abs(x) < 1e15 ? NumberText.count(Int(x)) : text(x)
      }
      let (low, high) = (points.map(\.y).min() ?? 0, points.map(\.y).max() ?? 0)
      return "\(one.name): \(text(first.y)) at \(place(first.x)), \(text(last.y)) at \(place(last.x)), "
        + "from \(text(low)) to \(text(high))."
    }
    let lines = references.map { "\($0.label): \(NumberText.number($0.value, digits: 3))." }
    return (["\(title) by \(xLabel)."] + curves + lines).joined(separator: " ")
  }

  // MARK: Parts

  private func percent(_ position: Double) -> String { Self.text(100 * position, 3) + "%" }

  /// So many that their labels have room on a narrow screen.
  private func placeTicks(_ x: Axis) -> [Double] {
    let ticks = Axis.linearTicks(x.range, count: 6)
    let isLong = ticks.contains { Axis.label($0).count > 5 }
    return isLong ? Axis.linearTicks(x.range, count: 4) : ticks
  }

  private func grid(_ axes: (x: Axis, y: Axis)) -> [HTML] {
    func line(_ style: String, _ value: Double) -> HTML {
      guard let position = axes.y.position(value) else { return .empty }
      let y = percent(1 - position)
      return .tag("line", ["class": style, "x1": "0", "x2": "100%", "y1": y, "y2": y])
    }
    let ticks = placeTicks(axes.x).compactMap { axes.x.position($0) }.map { position in
      let x = percent(position)
      return HTML.tag("line", ["class": "axis", "x1": x, "x2": x, "y1": "100%", "y2": "100%"])
    }
    // Over many decades the minor lines would be a grey area.
    let minor = axes.y.minorTicks.count <= 40 ? axes.y.minorTicks : []
    return minor.map { line("minor", $0) } + axes.y.ticks.map { line("major", $0) }
      + [HTML.tag("line", ["class": "axis", "x1": "0", "x2": "100%", "y1": "100%", "y2": "100%"])] + ticks
      + references.map { line("reference", $0.value) }
  }

  private func labels(_ axes: (x: Axis, y: Axis)) -> [HTML] {
    let heights = axes.y.ticks.compactMap { tick in
      axes.y.position(tick).map { position in
        HTML.tag(
          "text", ["x": "-8", "y": percent(1 - position), "dy": "4", "class": "end"], HTML(Axis.label(tick)))
      }
    }
    let places = placeTicks(axes.x).compactMap { tick in
      axes.x.position(tick).map { position in
        HTML.tag(
          "text", ["x": percent(position), "y": "100%", "dy": "20", "class": "middle"],
          HTML(Axis.label(tick)))
      }
    }
    let unit = HTML.tag("text", ["x": "50%", "y": "100%", "dy": "38", "class": "middle"], HTML(xLabel))
    var taken: [Double] = []
    let lines = references.sorted { $0.value < $1.value }.compactMap { reference -> HTML? in
      guard let position = axes.y.position(reference.value) else { return nil }
      // Beside a line that is close, the label stands at the other end.
      let isCrowded = taken.last.map { position - $0 < 0.1 } ?? false
      if !isCrowded { taken.append(position) }
      return HTML.tag(
        "text",
        [
          "x": isCrowded ? "0" : "100%", "y": percent(1 - position), "dy": "-5",
          "class": isCrowded ? "line" : "line end",
        ], HTML(reference.label))
    }
    return heights + places + [unit] + lines
  }

  private func band(_ one: Series, _ axes: (x: Axis, y: Axis), _ style: String) -> HTML {
    let places = one.band.compactMap { interval -> (x: Double, lower: Double, upper: Double)? in
      let floor = yScale == .log ? max(interval.lower, axes.y.range.lowerBound) : interval.lower
      guard let x = axes.x.position(interval.x), let lower = axes.y.position(floor),
        let upper = axes.y.position(interval.upper)
      else { return nil }
      return (x, lower, upper)
    }
    guard places.count > 1 else { return .empty }
    let outline =
      places.map { Self.place($0.x, $0.upper) } + places.reversed().map { Self.place($0.x, $0.lower) }
    return .tag("path", ["class": "band \(style)", "d": "M\(outline.joined(separator: "L"))Z"])
  }

  private func curve(_ one: Series, _ axes: (x: Axis, y: Axis), _ style: String, _ limit: Int) -> HTML {
    let points = Self.thinned(one.points, to: limit, scale: yScale)
    var runs: [[String]] = [[]]
    for point in points {
      if let x = axes.x.position(point.x), let y = axes.y.position(point.y) {
        runs[runs.count - 1].append(Self.place(x, y))
      } else {
        runs.append([])
      }
    }
    runs.removeAll(where: \.isEmpty)
    let line = runs.map { "M" + $0.joined(separator: "L") + ($0.count == 1 ? "h0" : "") }.joined()
    // Few points are seen as what they are; on a longer curve those that stand alone.
    let dots = runs.filter { points.count <= 12 || $0.count == 1 }.flatMap { $0 }.map { "M\($0)h0" }.joined()
    guard !line.isEmpty else { return .empty }
    return .tag(
      "g", ["class": "curve \(style)", "data-name": one.name], .tag("path", ["d": line]),
      dots.isEmpty ? .empty : .tag("path", ["class": "dots", "d": dots]))
  }

  /// The place of a point, 0 to 1 each, in the drawing's 10000 × 1000.
  private static func place(_ x: Double, _ y: Double) -> String {
    text(10000 * x, 2) + " " + text(1000 * (1 - y), 1)
  }

  private static func text(_ value: Double, _ decimals: Int) -> String {
    let (whole, fraction) = decimal(value, decimals)
    return fraction.isEmpty ? whole : whole + "." + fraction
  }

  /// At most `limit` points that draw nearly the same line; see `figure`.
  static func thinned(_ points: [Point], to limit: Int, scale: Scale = .linear) -> [Point] {
    guard points.count > limit else { return points }
    let stretches = max(1, limit / 5)
    return (0..<stretches).flatMap { stretch -> [Point] in
      let all = (stretch * points.count / stretches)..<((stretch + 1) * points.count / stretches)
      let drawn = all.filter { Axis.hasPlace(points[$0].y, scale) }
      let gap = all.first { !Axis.hasPlace(points[$0].y, scale) }
      let low = drawn.min { points[$0].y < points[$1].y }
      let high = drawn.max { points[$0].y < points[$1].y }
      return Set([drawn.first, low, high, drawn.last, gap].compactMap { $0 }).sorted().map { points[$0] }
    }
  }
}
