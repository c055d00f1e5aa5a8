/// What is searched for. Only the query must be given.
public struct SearchRequest: Sendable, Codable, Equatable {
  /// Words, a question, or a text like those that are searched for.
  public var query: String
  /// Results at most, from 1 to 1,000; 10 when nil.
  public var limit: Int?
  /// Only records of these sessions; nil for all.
  public var sessions: [String]?
  /// With `sessions`: facts that belong to no session too.
  public var includeGlobal: Bool?
  /// Only records of these kinds; nil for all.
  public var kinds: [RecordKind]?
  /// Only messages of these roles; nil for all records.
  public var roles: [String]?
  /// Only records written at this time or later, in seconds since 1970.
  public var since: Double?
  /// Only records written at this time or earlier.
  public var until: Double?
  /// Only records whose metadata have these values, which are texts, numbers, truth values or null.
  public var metadata: [String: MetadataValue]?
  /// Only facts that hold at this time; now when nil.
  public var validAt: Double?
  /// Facts that don't hold as well.
  public var includeExpired: Bool?
  /// The time after which a record's recency is halved, in seconds; a week when nil.
  public var halfLife: Double?
  /// How much recency counts, from 0 to 1: the score is multiplied by 1 − w + w 2^(−age / half-life); 0.2 when nil.
  public var recencyWeight: Double?

  public init(
    query: String, limit: Int? = nil, sessions: [String]? = nil, includeGlobal: Bool? = nil,
    kinds: [RecordKind]? = nil, roles: [String]? = nil, since: Double? = nil, until: Double? = nil,
    metadata: [String: MetadataValue]? = nil, validAt: Double? = nil, includeExpired: Bool? = nil,
    halfLife: Double? = nil, recencyWeight: Double? = nil
  ) {
    (self.query, self.limit, self.sessions, self.includeGlobal) = (query, limit, sessions, includeGlobal)
    (self.kinds, self.roles, self.since, self.until) = (kinds, roles, since, until)
    (self.metadata, self.validAt, self.includeExpired) = (metadata, validAt, includeExpired)
    (self.halfLife, self.recencyWeight) = (halfLife, recencyWeight)
  }

  enum CodingKeys: String, CodingKey {
    case query, limit, sessions, kinds, roles, since, until, metadata
    case includeGlobal = "include_global"
    case validAt = "valid_at"
    case includeExpired = "include_expired"
    case halfLife = "half_life"
    case recencyWeight = "recency_weight"
  }
}

/// A record that was found, and why.
public struct SearchResult: Sendable, Codable, Equatable {
  public var record: MemoryRecord
  /// What the results are ordered by: Σ 1 / (60 + rank) over the two searches, times the recency's factor.
  public var score: Double
  /// The place in the search by words, from 1 on; nil if it wasn't among the best there.
  public var textRank: Int?
  /// BM25, large is good; nil as well for a query of words so common that only the latest records with them were looked at.
  public var textScore: Double?
  /// The query's words that stand in the record.
  public var matchedTerms: [String]
  /// The place in the search by vectors, from 1 on; nil if it wasn't among the best there.
  public var vectorRank: Int?
  /// The inner product of the unit vectors.
  public var similarity: Double?
  /// How old the record is, in seconds.
  public var age: Double
  /// What the recency multiplied the score by.
  public var recencyFactor: Double
  /// The same for people.
  public var why: String

  enum CodingKeys: String, CodingKey {
    case record, score, similarity, age, why
    case textRank = "text_rank"
    case textScore = "text_score"
    case matchedTerms = "matched_terms"
    case vectorRank = "vector_rank"
    case recencyFactor = "recency_factor"
  }
}

/// The results of a search, the best first.
public struct SearchResponse: Sendable, Codable, Equatable {
  public var results: [SearchResult]
  /// Words of the query that were left out of the search by words because so many records have them.
  public var ignoredTerms: [String]

  enum CodingKeys: String, CodingKey {
    case results
    case ignoredTerms = "ignored_terms"
  }
}
