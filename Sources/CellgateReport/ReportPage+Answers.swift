import CellgateCharts
import CellgateFiles
import CellgateTraining

extension ReportPage {
  /// Questions with the sentences that were looked at, and their answers.
  func answers(_ samples: [PredictionSample.Answer]) -> HTML {
    guard !samples.isEmpty else { return .empty }
    let right = samples.count(where: \.isRight)
    let items = samples.map { sample -> HTML in
      let verdict = sample.isRight ? sample.found : "\(sample.found), expected \(sample.expected)"
      return .tag(
        "figure", ["class": "labelled"], story(sample),
        .tag(
          "figcaption", [:], mark(sample.isRight),
          HTML(" \(quotedName(sample.question)) \(quotedName(verdict))"),
          .tag("span", ["class": "faint"], HTML(" " + NumberText.fixed(100 * sample.probability, 0) + " %"))))
    }
    let looks = samples.map(\.weights.count).max() ?? 0
    let shading =
      looks == 0
      ? ""
      : " The bluer a sentence, the more it was looked at; the numbers say by which look in tenths of it."
    return HTML([
      caption(
        "The first \(samples.count) test questions, \(right) of them right: the question, the answer found, and its "
          + "probability.\(shading)"),
      .tag("div", ["class": "labelled-list"], HTML(items)),
    ])
  }

  /// The sentences, each as blue as the look that was at it most; those of long texts that were hardly looked at are left out.
  private func story(_ sample: PredictionSample.Answer) -> HTML {
    guard !sample.weights.isEmpty else { return .empty }
    let most = sample.sentences.indices.map { place in sample.weights.map { $0[place] }.max() ?? 0 }
    let shown = Set(
      sample.sentences.indices.sorted { (most[$1], $0) < (most[$0], $1) }.prefix(Self.shownSentences))
    let items = sample.sentences.indices.filter(shown.contains).map { place -> HTML in
      let looks = sample.weights.enumerated().compactMap { look, weights -> String? in
        let tenths = Int((weights[place] * 10).rounded())
        return tenths > 0 ? "\(look + 1): \(tenths)" : nil
      }
      let strength = NumberText.fixed(Double(min(1, max(0, most[place]))) * 0.55, 2)
      let style = strength == "0.00" ? nil : "background: rgba(0, 114, 178, \(strength))"
      return HTML([
        .tag("span", ["style": style], HTML(quotedName(sample.sentences[place]))),
        looks.isEmpty
          ? " " : .tag("span", ["class": "faint"], HTML(" (" + looks.joined(separator: ", ") + ") ")),
      ])
    }
    return .tag("p", [:], HTML(items))
  }

  private static let shownSentences = 20
}
