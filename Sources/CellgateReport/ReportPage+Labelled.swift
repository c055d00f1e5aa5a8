import CellgateBasics
import CellgateCharts
import CellgateFiles
import CellgateTraining

extension ReportPage {
  /// Texts with the words that mattered, and series, with their classes.
  func labelled(_ samples: [PredictionSample.Labelled]) -> HTML {
    guard !samples.isEmpty else { return .empty }
    let items = samples.map { sample -> HTML in
      let isRight = sample.label == sample.prediction
      let percent = sample.probability.map { " " + NumberText.fixed(100 * $0, 0) + " %" } ?? ""
      let verdict =
        isRight
        ? sample.prediction
        : sample.probability == nil
          ? "\(sample.label), found \(sample.prediction)" : "\(sample.label) taken for \(sample.prediction)"
      return .tag(
        "figure", ["class": "labelled"], words(sample.words), series(sample.series),
        .tag(
          "figcaption", [:], sample.probability == nil ? .empty : mark(isRight),
          HTML(" \(quotedName(sample.name)): \(quotedName(verdict))"),
          .tag("span", ["class": "faint"], HTML(percent))))
    }
    let hasWords = samples.contains { !$0.words.isEmpty }
    let right = samples.count { $0.label == $0.prediction }
    let count = samples[0].probability == nil ? "" : ", \(right) of them right"
    return HTML([
      caption(
        "The first \(samples.count) test examples\(count): what each is, and what was found."
          + (hasWords
            ? " Words on blue spoke for what was found, words on orange against it (gradient × input)." : "")),
      .tag("div", ["class": "labelled-list"], HTML(items)),
    ])
  }

  private func words(_ words: [PredictionSample.Labelled.Word]) -> HTML {
    guard !words.isEmpty else { return .empty }
    let items = words.map { word -> HTML in
      let strength = NumberText.fixed(min(1, abs(word.weight)) * 0.55, 2)
      let colour = word.weight < 0 ? "213, 94, 0" : "0, 114, 178"
      let style = strength == "0.00" ? nil : "background: rgba(\(colour), \(strength))"
      return HTML([.tag("span", ["style": style], HTML(quotedName(word.text))), " "])
    }
    return .tag("p", [:], HTML(items))
  }

  /// Each feature as a line, all on one scale.
  private func series(_ series: [[Float]]) -> HTML {
    let known = series.joined().filter(\.isFinite)
    guard let least = known.min(), let most = known.max(), let steps = series.map(\.count).max(), steps > 1
    else { return .empty }
    let (width, height) = (Float(260), Float(72))
    let lines = series.enumerated().map { feature, values -> HTML in
      let points = values.enumerated().filter { $0.element.isFinite }.map { step, value -> String in
        let x = Float(step) / Float(steps - 1) * width
        let y = most > least ? (most - value) / (most - least) * height : height / 2
        return "\(NumberText.fixed(Double(x), 1)),\(NumberText.fixed(Double(y), 1))"
      }
      return .tag(
        "polyline",
        [
          "points": points.joined(separator: " "), "fill": "none", "stroke-width": "1.2",
          "stroke": SVGChart.palette[feature % SVGChart.palette.count],
        ])
    }
    return .tag(
      "svg",
      [
        "viewBox": "-2 -2 264 76", "width": "264", "height": "76", "role": "img",
        "aria-label": "A series of \(steps) steps",
      ], HTML(lines))
  }

  /// A confusion matrix whose cells are as dark as their share of the class.
  func confusion(_ matrices: [PredictionSample.Confusion]) -> HTML {
    HTML(
      matrices.map { matrix -> HTML in
        func head(_ text: String, _ scope: String) -> HTML {
          .tag("th", ["scope": scope], HTML(quotedName(text)))
        }
        let rows = matrix.labels.indices.map { row -> HTML in
          let total = max(1, matrix.counts[row].reduce(0, +))
          let cells = matrix.counts[row].map { count -> HTML in
            let share = Double(count) / Double(total)
            let style =
              count == 0 ? nil : "background: rgba(0, 114, 178, \(NumberText.fixed(0.08 + 0.6 * share, 2)))"
            return .tag("td", ["class": "number", "style": style], HTML(NumberText.count(count)))
          }
          return .tag("tr", [:], head(matrix.labels[row], "row"), HTML(cells))
        }
        return HTML([
          caption("The test part: a row for each class, a column for what its examples were taken for."),
          .tag(
            "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Confusion matrix"],
            .tag(
              "table", ["class": "confusion"],
              .tag(
                "thead", [:], .tag("tr", [:], head("", "col"), HTML(matrix.labels.map { head($0, "col") }))),
              .tag("tbody", [:], HTML(rows)))),
        ])
      })
  }
}
