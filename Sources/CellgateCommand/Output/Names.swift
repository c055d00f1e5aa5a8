import Cellgate

/// Help for names that are not known.
enum Names {
  /// "unknown cell 'x'; did you mean a or b?", or all names if none is near.
  static func unknown(_ kind: String, _ name: String, known: [String]) -> String {
    let near = nearestNames(to: name, among: known)
    return near.isEmpty
      ? "unknown \(kind) '\(Self.safe(name))'; expected \(Text.list(known, "or"))"
      : "unknown \(kind) '\(Self.safe(name))'; did you mean \(Text.list(near, "or"))?"
  }

  /// A name from outside, fit for one line.
  static func safe(_ name: String) -> String {
    let cut = name.unicodeScalars.prefix(80).map { scalar -> String in
      scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
    return cut.joined() + (name.unicodeScalars.count > 80 ? "…" : "")
  }
}
