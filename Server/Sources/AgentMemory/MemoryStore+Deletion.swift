import GRDB
import Synchronization

/// What a deletion removed.
public struct DeletionReport: Sendable, Codable, Equatable {
  public var sessions: Int
  /// Records of all kinds.
  public var records: Int
  /// Whether the contents are gone from the file and its log too. Else another program reads: call ``MemoryStore/purge()`` later.
  public var purged: Bool

  public init(sessions: Int, records: Int, purged: Bool) {
    (self.sessions, self.records, self.purged) = (sessions, records, purged)
  }
}

extension MemoryStore {
  /// Deletes a session with all that belongs to it. Throws `unknown`.
  @discardableResult
  public func deleteSession(_ id: String) throws(MemoryError) -> DeletionReport {
    let ids = try write { database in
      let number = try Self.knownNumber(of: id, database)
      let ids = try Int64.fetchAll(
        database, sql: "SELECT id FROM record WHERE session_number = ?", arguments: [number])
      try database.execute(sql: "DELETE FROM session WHERE number = ?", arguments: [number])
      return ids
    }
    return try finish(sessions: 1, ids)
  }

  /// Deletes records with their vectors and links; numbers without a record are passed over.
  @discardableResult
  public func deleteRecords(_ ids: [Int64]) throws(MemoryError) -> DeletionReport {
    let deleted = try write { database in
      var deleted: [Int64] = []
      for id in ids {
        try database.execute(sql: "DELETE FROM record WHERE id = ?", arguments: [id])
        if database.changesCount > 0 { deleted.append(id) }
      }
      return deleted
    }
    return try finish(sessions: 0, deleted)
  }

  /// Deletes the records written before a time, in seconds since 1970; facts that hold stay.
  @discardableResult
  public func deleteRecords(before time: Double) throws(MemoryError) -> DeletionReport {
    let ids = try write { database in
      let condition = "created_at < ?1 AND (kind <> 'fact' OR valid_until <= ?1)"
      let ids = try Int64.fetchAll(
        database, sql: "SELECT id FROM record WHERE \(condition)", arguments: [time])
      try database.execute(sql: "DELETE FROM record WHERE \(condition)", arguments: [time])
      return ids
    }
    return try finish(sessions: 0, ids)
  }

  private func finish(sessions: Int, _ ids: [Int64]) throws(MemoryError) -> DeletionReport {
    let gone = Set(ids)
    vectors.withLock { $0.table.remove(gone) }
    common.withLock { $0 = [] }
    return DeletionReport(sessions: sessions, records: ids.count, purged: try purge())
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
