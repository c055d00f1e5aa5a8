import GRDB

/// What a finished focus leaves.
public struct FocusOutcome: Sendable, Codable, Equatable {
  public var focus: MemoryFocus
  /// The summary in the knowledge block.
  public var summary: MemoryRecord
  /// The learnings in the knowledge block.
  public var learnings: [MemoryRecord]
  /// Whether the summary was extracted, as the caller gave none.
  public var isExtracted: Bool
  /// The messages that left the working context.
  public var messages: Int
  /// Their tokens.
  public var tokensBefore: Int
  /// The tokens of what stands in the knowledge block instead.
  public var tokensAfter: Int
  /// The difference; below 0 if the knowledge is longer than the messages.
  public var tokensSaved: Int

  enum CodingKeys: String, CodingKey {
    case focus, summary, learnings, messages
    case isExtracted = "is_extracted"
    case tokensBefore = "tokens_before"
    case tokensAfter = "tokens_after"
    case tokensSaved = "tokens_saved"
  }
}

/// How a focus is finished.
public struct FocusCompletion: Sendable, Codable, Equatable {
  /// What was done, by the caller's language model; nil to extract it from the messages.
  public var summary: String?
  /// What is worth keeping in view: each becomes an entry of the knowledge block.
  public var learnings: [String]?

  public init(summary: String? = nil, learnings: [String]? = nil) {
    (self.summary, self.learnings) = (summary, learnings)
  }
}

/// Active context compression (Verma 2026, https://arxiv.org/abs/2601.07190): what a part of a task taught takes the place of its messages.
extension MemoryStore {
  /// Begins a part of the task: the messages from here on belong to it. Throws `conflict` while another one is open.
  @discardableResult
  public func startFocus(_ topic: String, in session: String) throws(MemoryError) -> MemoryFocus {
    let now = options.now()
    return try write { database in
      let number = try Self.knownNumber(of: session, database)
      try Self.checkText("topic", topic)
      guard topic.contains(where: { !$0.isWhitespace }) else {
        throw MemoryError.invalid(field: "topic", expected: "a text", found: "an empty one")
      }
      if let open = try openFocus(number, session, database) {
        throw MemoryError.conflict(
          what: "the focus \(open.id) of session \(session) is still open: complete or cancel it first")
      }
      try database.execute(
        sql: "INSERT INTO focus(session_number, topic, opened_at) VALUES (?, ?, ?)",
        arguments: [number, topic, now])
      return MemoryFocus(id: database.lastInsertedRowID, sessionID: session, topic: topic, openedAt: now)
    }
  }

  /// Finishes the open focus: its messages leave the working context, the knowledge block gains the summary and the learnings. All stays
  /// stored and can be searched. Without a summary, sentences of the messages take its place: as many as fit a fifth of their tokens, 200 at
  /// most. Throws `conflict` if no focus is open.
  @discardableResult
  public func completeFocus(
    in session: String, _ completion: FocusCompletion = FocusCompletion()
  ) throws(MemoryError) -> FocusOutcome {
    let now = options.now()
    let (focus, contents, tokens) = try read { database in
      let focus = try knownFocus(session, database)
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT content, token_count FROM record WHERE focus_id = ? AND kind = 'message' AND in_context = 1 ORDER BY id
          """,
        arguments: [focus.id])
      let contents: [String] = try rows.map { try $0.get("content") }
      let tokens: [Int] = try rows.map { try $0.get("token_count") }
      return (focus, contents, tokens.reduce(0, +))
    }
    let summary: String
    if let given = completion.summary {
      summary = given
    } else {
      summary = try extracted(contents, tokens: tokens)
    }
    let learnings = completion.learnings ?? []
    let vectors = try encode([summary] + learnings).map(VectorTable.packed)
    return try write { database in
      let number = try Self.knownNumber(of: session, database)
      guard try knownFocus(session, database).id == focus.id else {
        throw MemoryError.conflict(
          what: "the focus \(focus.id) of session \(session) was finished by another program")
      }
      // Counted again: a message may have come while the vectors were made.
      let counted = try Row.fetchOne(
        database,
        sql: """
          SELECT count(*), coalesce(sum(token_count), 0) FROM record
          WHERE focus_id = ? AND kind = 'message' AND in_context = 1
          """,
        arguments: [focus.id])
      let (messages, before): (Int, Int) = (try counted?.get(0) ?? 0, try counted?.get(1) ?? 0)
      try database.execute(
        sql: "UPDATE record SET in_context = 0 WHERE focus_id = ? AND kind = 'message'", arguments: [focus.id]
      )
      var records: [MemoryRecord] = []
      for (place, content) in ([summary] + learnings).enumerated() {
        var record = MemoryRecord(
          kind: place == 0 ? .summary : .learning, sessionID: session, content: content, createdAt: now,
          tokenCount: options.countTokens(content), metadata: [:])
        record.focusID = focus.id
        try insert(&record, session: number, vector: vectors[place], database)
        records.append(record)
      }
      let after = records.reduce(0) { $0 + $1.tokenCount }
      try database.execute(
        sql: "UPDATE focus SET closed_at = ?, tokens_before = ?, tokens_after = ? WHERE id = ?",
        arguments: [now, before, after, focus.id])
      var closed = focus
      (closed.closedAt, closed.tokensBefore, closed.tokensAfter) = (now, before, after)
      return FocusOutcome(
        focus: closed, summary: records[0], learnings: Array(records.dropFirst()),
        isExtracted: completion.summary == nil, messages: messages, tokensBefore: before, tokensAfter: after,
        tokensSaved: before - after)
    }
  }

  /// Ends the open focus without condensing it: its messages stay in the working context. Throws `conflict` if none is open.
  public func cancelFocus(in session: String) throws(MemoryError) {
    try write { database in
      let focus = try knownFocus(session, database)
      try database.execute(sql: "UPDATE record SET focus_id = NULL WHERE focus_id = ?", arguments: [focus.id])
      try database.execute(sql: "DELETE FROM focus WHERE id = ?", arguments: [focus.id])
    }
  }

  /// The foci of a session in their order.
  public func foci(in session: String) throws(MemoryError) -> [MemoryFocus] {
    try read { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM focus WHERE session_number = ? ORDER BY id",
        arguments: [try Self.knownNumber(of: session, database)]
      ).map { try Self.focus($0, session) }
    }
  }

  static func focus(_ row: Row, _ session: String) throws -> MemoryFocus {
    MemoryFocus(
      id: try row.get("id"), sessionID: session, topic: try row.get("topic"),
      openedAt: try row.get("opened_at"), closedAt: try row.get("closed_at"),
      tokensBefore: try row.get("tokens_before"), tokensAfter: try row.get("tokens_after"))
  }

  func openFocus(_ number: Int64, _ session: String, _ database: Database) throws -> MemoryFocus? {
    try Row.fetchOne(
      database, sql: "SELECT * FROM focus WHERE session_number = ? AND closed_at IS NULL", arguments: [number]
    ).map { try Self.focus($0, session) }
  }

  private func knownFocus(_ session: String, _ database: Database) throws -> MemoryFocus {
    guard let focus = try openFocus(try Self.knownNumber(of: session, database), session, database) else {
      throw MemoryError.conflict(what: "session \(session) has no open focus")
    }
    return focus
  }

  private func extracted(_ texts: [String], tokens: Int) throws(MemoryError) -> String {
    do {
      return try ExtractiveSummary.sentences(
        of: texts, budget: min(200, max(20, tokens / 5)), count: options.countTokens, vectors: encode
      ).joined(separator: " ")
    } catch { throw mapped(error) }
  }
}
