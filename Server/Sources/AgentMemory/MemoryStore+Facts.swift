import GRDB

extension MemoryStore {
  /// Stores a fact. The fact whose place it takes, named by `supersedes` or by its key, stops holding when the new one begins to.
  @discardableResult
  public func addFact(_ draft: FactDraft) throws(MemoryError) -> MemoryRecord {
    let vector = try encode([draft.content]).map(VectorTable.packed)[0]
    let now = options.now()
    return try write { database in
      guard !draft.content.isEmpty else {
        throw MemoryError.invalid(field: "content", expected: "a fact", found: "an empty text")
      }
      if let key = draft.key { try Self.checkName("key", key) }
      let session = try draft.sessionID.map { try Self.knownNumber(of: $0, database) }
      var record = MemoryRecord(
        kind: .fact, sessionID: draft.sessionID, content: draft.content, createdAt: now,
        tokenCount: options.countTokens(draft.content), metadata: draft.metadata ?? [:])
      let from = draft.validFrom ?? now
      (record.key, record.validFrom, record.validUntil) = (draft.key, from, draft.validUntil)
      if let until = draft.validUntil, until < from {
        throw MemoryError.invalid(field: "valid_until", expected: "\(from) or later", found: "\(until)")
      }
      var earlier: [Int64] = []
      if let supersedes = draft.supersedes {
        let kind = try String.fetchOne(
          database, sql: "SELECT kind FROM record WHERE id = ?", arguments: [supersedes])
        guard kind == "fact" else { throw MemoryError.unknown(what: "fact", name: "\(supersedes)") }
        earlier.append(supersedes)
      }
      if let key = draft.key {
        earlier += try Int64.fetchAll(
          database,
          sql: """
            SELECT id FROM record WHERE kind = 'fact' AND fact_key = ?1 AND session_number IS ?2
            AND superseded_by IS NULL AND valid_from <= ?3 AND (valid_until IS NULL OR valid_until > ?3) AND id IS NOT ?4
            """,
          arguments: [key, session, from, draft.supersedes])
      }
      try insert(&record, session: session, vector: vector, database)
      for old in earlier {
        try database.execute(
          sql: """
            UPDATE record SET superseded_by = ?1, valid_until = max(valid_from, min(coalesce(valid_until, ?2), ?2))
            WHERE id = ?3
            """,
          arguments: [record.id, from, old])
        try Self.insert(MemoryLink(from: record.id, to: old, relation: "supersedes"), database)
      }
      if let source = draft.source {
        try Self.insert(MemoryLink(from: record.id, to: source, relation: "source"), database)
      }
      return record
    }
  }

  /// Ends a fact at a time, now if nil.
  public func endFact(_ id: Int64, at time: Double? = nil) throws(MemoryError) {
    let time = time ?? options.now()
    try write { database in
      _ = try Self.checkTime("valid_until", time)
      try database.execute(
        sql: "UPDATE record SET valid_until = ?1 WHERE id = ?2 AND kind = 'fact' AND valid_from <= ?1",
        arguments: [time, id])
      guard database.changesCount == 1 else {
        throw MemoryError.unknown(what: "fact that held at \(time):", name: "\(id)")
      }
    }
  }

  /// Facts in the order in which they began to hold: those that hold at a time, or all if nil; of a session and those of none, or all;
  /// with a key, or all.
  public func facts(
    validAt time: Double? = nil, in session: String? = nil, key: String? = nil
  ) throws(MemoryError) -> [MemoryRecord] {
    let rows = try read { database in
      let number = try session.map { try Self.knownNumber(of: $0, database) }
      return try Row.fetchAll(
        database,
        sql: """
          \(Self.selectRecord) WHERE record.kind = 'fact'
          AND (?1 IS NULL OR (record.valid_from <= ?1 AND (record.valid_until IS NULL OR record.valid_until > ?1)))
          AND (?2 IS NULL OR record.session_number IS NULL OR record.session_number = ?2)
          AND (?3 IS NULL OR record.fact_key = ?3) ORDER BY record.valid_from, record.id
          """,
        arguments: [time, number, key])
    }
    return try records(rows)
  }
}
