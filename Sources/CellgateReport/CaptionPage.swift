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
    let items = captions.map { caption -> HTML in
      .tag(
        "div", ["class": "caption"], .tag("h5", [:], HTML(caption.picture)),
        CaptionMarkup.words(caption.words, attention: caption.attention))
    }
    return PlainPage.text(
      title: title,
      .tag(
        "p", ["class": "note"],
        "Above each word, how much it looked at each region of the picture when it was written: dark is much."
      ),
      .tag("div", ["class": "captions"], HTML(items)))
  }
}
