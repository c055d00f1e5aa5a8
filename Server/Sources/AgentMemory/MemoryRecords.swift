/// What a record is.
public enum RecordKind: String, Sendable, Codable, CaseIterable {
  /// What somebody said, or a tool returned.
  case message
  /// A statement that holds for a time.
  case fact
  /// What a finished focus was about.
  case summary
  /// What was learned in a finished focus.
  case learning
}

/// A conversation or a long task.
public struct MemorySession: Sendable, Codable, Equatable {
  /// Its name, unique in the store.
  public var id: String
  /// A title for people.
  public var title: String?
  /// When it began, in seconds since 1970.
  public var createdAt: Double
  /// What the caller wants to keep with it.
  public var metadata: [String: MetadataValue]

  public init(id: String, title: String? = nil, createdAt: Double, metadata: [String: MetadataValue] = [:]) {
    (self.id, self.title, self.createdAt, self.metadata) = (id, title, createdAt, metadata)
  }

  enum CodingKeys: String, CodingKey {
    case id, title, metadata
    case createdAt = "created_at"
  }
}

/// A message, fact, summary or learning as it is stored.
public struct MemoryRecord: Sendable, Codable, Equatable {
  /// Its number, unique in the store and never used again.
  public var id: Int64
  public var kind: RecordKind
  /// The session that it belongs to; a fact may belong to none.
  public var sessionID: String?
  /// Who said it, of a message: `user`, `assistant`, `system`, `tool`, or another name.
  public var role: String?
  public var content: String
  /// Seconds since 1970.
  public var createdAt: Double
  public var tokenCount: Int
  public var metadata: [String: MetadataValue]
  /// The focus in which it was written.
  public var focusID: Int64?
  /// Whether it stands in the working context. All records can be searched.
  public var inContext: Bool
  /// What a fact is about: of facts with the same key in a session, one holds at a time.
  public var key: String?
  /// When a fact began to hold, in seconds since 1970.
  public var validFrom: Double?
  /// When it stopped holding; nil while it holds.
  public var validUntil: Double?
  /// The fact that took its place.
  public var supersededBy: Int64?

  enum CodingKeys: String, CodingKey {
    case id, kind, role, content, metadata, key
    case sessionID = "session_id"
    case createdAt = "created_at"
    case tokenCount = "token_count"
    case focusID = "focus_id"
    case inContext = "in_context"
    case validFrom = "valid_from"
    case validUntil = "valid_until"
    case supersededBy = "superseded_by"
  }
}

/// A relation between two records, such as `source` or `supersedes`.
public struct MemoryLink: Sendable, Codable, Hashable {
  public var from: Int64
  public var to: Int64
  public var relation: String

  public init(from: Int64, to: Int64, relation: String) {
    (self.from, self.to, self.relation) = (from, to, relation)
  }
}

/// A part of a task whose messages leave the working context when it is finished.
public struct MemoryFocus: Sendable, Codable, Equatable {
  public var id: Int64
  public var sessionID: String
  public var topic: String
  /// Seconds since 1970.
  public var openedAt: Double
  /// When it was finished; nil while it is open.
  public var closedAt: Double?
  /// The tokens of its messages, of a finished focus.
  public var tokensBefore: Int?
  /// The tokens of what stands in the knowledge block instead.
  public var tokensAfter: Int?

  enum CodingKeys: String, CodingKey {
    case id, topic
    case sessionID = "session_id"
    case openedAt = "opened_at"
    case closedAt = "closed_at"
    case tokensBefore = "tokens_before"
    case tokensAfter = "tokens_after"
  }
}

/// A message to be stored.
public struct MessageDraft: Sendable, Codable, Equatable {
  /// `user`, `assistant`, `system`, `tool`, or another name.
  public var role: String
  public var content: String
  /// Seconds since 1970; now when nil.
  public var createdAt: Double?
  /// Counted by the store when nil.
  public var tokenCount: Int?
  public var metadata: [String: MetadataValue]?

  public init(
    role: String, content: String, createdAt: Double? = nil, tokenCount: Int? = nil,
    metadata: [String: MetadataValue]? = nil
  ) {
    (self.role, self.content, self.createdAt) = (role, content, createdAt)
    (self.tokenCount, self.metadata) = (tokenCount, metadata)
  }

  enum CodingKeys: String, CodingKey {
    case role, content, metadata
    case createdAt = "created_at"
    case tokenCount = "token_count"
  }
}

/// A fact to be stored.
public struct FactDraft: Sendable, Codable, Equatable {
  public var content: String
  /// What it is about. A fact with a key takes the place of the one with the same key, in the same session, that holds.
  public var key: String?
  /// The session that it belongs to; nil for one that belongs to all.
  public var sessionID: String?
  /// When it began to hold, in seconds since 1970; now when nil.
  public var validFrom: Double?
  /// When it stops holding; nil for no known end.
  public var validUntil: Double?
  /// A fact whose place it takes.
  public var supersedes: Int64?
  /// The record that it was taken from; a link `source` is stored.
  public var source: Int64?
  public var metadata: [String: MetadataValue]?

  public init(
    content: String, key: String? = nil, sessionID: String? = nil, validFrom: Double? = nil,
    validUntil: Double? = nil, supersedes: Int64? = nil, source: Int64? = nil,
    metadata: [String: MetadataValue]? = nil
  ) {
    (self.content, self.key, self.sessionID, self.validFrom) = (content, key, sessionID, validFrom)
    (self.validUntil, self.supersedes, self.source, self.metadata) = (
      validUntil, supersedes, source, metadata
    )
  }

  enum CodingKeys: String, CodingKey {
    case content, key, supersedes, source, metadata
    case sessionID = "session_id"
    case validFrom = "valid_from"
    case validUntil = "valid_until"
  }
}
