import Foundation
import GRDB
import Synchronization

extension MemoryStore {
  /// How many records each of the two searches finds at least before they are fused.
  private static let candidates = 100

  /// Finds records by their words (BM25 of the full-text index) and by their vectors, fuses the two by their ranks (Cormack et al. 2009,
  /// https://doi.org/10.1145/1571941.1572114), and prefers recent ones.
  public func search(_ request: SearchRequest) throws(MemoryError) -> SearchResponse {
    let limit = request.limit ?? 10
    let halfLife = request.halfLife ?? 7 * 86_400
    let weight = request.recencyWeight ?? 0.2
    guard (1...1000).contains(limit) else {
      throw .invalid(field: "limit", expected: "1 to 1000", found: "\(limit)")
    }
    guard halfLife > 0, halfLife.isFinite else {
      throw .invalid(field: "half_life", expected: "seconds above 0", found: "\(halfLife)")
    }
    guard (0...1).contains(weight) else {
      throw .invalid(field: "recency_weight", expected: "0 to 1", found: "\(weight)")
    }
    let most = max(limit, Self.candidates)
    let query = try encode([request.query])[0]
    let terms = SearchTerms.distinct(request.query)
    let table = try loadedVectors()
    let now = options.now()
    return try read { database in
      let condition = try SearchCondition(request, now: now, database)
      let words = try textMatches(terms, condition, most: most, database)
      let near = try vectorMatches(query, table, condition, most: most, database)
      var found: [Int64: SearchHit] = [:]
      for (place, match) in words.matches.enumerated() {
        found[match.id, default: SearchHit(time: match.time)].text = (place + 1, match.score)
      }
      for (place, match) in near.enumerated() {
        found[match.id, default: SearchHit(time: match.time)].vector = (place + 1, match.similarity)
      }
      let ranked = found.map { id, hit -> RankedHit in
        let age: Double = max(0, now - hit.time)
        let decay: Double = exp2(-age / halfLife)
        return RankedHit(id: id, hit: hit, age: age, recency: 1 - weight + weight * decay)
      }.sorted { $0.score == $1.score ? $0.id > $1.id : $0.score > $1.score }
      let statement = try database.cachedStatement(sql: "\(Self.selectRecord) WHERE record.id = ?")
      var results: [SearchResult] = []
      for entry in ranked.prefix(limit) {
        guard let row = try Row.fetchOne(statement, arguments: [entry.id]) else { continue }
        let record = try record(row)
        let own = Set(SearchTerms.words(record.content))
        let matched = terms.filter(own.contains)
        results.append(
          SearchResult(
            record: record, score: entry.score, textRank: entry.hit.text?.rank,
            textScore: entry.hit.text?.score,
            matchedTerms: matched, vectorRank: entry.hit.vector?.rank,
            similarity: entry.hit.vector?.similarity,
            age: entry.age, recencyFactor: entry.recency, why: entry.hit.why(matched: matched, age: entry.age)
          ))
      }
      return SearchResponse(results: results, ignoredTerms: words.ignored)
    }
  }

  // MARK: - Words

  private struct TextMatch {
    let id: Int64
    /// When the record was written.
    let time: Double
    /// nil for words that are too common to be scored.
    let score: Double?
  }

  /// How many records have each of some words, of the rarest first, without words that none has; more than `mostPostings` are not counted.
  private func counts(_ terms: [String], _ database: Database) throws -> [(term: String, records: Int)] {
    let most = options.mostPostings
    let known = common.withLock { $0 }
    let statement = try database.cachedStatement(
      sql: "SELECT count(*) FROM (SELECT 1 FROM record_text WHERE record_text MATCH ? LIMIT ?)")
    var counted: [(term: String, records: Int)] = []
    for term in terms.prefix(200) {
      if known.contains(term) {
        counted.append((term, most + 1))
        continue
      }
      let records = try Int.fetchOne(statement, arguments: ["\"\(term)\"", most + 1]) ?? 0
      if records > 0 { counted.append((term, records)) }
      // Whoever deletes records forgets it.
      if records > most { common.withLock { _ = $0.insert(term) } }
    }
    return counted.sorted { ($0.records, $0.term) < ($1.records, $1.term) }
  }

  private func textMatches(
    _ terms: [String], _ condition: SearchCondition, most: Int, _ database: Database
  ) throws -> (matches: [TextMatch], ignored: [String]) {
    let counted = try counts(terms, database)
    guard let rarest = counted.first else { return ([], []) }
    var used: [String] = []
    var postings = 0
    for (term, records) in counted where used.isEmpty || postings + records <= options.mostPostings {
      used.append(term)
      postings += records
    }
    let match = used.map { "\"\($0)\"" }.joined(separator: " OR ")
    let ignored = Set(counted.map(\.term)).subtracting(used)
    let isCommon = rarest.records > options.mostPostings
    let score = isCommon ? "NULL" : "bm25(record_text)"
    let order = isCommon ? "record_text.rowid DESC" : "2, 1 DESC"
    var matches: [TextMatch] = []
    if condition.isOpen {
      // Few are left out: the best are looked up alone.
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT record_text.rowid, \(score) FROM record_text WHERE record_text MATCH ? ORDER BY \(order) LIMIT ?
          """,
        arguments: [match, 4 * most])
      let statement = try condition.statement(database)
      for row in rows where matches.count < most {
        let id: Int64 = try row.get(0)
        let score: Double? = try row.get(1)
        guard let time = try Double.fetchOne(statement, arguments: [id] + condition.arguments) else {
          continue
        }
        matches.append(TextMatch(id: id, time: time, score: score.map { -$0 }))
      }
    } else {
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT record.id, \(score), record.created_at FROM record_text
          JOIN record ON record.id = record_text.rowid WHERE record_text MATCH ? AND \(condition.sql)
          ORDER BY \(order) LIMIT ?
          """,
        arguments: [match] + condition.arguments + [most])
      while let row = try rows.next() {
        let score: Double? = try row.get(1)
        matches.append(TextMatch(id: try row.get(0), time: try row.get(2), score: score.map { -$0 }))
      }
    }
    return (matches, terms.filter(ignored.contains))
  }

  // MARK: - Vectors

  private func vectorMatches(
    _ query: [Float], _ table: VectorTable, _ condition: SearchCondition, most: Int, _ database: Database
  ) throws -> [(id: Int64, time: Double, similarity: Double)] {
    var wanted = most
    while true {
      let near = table.search(query, most: wanted, filter: condition.filter).filter { $0.similarity > 0 }
      // What the table doesn't know is asked of the database: metadata, kinds, facts that don't hold, what another program deleted.
      let statement = try condition.statement(database)
      let matches = try near.compactMap { match in
        try Double.fetchOne(statement, arguments: [match.id] + condition.arguments).map {
          (id: match.id, time: $0, similarity: Double(match.similarity))
        }
      }
      if matches.count >= most || near.count < wanted { return Array(matches.prefix(most)) }
      wanted *= 8
    }
  }

  /// The vectors of the file, with those that were added since the last call.
  func loadedVectors() throws(MemoryError) -> VectorTable {
    do {
      return try vectors.withLock { loaded in
        try database.read { database in
          let rows = try Row.fetchCursor(
            database,
            sql: """
              SELECT vector.id, vector.record_id, record.session_number, record.created_at, vector.scale, vector.numbers
              FROM vector JOIN record ON record.id = vector.record_id
              WHERE vector.id > ? AND vector.encoder_number = ? ORDER BY vector.id
              """,
            arguments: [loaded.last, encoderNumber])
          while let row = try rows.next() {
            let bytes: Data = try row.get(5)
            let numbers = bytes.map { Int8(bitPattern: $0) }
            guard numbers.count == loaded.table.dimension else {
              throw MemoryError.damaged(
                path: path,
                reason: "a vector has \(numbers.count) numbers instead of \(loaded.table.dimension)")
            }
            let scale: Double = try row.get(4)
            loaded.table.add(
              VectorTable.Row(
                id: try row.get(1), session: try row.get(2) ?? 0, time: try row.get(3), scale: Float(scale)),
              numbers)
            loaded.last = try row.get(0)
          }
        }
        return loaded.table
      }
    } catch { throw mapped(error) }
  }

  /// Makes the vectors of the records that have none of this store's encoder, such as those written with another, `batch` at a time;
  /// how many it made.
  @discardableResult
  public func encodeMissing(batch: Int = 256) throws(MemoryError) -> Int {
    var (made, last): (Int, Int64) = (0, 0)
    while true {
      let rows = try read { database in
        let rows = try Row.fetchAll(
          database,
          sql: """
            SELECT id, content FROM record WHERE id > ? AND NOT EXISTS
            (SELECT 1 FROM vector WHERE record_id = record.id AND encoder_number = ?) ORDER BY id LIMIT ?
            """,
          arguments: [last, encoderNumber, max(1, batch)])
        return try rows.map { (id: try $0.get(0) as Int64, content: try $0.get(1) as String) }
      }
      guard let end = rows.last else { return made }
      last = end.id
      let vectors = try encode(rows.map(\.content)).map(VectorTable.packed)
      try write { database in
        for ((id, _), vector) in zip(rows, vectors) {
          let isThere = try Bool.fetchOne(database, sql: "SELECT 1 FROM record WHERE id = ?", arguments: [id])
          guard isThere == true else { continue }
          try insert(vector, of: id, database)
          if vector.scale > 0 { made += 1 }
        }
      }
    }
  }
}

/// Where a record stood in the two searches.
private struct SearchHit {
  /// When the record was written.
  let time: Double
  var text: (rank: Int, score: Double?)?
  var vector: (rank: Int, similarity: Double)?

  var fused: Double {
    [text?.rank, vector?.rank].compactMap { $0 }.reduce(0) { $0 + 1 / Double(60 + $1) }
  }

  func why(matched: [String], age: Double) -> String {
    var reasons: [String] = []
    if let text {
      let words = matched.isEmpty ? "" : ": " + matched.joined(separator: ", ")
      reasons.append(
        "\(text.rank). by words\(text.score.map { " (BM25 \(rounded($0))" + words + ")" } ?? words)")
    }
    if let vector { reasons.append("\(vector.rank). by vectors (\(rounded(vector.similarity)))") }
    let units: [(seconds: Double, name: String)] = [(86_400, "d"), (3600, "h"), (60, "min"), (0, "s")]
    let unit = units.first { age >= $0.seconds } ?? units[3]
    reasons.append("\(Int(min(age / max(1, unit.seconds), 1e9))) \(unit.name) old")
    return reasons.joined(separator: "; ")
  }

  private func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// A record that was found, by its order among the results.
private struct RankedHit {
  let id: Int64
  let hit: SearchHit
  let age: Double
  let recency: Double

  var score: Double { hit.fused * recency }
}

/// The conditions of a search in SQL, and the part of them that needs no database.
struct SearchCondition {
  private(set) var sql: String
  private(set) var arguments: StatementArguments = []
  private(set) var filter = VectorTable.Filter()
  /// Whether nothing is left out but facts that don't hold.
  let isOpen: Bool

  /// The time of a record, if it meets the conditions; its arguments are the record's number and those of the conditions.
  func statement(_ database: Database) throws -> Statement {
    try database.cachedStatement(sql: "SELECT record.created_at FROM record WHERE record.id = ? AND \(sql)")
  }

  init(_ request: SearchRequest, now: Double, _ database: Database) throws {
    sql = "1"
    isOpen =
      request.sessions == nil && request.kinds == nil && request.roles == nil && request.since == nil
      && request.until == nil && (request.metadata ?? [:]).isEmpty
    if let sessions = request.sessions {
      let numbers = try sessions.map { try MemoryStore.knownNumber(of: $0, database) }
      filter.sessions = Set(numbers)
      filter.global = request.includeGlobal ?? false
      let isGlobal = filter.global ? " OR record.session_number IS NULL" : ""
      add("(record.session_number IN (\(marks(numbers.count)))\(isGlobal))", StatementArguments(numbers))
    }
    if let kinds = request.kinds {
      add("record.kind IN (\(marks(kinds.count)))", StatementArguments(kinds.map(\.rawValue)))
    }
    if let roles = request.roles { add("record.role IN (\(marks(roles.count)))", StatementArguments(roles)) }
    if let since = request.since {
      filter.since = try MemoryStore.checkTime("since", since)
      add("record.created_at >= ?", [since])
    }
    if let until = request.until {
      filter.until = try MemoryStore.checkTime("until", until)
      add("record.created_at <= ?", [until])
    }
    for (key, value) in (request.metadata ?? [:]).sorted(by: { $0.key < $1.key }) { try add(key, value) }
    if request.includeExpired != true {
      let time = try MemoryStore.checkTime("valid_at", request.validAt ?? now)
      add(
        """
        (record.kind <> 'fact' OR (record.valid_from <= ? AND (record.valid_until IS NULL OR record.valid_until > ?)))
        """, [time, time])
    }
  }

  private func marks(_ count: Int) -> String { repeatElement("?", count: count).joined(separator: ", ") }

  private mutating func add(_ condition: String, _ values: StatementArguments) {
    sql += " AND " + condition
    arguments += values
  }

  private mutating func add(_ key: String, _ value: MetadataValue) throws {
    func has(_ test: String) -> String {
      "EXISTS (SELECT 1 FROM json_each(record.metadata) AS entry WHERE entry.key = ? AND \(test))"
    }
    switch value {
    case .null: add(has("entry.type = 'null'"), [key])
    case .bool(let flag): add(has("entry.type = ?"), [key, flag ? "true" : "false"])
    case .number(let number):
      add(has("entry.type IN ('integer', 'real') AND entry.value = ?"), [key, number])
    case .string(let text): add(has("entry.type = 'text' AND entry.value = ?"), [key, text])
    case .array, .object:
      throw MemoryError.invalid(
        field: "metadata.\(key)", expected: "a text, a number, a truth value or null",
        found: "a list or object")
    }
  }
}
