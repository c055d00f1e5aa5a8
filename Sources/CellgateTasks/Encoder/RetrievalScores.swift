/// How often a text of a query's own group is among the first ones found.
struct RetrievalScores {
  private static let places = [1, 5, 10]

  private var queries = 0
  private var found = [Int](repeating: 0, count: places.count)
  private var reciprocals = 0.0

  /// The names of the shares.
  static var names: [String] { places.map { "recall_at_\($0)" } }

  /// Adds a query by the scores of all texts, its own too: the rank is that of the best one of its group, and of equal scores a text of another group
  /// comes first.
  mutating func add(query: Int, scores: some RandomAccessCollection<Float>, groups: [Int32]) {
    let own = groups[query]
    var best = -Float.infinity
    for (place, score) in scores.enumerated() where groups[place] == own && place != query {
      best = max(best, score)
    }
    guard best > -.infinity else { return }
    var rank = 1
    for (place, score) in scores.enumerated() where groups[place] != own && score >= best { rank += 1 }
    add(rank: rank)
  }

  private mutating func add(rank: Int) {
    queries += 1
    reciprocals += 1 / Double(rank)
    for (place, most) in Self.places.enumerated() where rank <= most { found[place] += 1 }
  }

  /// Texts of either way that count where two are fused.
  private static let fused = 100

  /// What two ways of scoring say together: Σ 1 / (60 + rank) over the best 100 of either (Cormack et al. 2009,
  /// https://doi.org/10.1145/1571941.1572114), without the query itself.
  static func fused(_ first: some Collection<Float>, _ second: some Collection<Float>, query: Int) -> [Float]
  {
    var sums = [Float](repeating: 0, count: first.count)
    func add(_ scores: some Collection<Float>) {
      let ranked = scores.enumerated().filter { $0.offset != query && $0.element > 0 }
        .sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }
      for (rank, entry) in ranked.prefix(fused).enumerated() { sums[entry.offset] += 1 / Float(61 + rank) }
    }
    add(first)
    add(second)
    return sums
  }

  /// The shares of the queries, and the mean of 1 / rank, by name.
  var values: [String: Double] {
    var values: [String: Double] = [:]
    for (name, count) in zip(Self.names, found) { values[name] = Double(count) / Double(queries) }
    values["reciprocal_rank"] = reciprocals / Double(queries)
    return values
  }
}
