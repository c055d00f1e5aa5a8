import GRDB

/// What a working context is asked for.
public struct ContextRequest: Sendable, Codable, Equatable {
  /// Tokens at most, 1 or more.
  public var budget: Int
  /// What is searched for beside it; the last message of the role `user` when nil, nothing when empty.
  public var query: String?
  /// Whether other sessions are searched too; no when nil.
  public var allSessions: Bool?

  public init(budget: Int, query: String? = nil, allSessions: Bool? = nil) {
    (self.budget, self.query, self.allSessions) = (budget, query, allSessions)
  }

  enum CodingKeys: String, CodingKey {
    case budget, query
    case allSessions = "all_sessions"
  }
}

/// A piece of a working context, in the order in which a model reads it.
public struct ContextPart: Sendable, Codable, Equatable {
  public enum Kind: String, Sendable, Codable {
    /// Summaries and learnings of the foci that are finished.
    case knowledge
    /// Records that were found by the query.
    case retrieved
    /// The topic of the open focus.
    case focus
    /// A message.
    case message
  }

  public var kind: Kind
  /// `system`, or the role of the message.
  public var role: String
  public var content: String
  public var tokenCount: Int
  /// The records that it was made of.
  public var records: [Int64]

  enum CodingKeys: String, CodingKey {
    case kind, role, content, records
    case tokenCount = "token_count"
  }
}

/// What of a session fits a number of tokens.
public struct ContextResponse: Sendable, Codable, Equatable {
  /// The knowledge block, what was found, then the messages with the open focus' topic before its first one.
  public var parts: [ContextPart]
  /// The tokens of all parts, at most the budget.
  public var tokenCount: Int
  /// Messages of the working context that didn't fit.
  public var omittedMessages: Int
  /// Finished foci whose knowledge didn't fit.
  public var omittedFoci: Int
  /// The tokens of all messages that the session ever had.
  public var sessionTokens: Int
  /// The tokens of the messages that finished foci took out of the working context, less those of the knowledge that took their place.
  public var savedTokens: Int

  enum CodingKeys: String, CodingKey {
    case parts
    case tokenCount = "token_count"
    case omittedMessages = "omitted_messages"
    case omittedFoci = "omitted_foci"
    case sessionTokens = "session_tokens"
    case savedTokens = "saved_tokens"
  }
}

extension MemoryStore {
  /// The working context of a session within a number of tokens: the knowledge block, up to two fifths of it; the open focus and the latest
  /// messages; what is found by the query, for which a quarter is kept. What one part leaves the others take.
  public func context(of session: String, _ request: ContextRequest) throws(MemoryError) -> ContextResponse {
    guard request.budget > 0 else {
      throw .invalid(field: "budget", expected: "1 token or more", found: "\(request.budget)")
    }
    var query = request.query
    if query == nil {
      query = try read { database in
        try String.fetchOne(
          database,
          sql: """
            SELECT content FROM record WHERE session_number = ? AND kind = 'message' AND in_context = 1 AND role = 'user'
            ORDER BY id DESC LIMIT 1
            """,
          arguments: [try Self.knownNumber(of: session, database)])
      }
    }
    var found: [SearchResult] = []
    if let query, !query.isEmpty {
      found = try search(
        SearchRequest(
          query: query, limit: 30, sessions: request.allSessions == true ? nil : [session],
          includeGlobal: true)
      ).results
    }
    return try read { database in
      var draft = ContextDraft(budget: request.budget, count: options.countTokens)
      let number = try Self.knownNumber(of: session, database)
      let open = try openFocus(number, session, database)
      let topic = open.flatMap { draft.part(.focus, "# Focus: \($0.topic)", []) }
      let knowledge = draft.knowledge(try groups(number, database))
      let reserve = found.isEmpty ? 0 : min(draft.left, request.budget / 4)
      let messages = try Row.fetchCursor(
        database,
        sql: """
          SELECT id, role, content, token_count, focus_id FROM record
          WHERE session_number = ? AND kind = 'message' AND in_context = 1 ORDER BY id DESC
          """,
        arguments: [number])
      // The latest messages without a gap; the first that doesn't fit ends them.
      var (recent, waiting): ([ContextMessage], ContextMessage?) = ([], nil)
      while let row = try messages.next() {
        let message = try ContextMessage(row)
        guard message.tokens <= draft.left - reserve else {
          waiting = message
          break
        }
        draft.left -= message.tokens
        recent.append(message)
      }
      let retrieved = draft.retrieved(found, without: Set(recent.map(\.id) + (knowledge?.records ?? [])))
      // What the search left.
      while let message = waiting, message.tokens <= draft.left {
        if !(retrieved?.records.contains(message.id) ?? false) {
          draft.left -= message.tokens
          recent.append(message)
        }
        waiting = try messages.next().map(ContextMessage.init)
      }
      var parts = [knowledge, retrieved].compactMap { $0 }
      var isOpen = false
      for message in recent.reversed() {
        if let open, message.focus == open.id, !isOpen, let topic {
          parts.append(topic)
          isOpen = true
        }
        parts.append(message.part)
      }
      if !isOpen, let topic { parts.append(topic) }
      let sums = try Row.fetchOne(
        database,
        sql: """
          SELECT count(*) FILTER (WHERE in_context = 1), coalesce(sum(token_count), 0) FROM record
          WHERE session_number = ? AND kind = 'message'
          """,
        arguments: [number])
      let saved = try Int.fetchOne(
        database,
        sql: """
          SELECT coalesce(sum(tokens_before - tokens_after), 0) FROM focus
          WHERE session_number = ? AND closed_at IS NOT NULL
          """,
        arguments: [number])
      return ContextResponse(
        parts: parts, tokenCount: parts.reduce(0) { $0 + $1.tokenCount },
        omittedMessages: (try sums?.get(0) ?? 0) - recent.count, omittedFoci: draft.omittedFoci,
        sessionTokens: try sums?.get(1) ?? 0,
        savedTokens: saved ?? 0)
    }
  }

  /// The knowledge of the finished foci, the latest first.
  private func groups(_ number: Int64, _ database: Database) throws -> [KnowledgeGroup] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT focus.id AS focus, focus.topic, record.id, record.kind, record.content FROM record
        JOIN focus ON focus.id = record.focus_id
        WHERE record.session_number = ? AND record.kind IN ('summary', 'learning') AND record.in_context = 1
        ORDER BY focus.id DESC, record.id
        """,
      arguments: [number])
    var groups: [KnowledgeGroup] = []
    for row in rows {
      let focus: Int64 = try row.get("focus")
      let topic: String = try row.get("topic")
      if groups.last?.focus != focus { groups.append(KnowledgeGroup(focus: focus, text: "## \(topic)")) }
      let content: String = try row.get("content")
      let kind: String = try row.get("kind")
      groups[groups.count - 1].records.append(try row.get("id"))
      guard !content.isEmpty else { continue }
      groups[groups.count - 1].text += kind == "summary" ? "\n\(content)" : "\n- \(content)"
    }
    return groups
  }
}

/// A finished focus in the knowledge block.
private struct KnowledgeGroup {
  let focus: Int64
  var text: String
  var records: [Int64] = []
}

private struct ContextMessage {
  let id: Int64
  let role: String
  let content: String
  let tokens: Int
  let focus: Int64?

  init(_ row: Row) throws {
    (id, role, content) = (try row.get("id"), try row.get("role"), try row.get("content"))
    (tokens, focus) = (try row.get("token_count"), try row.get("focus_id"))
  }

  var part: ContextPart {
    ContextPart(kind: .message, role: role, content: content, tokenCount: tokens, records: [id])
  }
}

/// The tokens that are left, and the parts that are made of records.
private struct ContextDraft {
  let budget: Int
  let count: (String) -> Int
  var left: Int
  var omittedFoci = 0

  init(budget: Int, count: @escaping (String) -> Int) {
    (self.budget, self.count, left) = (budget, count, budget)
  }

  /// A part of the role `system`, if it fits.
  mutating func part(_ kind: ContextPart.Kind, _ text: String, _ records: [Int64]) -> ContextPart? {
    let tokens = count(text)
    guard tokens <= left else { return nil }
    left -= tokens
    return ContextPart(kind: kind, role: "system", content: text, tokenCount: tokens, records: records)
  }

  /// The latest groups that fit two fifths of the budget, in the order in which they were finished.
  mutating func knowledge(_ groups: [KnowledgeGroup]) -> ContextPart? {
    var chosen: [KnowledgeGroup] = []
    var text = ""
    for group in groups {
      let next = (chosen + [group]).reversed().map(\.text).joined(separator: "\n\n")
      let whole = "# Knowledge\n\n" + next
      guard count(whole) <= min(left, max(1, budget * 2 / 5)) else { continue }
      chosen.append(group)
      text = whole
    }
    omittedFoci = groups.count - chosen.count
    return chosen.isEmpty ? nil : part(.knowledge, text, chosen.reversed().flatMap(\.records))
  }

  /// The results that fit, the best first, without records that stand in the context already.
  mutating func retrieved(_ results: [SearchResult], without records: Set<Int64>) -> ContextPart? {
    var (text, chosen): (String, [Int64]) = ("# From memory", [])
    for result in results where !records.contains(result.record.id) {
      let record = result.record
      let next = text + "\n- \(record.role ?? record.kind.rawValue): \(record.content)"
      guard count(next) <= left else { continue }
      text = next
      chosen.append(record.id)
    }
    return chosen.isEmpty ? nil : part(.retrieved, text, chosen)
  }
}
