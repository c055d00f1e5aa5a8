import CellgateFiles

/// Two long texts, each from a few characters before their first difference on.
package enum TextDifference {
  /// Both texts, shortened where one of them has more than `most` characters.
  package static func shortened(_ one: String, _ other: String, most: Int = 0) -> (String, String) {
    let (a, b) = (Array(one.unicodeScalars), Array(other.unicodeScalars))
    if max(a.count, b.count) <= most { return (one, other) }
    let same = zip(a, b).prefix { $0 == $1 }.count
    func text(_ scalars: [Unicode.Scalar]) -> String {
      let start = max(0, same - 3)
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars[start..<min(same + 12, scalars.count)])
      return "'\(start > 0 ? "…" : "")\(quotedName(String(part)))\(same + 12 < scalars.count ? "…" : "")'"
    }
    return (text(a), text(b))
  }
}
