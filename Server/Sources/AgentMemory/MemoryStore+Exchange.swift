import CellgateFiles
import Foundation
import GRDB

/// How much a file held.
public struct ExchangeReport: Sendable, Codable, Equatable {
  public var sessions = 0
  public var foci = 0
  public var records = 0
  public var links = 0

  public init() {}
}

/// A line of an exported file: one of these.
private struct ExchangeLine: Codable {
  struct Header: Codable {
    var format: String
    var formatVersion: Int

    enum CodingKeys: String, CodingKey {
      case format
      case formatVersion = "format_version"
    }
  }

  var header: Header?
  var session: MemorySession?
  var focus: MemoryFocus?
  var record: MemoryRecord?
  var link: MemoryLink?
}

extension MemoryStore {
  private static let format = "cellgate-agent-memory"
  /// Bytes of an imported line at most.
  private static let longestLine = 64 << 20

  /// Writes sessions with all that belongs to them, and the facts of no session, as JSON Lines; all sessions when nil. The file appears when it
  /// is whole. Vectors aren't written: they are made again when it is read.
  @discardableResult
  public func export(to file: String, sessions: [String]? = nil) throws(MemoryError) -> ExchangeReport {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var report = ExchangeReport()
    var failure: MemoryError?
    func writeAll(_ output: OutputFile) throws {
      func write(_ line: ExchangeLine) throws {
        try output.write(try encoder.encode(line) + Data("\n".utf8))
      }
      try database.read { database in
        try write(ExchangeLine(header: .init(format: Self.format, formatVersion: 1)))
        let numbers = try sessions?.map { try Self.knownNumber(of: $0, database) }
        let chosen = numbers.map { "IN (\($0.map(String.init).joined(separator: ", ")))" } ?? "IS NOT NULL"
        let sessionRows = try Row.fetchCursor(
          database, sql: "SELECT * FROM session WHERE number \(chosen) ORDER BY number")
        while let row = try sessionRows.next() {
          try write(ExchangeLine(session: try session(row)))
          report.sessions += 1
        }
        let fociRows = try Row.fetchCursor(
          database,
          sql: """
            SELECT focus.*, session.id AS session_id FROM focus JOIN session ON session.number = focus.session_number
            WHERE session_number \(chosen) ORDER BY focus.id
            """)
        while let row = try fociRows.next() {
          try write(ExchangeLine(focus: try Self.focus(row, try row.get("session_id"))))
          report.foci += 1
        }
        let recordRows = try Row.fetchCursor(
          database,
          sql: """
            \(Self.selectRecord) WHERE record.session_number \(chosen) OR record.session_number IS NULL ORDER BY record.id
            """)
        while let row = try recordRows.next() {
          try write(ExchangeLine(record: try record(row)))
          report.records += 1
        }
        let ends = "SELECT id FROM record WHERE session_number \(chosen) OR session_number IS NULL"
        let linkRows = try Row.fetchCursor(
          database,
          sql:
            "SELECT from_id, to_id, relation FROM link WHERE from_id IN (\(ends)) AND to_id IN (\(ends)) ORDER BY 1, 2, 3"
        )
        while let row = try linkRows.next() {
          try write(
            ExchangeLine(link: try MemoryLink(row)))
          report.links += 1
        }
      }
    }
    do {
      try AtomicFile.write(to: file) { output throws(FileError) in
        do { try writeAll(output) } catch let error as FileError { throw error } catch {
          failure = mapped(error)
          throw .cannotWrite(file: file, reason: "\(error)")
        }
      }
    } catch {
      if let failure { throw failure }
      throw .storage(path: file, reason: "\(error)")
    }
    return report
  }

  /// Reads an exported file, all of it or nothing. Records get new numbers; a session whose name is taken is an error.
  @discardableResult
  public func importLines(from file: String) throws(MemoryError) -> ExchangeReport {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw .storage(path: file, reason: "the file can't be opened")
    }
    defer { try? handle.close() }
    return try write { database in
      var reading = ExchangeReading(store: self, database: database)
      var number = 0
      var rest = Data()
      func take(_ line: Data) throws {
        number += 1
        guard line.contains(where: { $0 != 0x20 && $0 != 0x0D }) else { return }
        do {
          try reading.take(line, isFirst: number == 1)
        } catch let error as DatabaseError { throw error } catch let error as MemoryError {
          throw MemoryError.line(file: file, line: number, reason: error.description)
        } catch {
          throw MemoryError.line(file: file, line: number, reason: "expected an object of an exported memory")
        }
      }
      while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
        rest.append(chunk)
        while let end = rest.firstIndex(of: 0x0A) {
          try take(rest[rest.startIndex..<end])
          rest = rest[(end + 1)...]
        }
        rest = Data(rest)
        guard rest.count <= Self.longestLine else {
          throw MemoryError.line(
            file: file, line: number + 1, reason: "longer than \(Self.longestLine) bytes")
        }
      }
      if !rest.isEmpty { try take(rest) }
      guard number > 0 else { throw MemoryError.line(file: file, line: 1, reason: "the file is empty") }
      do { try reading.finish() } catch let error as MemoryError {
        throw MemoryError.line(file: file, line: number, reason: error.description)
      }
      return reading.report
    }
  }

  static func isFormat(_ name: String, _ version: Int) -> Bool { name == format && version == 1 }
}

/// A file that is imported: which numbers its records got.
private struct ExchangeReading {
  let store: MemoryStore
  let database: Database
  var report = ExchangeReport()
  private var sessions: [String: Int64] = [:]
  private var foci: [Int64: Int64] = [:]
  private var records: [Int64: Int64] = [:]
  private var superseded: [(record: Int64, by: Int64)] = []
  /// Records whose vectors aren't made yet.
  private var waiting: [(id: Int64, content: String)] = []

  init(store: MemoryStore, database: Database) { (self.store, self.database) = (store, database) }

  mutating func take(_ bytes: Data, isFirst: Bool) throws {
    let line = try JSONDecoder().decode(ExchangeLine.self, from: bytes)
    if isFirst {
      guard let header = line.header, MemoryStore.isFormat(header.format, header.formatVersion) else {
        throw MemoryError.invalid(
          field: "header", expected: "format cellgate-agent-memory, format_version 1",
          found: line.header.map { "\($0.format), \($0.formatVersion)" } ?? "none")
      }
      return
    }
    if let session = line.session {
      try MemoryStore.insert(session, database)
      sessions[session.id] = database.lastInsertedRowID
      report.sessions += 1
    } else if let focus = line.focus {
      try database.execute(
        sql: """
          INSERT INTO focus(session_number, topic, opened_at, closed_at, tokens_before, tokens_after)
          VALUES (?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          try session(focus.sessionID), focus.topic, focus.openedAt, focus.closedAt, focus.tokensBefore,
          focus.tokensAfter,
        ])
      foci[focus.id] = database.lastInsertedRowID
      report.foci += 1
    } else if var record = line.record {
      let old = record.id
      if let by = record.supersededBy { superseded.append((old, by)) }
      record.supersededBy = nil
      record.focusID = try record.focusID.map { try known(foci, $0, "focus") }
      try store.insert(&record, session: try record.sessionID.map(session), vector: nil, database)
      records[old] = record.id
      waiting.append((record.id, record.content))
      if waiting.count == 256 { try encode() }
      report.records += 1
    } else if let link = line.link {
      try MemoryStore.insert(
        MemoryLink(
          from: try known(records, link.from, "record"), to: try known(records, link.to, "record"),
          relation: link.relation), database)
      report.links += 1
    } else {
      throw MemoryError.invalid(
        field: "line", expected: "session, focus, record or link", found: "none of them")
    }
  }

  mutating func finish() throws {
    try encode()
    for (record, by) in superseded {
      try database.execute(
        sql: "UPDATE record SET superseded_by = ? WHERE id = ?",
        arguments: [try known(records, by, "record"), try known(records, record, "record")])
    }
  }

  private mutating func encode() throws {
    let vectors = try store.encode(waiting.map(\.content)).map(VectorTable.packed)
    for (record, vector) in zip(waiting, vectors) { try store.insert(vector, of: record.id, database) }
    waiting = []
  }

  private func session(_ id: String) throws -> Int64 {
    guard let number = sessions[id] else { throw MemoryError.unknown(what: "session in this file", name: id) }
    return number
  }

  private func known(_ numbers: [Int64: Int64], _ id: Int64, _ what: String) throws -> Int64 {
    guard let number = numbers[id] else {
      throw MemoryError.unknown(what: "\(what) in this file", name: "\(id)")
    }
    return number
  }
}
