import CellgateCharts
import CellgateTraining

/// Sentences on a page, with the tags that were found.
enum TagMarkup {
  /// Each word over the tag that was found; where that is wrong, the true one is below.
  static func sentence(_ sample: PredictionSample.Tags) -> HTML {
    let items = sample.words.indices.map { place -> HTML in
      let (expected, found) = (sample.expected[place], sample.found[place])
      let isRight = expected == found
      return .tag(
        "span", ["class": isRight ? "token" : "token miss"],
        .tag("span", [:], HTML(sample.words[place])),
        .tag("span", ["class": "tag", "aria-label": isRight ? nil : "\(found), wrong"], HTML(found)),
        isRight
          ? .empty : .tag("span", ["class": "tag", "aria-label": "expected \(expected)"], HTML(expected)))
    }
    return .tag("p", ["class": "tagged"], HTML(items))
  }

  /// The style of sentences.
  static let style = """
    .tagged { margin: 14px 0 0; line-height: 1.35; }
    .token { display: inline-flex; flex-direction: column; align-items: center; margin: 0 9px 10px 0; vertical-align: top; overflow-wrap: anywhere; }
    .tag { font-size: 12px; color: var(--faint); }
    .token.miss .tag:nth-child(2) { color: var(--bad); font-weight: 700; text-decoration: line-through; }
    """
}
