/// Help for names that are not known.
enum Names {
  /// The known names that are closest to a wrong one, the closest first; none if all are far away.
  static func nearest(to name: String, in known: [String]) -> [String] {
    let wrong = Array(name.lowercased())
    let ranked = known.enumerated().compactMap { index, candidate -> (Int, Int, String)? in
      let right = Array(candidate.lowercased())
      var distance = distance(wrong, right)
      let isPart = !wrong.isEmpty && (candidate.lowercased().hasPrefix(name.lowercased()))
      if isPart { distance = min(distance, 1) }
      return distance <= max(2, right.count / 3) ? (distance, index, candidate) : nil
    }
    return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(3).map(\.2)
  }

  /// "unknown cell 'x'; did you mean a or b?", or all names if none is near.
  static func unknown(_ kind: String, _ name: String, known: [String]) -> String {
    let near = nearest(to: name, in: known)
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

  /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
  private static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for row in 0..<a.count {
      var current = [row + 1]
      for column in 0..<b.count {
        let replaced = last[column] + (a[row] == b[column] ? 0 : 1)
        var best = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, a[row] == b[column - 1], a[row - 1] == b[column] {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current.append(best)
      }
      beforeLast = last
      last = current
    }
    return last[b.count]
  }
}
