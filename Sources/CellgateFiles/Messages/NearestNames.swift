/// The names among `known` that `found` was likely meant to be: at most three, the nearest first, at an edit
/// distance of at most a third of the length (but 2 of a short one), or with `found` as their beginning.
public func nearestNames(to found: String, among known: [String]) -> [String] {
  let text = found.lowercased()
  let limit = max(2, text.count / 3)
  let candidates = known.enumerated().compactMap { index, name -> (Int, Int, String)? in
    // A text can be as long as a file: the distance is at least the difference of the lengths.
    if abs(text.count - name.count) <= limit {
      let distance = editDistance(text, name.lowercased())
      if distance <= limit, distance < name.count { return (distance, index, name) }
    }
    return text.count >= 2 && name.lowercased().hasPrefix(text) ? (limit + 1, index, name) : nil
  }
  return candidates.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(3).map(\.2)
}

/// The least number of insertions, deletions, replacements and swaps of neighbours that turn one text into the
/// other (Damerau and Levenshtein, each place edited once).
func editDistance(_ first: String, _ second: String) -> Int {
  let (a, b) = (Array(first), Array(second))
  var rows = [Array(0...b.count)]
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
