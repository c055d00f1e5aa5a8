import CellgateCharts

/// A page of captions, with what each word of them looked at.
package struct CaptionPage {
  /// A picture's name, the words of its caption, and how much each of them looked at each region, [words][regions].
  package typealias Caption = (picture: String, words: [String], attention: [[Float]])

  private let title: String
  private let captions: [Caption]

  /// A page under a title.
  package init(title: String, captions: [Caption]) {
    (self.title, self.captions) = (title, captions)
  }

  /// The page, which loads nothing.
  package var text: String {
    let head = HTML.tag(
      "head", [:], .tag("meta", ["charset": "utf-8"]),
      .tag(
        "meta",
        ["http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"]),
      .tag("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
      .tag("meta", ["name": "color-scheme", "content": "light dark"]),
      .tag("title", [:], HTML(title)), .tag("style", [:], HTML(markup: ReportStyle.sheet)))
    let items = captions.map { caption -> HTML in
      .tag(
        "div", ["class": "caption"], .tag("h5", [:], HTML(caption.picture)),
        CaptionMarkup.words(caption.words, attention: caption.attention))
    }
    let body = HTML.tag(
      "body", [:],
      .tag(
        "main", [:], .tag("h1", [:], HTML(title)),
        .tag(
          "p", ["class": "note"],
          "Above each word, how much it looked at each region of the picture when it was written: dark is much."
        ),
        .tag("div", ["class": "captions"], HTML(items))))
    return "<!DOCTYPE html>\n" + HTML.tag("html", ["lang": "en"], head, body).source + "\n"
  }
}
