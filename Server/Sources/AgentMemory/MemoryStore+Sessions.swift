import Foundation
import GRDB

extension MemoryStore {
  // MARK: - Sessions

  /// Creates a session; without a name it gets one. Throws `conflict` if there is one of that name.
  @discardableResult
  public func createSession(
    _ id: String? = nil, title: String? = nil, metadata: [String: MetadataValue] = [:]
  ) throws(MemoryError) -> MemorySession {
    let session = MemorySession(
      id: id ?? UUID().uuidString.lowercased(), title: title, createdAt: options.now(), metadata: metadata)
    try write { database in try Self.insert(session, database) }
    return session
  }

  static func insert(_ session: MemorySession, _ database: Database) throws {
    try checkName("id", session.id)
    if let title = session.title { try checkText("title", title) }
    if try number(of: session.id, database) != nil {
      throw MemoryError.conflict(what: "there is already a session \(session.id)")
    }
    try database.execute(
      sql: "INSERT INTO session(id, title, created_at, metadata) VALUES (?, ?, ?, ?)",
      arguments: [
        session.id, session.title, try checkTime("created_at", session.createdAt),
        try text(of: session.metadata),
      ])
  }

  /// A session. Throws `unknown`.
  public func session(_ id: String) throws(MemoryError) -> MemorySession {
    let row = try read { try Row.fetchOne($0, sql: "SELECT * FROM session WHERE id = ?", arguments: [id]) }
    guard let row else { throw .unknown(what: "session", name: id) }
    return try session(row)
  }

  /// Sessions, the latest first: `limit` of them from `offset` on.
  public func sessions(limit: Int = 100, offset: Int = 0) throws(MemoryError) -> [MemorySession] {
    let rows = try read {
      try Row.fetchAll(
        $0, sql: "SELECT * FROM session ORDER BY number DESC LIMIT ? OFFSET ?",
        arguments: [max(0, limit), max(0, offset)])
    }
    var sessions: [MemorySession] = []
    for row in rows { sessions.append(try session(row)) }
    return sessions
  }

  func session(_ row: Row) throws(MemoryError) -> MemorySession {
    do {
      return MemorySession(
        id: try row.get("id"), title: try row.get("title"), createdAt: try row.get("created_at"),
        metadata: try metadata(row.get("metadata")))
    } catch { throw mapped(error) }
  }

  static func number(of session: String, _ database: Database) throws -> Int64? {
    try Int64.fetchOne(database, sql: "SELECT number FROM session WHERE id = ?", arguments: [session])
  }

  static func knownNumber(of session: String, _ database: Database) throws -> Int64 {
    guard let number = try number(of: session, database) else {
      throw MemoryError.unknown(what: "session", name: session)
    }
    return number
  }

  // MARK: - Messages

  /// Stores messages in their order, all of them or none, and returns them as they are stored. They are on the disk when it returns.
  @discardableResult
  public func append(_ drafts: [MessageDraft], to session: String) throws(MemoryError) -> [MemoryRecord] {
    let encoded = try encode(drafts.map(\.content)).map(VectorTable.packed)
    return try write { database in
      let number = try Self.knownNumber(of: session, database)
      let focus = try Int64.fetchOne(
        database, sql: "SELECT id FROM focus WHERE session_number = ? AND closed_at IS NULL",
        arguments: [number])
      return try zip(drafts, encoded).map { draft, vector in
        try Self.checkName("role", draft.role)
        var record = MemoryRecord(
          kind: .message, sessionID: session, role: draft.role, content: draft.content,
          createdAt: draft.createdAt ?? options.now(),
          tokenCount: draft.tokenCount ?? options.countTokens(draft.content),
          metadata: draft.metadata ?? [:])
        record.focusID = focus
        try insert(&record, session: number, vector: vector, database)
        return record
      }
    }
  }

  /// Messages of a session in their order: the last `limit` of those before the record `before`.
  public func messages(
    in session: String, limit: Int = 100, before: Int64? = nil
  ) throws(MemoryError) -> [MemoryRecord] {
    let rows = try read { database in
      try Row.fetchAll(
        database,
        sql: """
          \(Self.selectRecord) WHERE record.session_number = ? AND record.kind = 'message' AND record.id < ?
          ORDER BY record.id DESC LIMIT ?
          """,
        arguments: [try Self.knownNumber(of: session, database), before ?? .max, max(0, limit)])
    }
    return try records(rows.reversed())
  }

  // MARK: - Records and links

  /// A record of any kind. Throws `unknown`.
  public func record(_ id: Int64) throws(MemoryError) -> MemoryRecord {
    let row = try read {
      try Row.fetchOne($0, sql: "\(Self.selectRecord) WHERE record.id = ?", arguments: [id])
    }
    guard let row else { throw .unknown(what: "record", name: "\(id)") }
    return try record(row)
  }

  /// How many records there are.
  public func recordCount() throws(MemoryError) -> Int {
    try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM record") ?? 0 }
  }

  /// Stores a relation between two records; one that is there stays. Throws `unknown` if a record isn't there.
  public func link(_ link: MemoryLink) throws(MemoryError) {
    try write { try Self.insert(link, $0) }
  }

  static func insert(_ link: MemoryLink, _ database: Database) throws {
    try checkName("relation", link.relation)
    for id in [link.from, link.to] {
      guard try Bool.fetchOne(database, sql: "SELECT 1 FROM record WHERE id = ?", arguments: [id]) != nil
      else {
        throw MemoryError.unknown(what: "record", name: "\(id)")
      }
    }
    try database.execute(
      sql: "INSERT INTO link(from_id, to_id, relation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      arguments: [link.from, link.to, link.relation])
  }

  /// The relations from or to a record.
  public func links(of record: Int64) throws(MemoryError) -> [MemoryLink] {
    try read { database in
      try Row.fetchAll(
        database,
        sql: "SELECT from_id, to_id, relation FROM link WHERE from_id = ?1 OR to_id = ?1 ORDER BY 1, 2, 3",
        arguments: [record]
      ).map { try MemoryLink($0) }
    }
  }

  // MARK: - Rows

  /// Begins every statement that reads records.
  static let selectRecord =
    "SELECT record.*, session.id AS session_id FROM record LEFT JOIN session ON session.number = record.session_number"

  func record(_ row: Row) throws(MemoryError) -> MemoryRecord {
    do {
      let kind: String = try row.get("kind")
      guard let kind = RecordKind(rawValue: kind) else {
        throw MemoryError.damaged(path: path, reason: "a record is of the unknown kind \(kind)")
      }
      return MemoryRecord(
        id: try row.get("id"), kind: kind, sessionID: try row.get("session_id"), role: try row.get("role"),
        content: try row.get("content"), createdAt: try row.get("created_at"),
        tokenCount: try row.get("token_count"),
        metadata: try metadata(row.get("metadata")), focusID: try row.get("focus_id"),
        inContext: try row.get("in_context"), key: try row.get("fact_key"),
        validFrom: try row.get("valid_from"),
        validUntil: try row.get("valid_until"), supersededBy: try row.get("superseded_by"))
    } catch { throw mapped(error) }
  }

  func records(_ rows: some Sequence<Row>) throws(MemoryError) -> [MemoryRecord] {
    var records: [MemoryRecord] = []
    for row in rows { records.append(try record(row)) }
    return records
  }

  /// Stores a record with its vector and sets its number.
  func insert(
    _ record: inout MemoryRecord, session: Int64?, vector: (numbers: [Int8], scale: Float)?,
    _ database: Database
  ) throws {
    try Self.checkText("content", record.content)
    for (field, time) in [("valid_from", record.validFrom), ("valid_until", record.validUntil)] {
      if let time { _ = try Self.checkTime(field, time) }
    }
    guard record.tokenCount >= 0 else {
      throw MemoryError.invalid(field: "token_count", expected: "0 or more", found: "\(record.tokenCount)")
    }
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO record(kind, session_number, role, content, created_at, token_count, metadata, focus_id, in_context,
          fact_key, valid_from, valid_until, superseded_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      record.kind.rawValue, session, record.role, record.content,
      try Self.checkTime("created_at", record.createdAt),
      record.tokenCount, try Self.text(of: record.metadata), record.focusID, record.inContext, record.key,
      record.validFrom, record.validUntil, record.supersededBy,
    ])
    record.id = database.lastInsertedRowID
    if let vector { try insert(vector, of: record.id, database) }
  }

  func insert(_ vector: (numbers: [Int8], scale: Float), of record: Int64, _ database: Database) throws {
    guard vector.scale > 0 else { return }
    let statement = try database.cachedStatement(
      sql: "INSERT INTO vector(record_id, encoder_number, scale, numbers) VALUES (?, ?, ?, ?)")
    let bytes = Data(vector.numbers.map { UInt8(bitPattern: $0) })
    try statement.execute(arguments: [record, encoderNumber, Double(vector.scale), bytes])
  }

  // MARK: - Checks

  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }()

  static func text(of metadata: [String: MetadataValue]) throws -> String {
    do { return String(decoding: try encoder.encode(metadata), as: UTF8.self) } catch {
      throw MemoryError.invalid(field: "metadata", expected: "finite numbers", found: "\(metadata)")
    }
  }

  func metadata(_ text: String) throws(MemoryError) -> [String: MetadataValue] {
    if text == "{}" { return [:] }
    do { return try JSONDecoder().decode([String: MetadataValue].self, from: Data(text.utf8)) } catch {
      throw .damaged(path: path, reason: "the metadata \(text.prefix(80)) aren't a JSON object")
    }
  }

  static func checkTime(_ field: String, _ time: Double) throws -> Double {
    guard time.isFinite else {
      throw MemoryError.invalid(field: field, expected: "seconds since 1970", found: "\(time)")
    }
    return time
  }

  /// SQLite's texts end at a character of the code 0.
  static func checkText(_ field: String, _ text: String) throws {
    guard !text.utf8.contains(0) else {
      throw MemoryError.invalid(field: field, expected: "a text", found: "one with a character of the code 0")
    }
  }

  static func checkName(_ field: String, _ name: String) throws {
    try checkText(field, name)
    guard (1...200).contains(name.utf8.count) else {
      throw MemoryError.invalid(field: field, expected: "1 to 200 bytes", found: "\(name.utf8.count)")
    }
  }
}

extension MemoryLink {
  /// The columns from, to and relation of a row.
  init(_ row: Row) throws { self.init(from: try row.get(0), to: try row.get(1), relation: try row.get(2)) }
}

extension Row {
  /// A column's value. What GRDB itself offers ends the program where a damaged file has a value of another type.
  func get<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
    guard let index = columnNames.firstIndex(of: column) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "there is no column \(column)")
    }
    return try get(columnNames.distance(from: columnNames.startIndex, to: index))
  }

  /// The value of a column by its place.
  func get<Value: DatabaseValueConvertible>(_ column: Int) throws -> Value {
    let stored: DatabaseValue = self[column]
    guard let value = Value.fromDatabaseValue(stored) else {
      throw DatabaseError(
        resultCode: .SQLITE_CORRUPT, message: "a column holds \(stored.storage.value ?? "nothing")")
    }
    return value
  }
}

extension MemoryRecord {
  /// A record that isn't stored yet.
  init(
    kind: RecordKind, sessionID: String?, role: String? = nil, content: String, createdAt: Double,
    tokenCount: Int,
    metadata: [String: MetadataValue]
  ) {
    self.init(
      id: 0, kind: kind, sessionID: sessionID, role: role, content: content, createdAt: createdAt,
      tokenCount: tokenCount, metadata: metadata, focusID: nil, inContext: true, key: nil, validFrom: nil,
      validUntil: nil, supersededBy: nil)
  }
}
