/// A piece of an HTML page.
///
///     let row = HTML.tag("tr", ["class": "best"], .tag("td", "lstm-wm"), .tag("td", "\(value)"))
///
/// It is well-formed XML by construction: texts, literals too, and attributes are escaped; only `init(markup:)` takes
/// text as it is.
package struct HTML: Sendable, Equatable {
  /// The markup.
  package let source: String

  /// Markup from inside the program, well-formed as it is.
  package init(markup: String) { source = markup }

  /// Text from anywhere.
  package init(_ text: String) { source = Self.escape(text) }

  /// Pieces one after the other.
  package init(_ pieces: [HTML]) { source = pieces.map(\.source).joined() }

  /// Markup of no characters.
  package static let empty = HTML(markup: "")

  /// An element; an attribute without a value is left out.
  package static func tag(
    _ name: String, _ attributes: KeyValuePairs<String, String?> = [:], _ content: HTML...
  ) -> HTML {
    let listed = attributes.map { name, value in value.map { " \(name)=\"\(escape($0))\"" } ?? "" }.joined()
    let inner = content.map(\.source).joined()
    // Only these, and the elements of SVG, may be closed at once.
    let closes = inner.isEmpty && ["meta", "img", "br", "path", "line", "rect", "circle"].contains(name)
    return HTML(markup: closes ? "<\(name)\(listed)/>" : "<\(name)\(listed)>\(inner)</\(name)>")
  }

  /// Whether there is nothing.
  package var isEmpty: Bool { source.isEmpty }

  /// Text fit for HTML that is XML too: markup escaped, characters that XML 1.0 forbids replaced.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      case ..<" ", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension HTML: ExpressibleByStringInterpolation {
  package init(stringLiteral text: String) { self.init(text) }
}
