import CellgateFiles
import Foundation
import GRDB
import Synchronization

/// What happened in conversations and long tasks, kept in one SQLite file, found again and condensed.
///
/// ```swift
/// let memory = try MemoryStore("memory.sqlite")
/// try memory.createSession("trip")
/// try memory.append([MessageDraft(role: "user", content: "My train leaves at 7:40 from platform 3.")], to: "trip")
/// let found = try memory.search(SearchRequest(query: "when does the train go"))
/// print(found.results[0].record.content, found.results[0].why)
/// ```
///
/// A call that returned is on the disk: the file has a write-ahead log, which is synchronised with each call. Any threads may share a store,
/// and any programs a file. All calls throw ``MemoryError``.
public final class MemoryStore: Sendable {
  /// How a store is opened.
  public struct Options: Sendable {
    /// Makes the vectors.
    public var encoder: any MemoryEncoder = HashedWordEncoder()
    /// How long to wait for another program that writes, in seconds.
    public var busySeconds = 5.0
    /// Whether what is acknowledged also outlives a power failure; without, it outlives the end of the program only.
    public var outlivesPowerFailure = true
    /// Counts the tokens of a text for which the caller gave no count.
    public var countTokens: @Sendable (String) -> Int = TokenEstimate.count
    /// Seconds since 1970.
    public var now: @Sendable () -> Double = { Date().timeIntervalSince1970 }
    /// Records that the words of a search by BM25 may stand in, all together: the rarest words that do are taken.
    var mostPostings = 10_000

    public init() {}
  }

  /// The file, or `:memory:`.
  public let path: String
  /// How it was opened.
  public let options: Options
  let database: any DatabaseWriter
  /// The number of the encoder in the file.
  let encoderNumber: Int64
  let vectors: Mutex<LoadedVectors>
  /// Words that so many records have that a search by words may leave them out.
  let common = Mutex<Set<String>>([])

  /// The vectors in memory, and the last that was read.
  struct LoadedVectors: Sendable {
    var table: VectorTable
    var last: Int64 = 0
  }

  /// Opens a store, or creates it; `:memory:` is one that ends with the value.
  public init(_ path: String, options: Options = Options()) throws(MemoryError) {
    var configuration = Configuration()
    configuration.busyMode = .timeout(options.busySeconds)
    configuration.label = "memory"
    configuration.prepareDatabase { database in
      // What is deleted is overwritten with zeros.
      try database.execute(sql: "PRAGMA secure_delete = ON")
      try database.execute(sql: "PRAGMA synchronous = \(options.outlivesPowerFailure ? "FULL" : "NORMAL")")
    }
    (self.path, self.options) = (path, options)
    do {
      if path == ":memory:" {
        database = try DatabaseQueue(configuration: configuration)
      } else {
        try Self.checkHeader(path)
        database = try DatabasePool(path: path, configuration: configuration)
      }
      encoderNumber = try Self.prepare(database, path: path, encoder: options.encoder)
    } catch let error as MemoryError {
      throw error
    } catch let error as DatabaseError {
      throw MemoryError(error, path: path, seconds: options.busySeconds)
    } catch {
      throw .storage(path: path, reason: "\(error)")
    }
    vectors = Mutex(LoadedVectors(table: VectorTable(dimension: options.encoder.dimension)))
  }

  /// Refuses a file that is no database before SQLite writes beside it.
  private static func checkHeader(_ path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else { return }
    defer { try? handle.close() }
    let header = try handle.read(upToCount: 100) ?? Data()
    guard !header.isEmpty else { return }
    guard header.starts(with: Data("SQLite format 3\0".utf8)) else {
      throw MemoryError.notAMemory(path: path, found: "a file that isn't an SQLite database")
    }
    guard header.count == 100 else { throw MemoryError.damaged(path: path, reason: "it ends in its header") }
  }

  private static func prepare(
    _ database: any DatabaseWriter, path: String, encoder: any MemoryEncoder
  ) throws -> Int64 {
    let migrator = MemorySchema.migrator
    try database.writeWithoutTransaction { database in
      guard try Bool.fetchOne(database, sql: "SELECT sqlite_compileoption_used('ENABLE_FTS5')") == true else {
        throw MemoryError.storage(path: path, reason: "expected an SQLite with FTS5, found one without")
      }
      let mark = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
      let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
      guard mark == MemorySchema.applicationID || (mark == 0 && tables == 0) else {
        throw MemoryError.notAMemory(path: path, found: "an SQLite database of another program")
      }
      if try migrator.hasBeenSuperseded(database) { throw MemoryError.newer(path: path) }
      if mark == 0 {
        try database.execute(sql: "PRAGMA application_id = \(MemorySchema.applicationID)")
      }
    }
    if try database.read({ try !migrator.hasCompletedMigrations($0) }) { try migrator.migrate(database) }
    // Rows are read as the tables declare them.
    if try database.read({ try migrator.hasSchemaChanges($0) }) {
      throw MemoryError.damaged(path: path, reason: "its tables aren't those of a memory")
    }
    let known = try database.read { database in
      try Row.fetchOne(
        database, sql: "SELECT number, dimension FROM encoder WHERE name = ?", arguments: [encoder.name])
    }
    if let known {
      let dimension: Int = try known.get("dimension")
      guard dimension == encoder.dimension else {
        throw MemoryError.conflict(
          what:
            "\(path): the encoder \(encoder.name) has \(encoder.dimension) numbers, its stored vectors have "
            + "\(dimension)")
      }
      return try known.get("number")
    }
    return try database.write { database in
      try database.execute(
        sql: "INSERT INTO encoder(name, dimension) VALUES (?, ?) ON CONFLICT DO NOTHING",
        arguments: [encoder.name, encoder.dimension])
      return try Int64.fetchOne(
        database, sql: "SELECT number FROM encoder WHERE name = ?", arguments: [encoder.name]) ?? 0
    }
  }

  // MARK: - Access

  /// Reads a state of the file that no writer changes meanwhile.
  func read<Value>(_ body: (Database) throws -> Value) throws(MemoryError) -> Value {
    do { return try database.read(body) } catch { throw mapped(error) }
  }

  /// Writes all of something or none of it.
  func write<Value>(_ body: (Database) throws -> Value) throws(MemoryError) -> Value {
    do { return try database.write(body) } catch { throw mapped(error) }
  }

  func mapped(_ error: any Error) -> MemoryError {
    switch error {
    case let error as MemoryError: error
    case let error as DatabaseError: MemoryError(error, path: path, seconds: options.busySeconds)
    default: .storage(path: path, reason: "\(error)")
    }
  }

  /// The vectors of some texts, checked.
  func encode(_ texts: [String]) throws(MemoryError) -> [[Float]] {
    let found: [[Float]]
    do { found = try options.encoder.vectors(texts) } catch { throw .encoder(reason: "\(error)") }
    guard found.count == texts.count, found.allSatisfy({ $0.count == options.encoder.dimension }) else {
      throw .encoder(
        reason:
          "expected \(texts.count) vectors of \(options.encoder.dimension) numbers, found \(found.count) of "
          + "\(found.first?.count ?? 0)")
    }
    return found
  }

  /// Checks the whole file: its pages, its references and its full-text index. Throws `damaged` with the first fault.
  public func check() throws(MemoryError) {
    try write { database in
      let faults = try String.fetchAll(database, sql: "PRAGMA integrity_check(1)")
      if let fault = faults.first, fault != "ok" { throw MemoryError.damaged(path: path, reason: fault) }
      if try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") != nil {
        throw MemoryError.damaged(path: path, reason: "a record refers to one that isn't there")
      }
      do {
        try database.execute(sql: "INSERT INTO record_text(record_text, rank) VALUES ('integrity-check', 1)")
      } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
        throw MemoryError.damaged(path: path, reason: "the full-text index doesn't agree with the records")
      }
    }
  }
}
