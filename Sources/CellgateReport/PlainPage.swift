import CellgateCharts

/// A page without a script, which loads nothing.
enum PlainPage {
  /// The page of a title and what stands below it.
  static func text(title: String, _ content: HTML...) -> String {
    let head = HTML.tag(
      "head", [:], .tag("meta", ["charset": "utf-8"]),
      .tag(
        "meta",
        ["http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"]),
      .tag("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
      .tag("meta", ["name": "color-scheme", "content": "light dark"]),
      .tag("title", [:], HTML(title)), .tag("style", [:], HTML(markup: ReportStyle.sheet)))
    let body = HTML.tag(
      "body", [:], .tag("main", [:], .tag("h1", [:], HTML(title)), HTML(content)))
    return "<!DOCTYPE html>\n" + HTML.tag("html", ["lang": "en"], head, body).source + "\n"
  }
}
