import GRDB
import Synchronization

/// What a deletion removed.
public struct DeletionReport: Sendable, Codable, Equatable {
  public var sessions: Int
  /// Records of all kinds.
  public var records: Int
  /// Whether the contents are gone from the file and its log too. Else another program reads, or
  /// nobody asked for it: call ``MemoryStore/purge()`` later.
  public var purged: Bool

  public init(sessions: Int, records: Int, purged: Bool) {
    (self.sessions, self.records, self.purged) = (sessions, records, purged)
  }
}

/// What is to be deleted, all of it at once or nothing.
public struct DeletionRequest: Sendable, Codable, Equatable {
  /// Sessions, with all that belongs to them.
  public var sessions: [String]?
  /// Records with their vectors and links; numbers without a record are passed over.
  public var records: [Int64]?
  /// A time in seconds since 1970: the records written before it, but for facts that hold.
  public var before: Double?

  public init(sessions: [String]? = nil, records: [Int64]? = nil, before: Double? = nil) {
    (self.sessions, self.records, self.before) = (sessions, records, before)
  }
}

extension MemoryStore {
  /// Deletes a session with all that belongs to it. Throws `unknown`.
  @discardableResult
  public func deleteSession(_ id: String) throws(MemoryError) -> DeletionReport {
    try delete(DeletionRequest(sessions: [id]))
  }

  /// Deletes records with their vectors and links; numbers without a record are passed over.
  @discardableResult
  public func deleteRecords(_ ids: [Int64]) throws(MemoryError) -> DeletionReport {
    try delete(DeletionRequest(records: ids))
  }

  /// Deletes the records written before a time, in seconds since 1970; facts that hold stay.
  @discardableResult
  public func deleteRecords(before time: Double) throws(MemoryError) -> DeletionReport {
    try delete(DeletionRequest(before: time))
  }

  /// Deletes all that a request names, or nothing. The full-text index is written anew once, so that one call is far faster than many;
  /// with `purging` false that is left to ``purge()``, before which nothing that was deleted is found any more, but its words still stand in
  /// the file. Throws `unknown` for a session that isn't there.
  @discardableResult
  public func delete(_ request: DeletionRequest, purging: Bool = true) throws(MemoryError) -> DeletionReport {
    let sessions = Set(request.sessions ?? [])
    let gone = try write { database in
      let before = try request.before.map { try Self.checkTime("before", $0) }
      var gone: Set<Int64> = []
      for id in sessions {
        let number = try Self.knownNumber(of: id, database)
        gone.formUnion(
          try Int64.fetchAll(
            database, sql: "SELECT id FROM record WHERE session_number = ?", arguments: [number]))
        try database.execute(sql: "DELETE FROM session WHERE number = ?", arguments: [number])
      }
      for id in request.records ?? [] {
        try database.execute(sql: "DELETE FROM record WHERE id = ?", arguments: [id])
        if database.changesCount > 0 { gone.insert(id) }
      }
      if let before {
        let condition = "created_at < ?1 AND (kind <> 'fact' OR valid_until <= ?1)"
        gone.formUnion(
          try Int64.fetchAll(
            database, sql: "SELECT id FROM record WHERE \(condition)", arguments: [before]))
        try database.execute(sql: "DELETE FROM record WHERE \(condition)", arguments: [before])
      }
      return gone
    }
    vectors.withLock { $0.table.remove(gone) }
    common.withLock { $0 = [] }
    return DeletionReport(
      sessions: sessions.count, records: gone.count, purged: purging ? try purge() : false)
  }

  /// Removes what was deleted from the full-text index and the log, where it stands until then; whether all of it went. Deletions call it.
  ///
  /// The index is written anew, which takes the longer the more is stored.
  @discardableResult
  public func purge() throws(MemoryError) -> Bool {
    do {
      return try database.writeWithoutTransaction { database in
        try database.execute(sql: "INSERT INTO record_text(record_text) VALUES ('optimize')")
        guard path != ":memory:" else { return true }
        do {
          try database.checkpoint(.truncate)
          return true
        } catch let error as DatabaseError where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode) {
          return false
        }
      }
    } catch { throw mapped(error) }
  }

  /// Gives the room of what was deleted back to the disk. It needs as much again while it runs.
  public func compact() throws(MemoryError) {
    do {
      try database.vacuum()
      if path != ":memory:" { _ = try database.writeWithoutTransaction { try $0.checkpoint(.truncate) } }
    } catch { throw mapped(error) }
  }
}
