import Cellgate
import HTTPTypes
import Logging
import ServiceLifecycle

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The sessions of a service: in memory those that go on, in the store those that stand still, where there is one.
///
/// A session is taken for its steps and given back: nobody else can step it meanwhile. A session that could not be stepped is
/// as it was.
actor SessionPool: Service {
  private enum Place {
    case memory(ModelSession)
    case store
    case taken
  }
  private struct Entry {
    var record: SessionRecord
    var place: Place
    /// Changes whenever the session does.
    var version = 0
    /// Whether it ends when it is given back.
    var isDeleted = false
  }

  private var entries: [String: Entry] = [:]
  private let store: SessionStore?
  private let settings: ServiceSettings
  private let metrics: ServiceMetrics
  private let logger: Logger
  private let now: @Sendable () -> Double

  init(
    settings: ServiceSettings, metrics: ServiceMetrics, logger: Logger,
    now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
  ) throws(ServiceSetupError) {
    store = try settings.store.map { path throws(ServiceSetupError) in try SessionStore(path) }
    (self.settings, self.metrics, self.logger, self.now) = (settings, metrics, logger, now)
  }

  /// Finds the sessions that the store has.
  func open() async {
    guard let store else { return }
    let (records, damaged) = await store.records()
    for record in records where entries[record.id] == nil {
      entries[record.id] = Entry(record: record, place: .store)
    }
    if damaged > 0 { logger.warning("sessions that can't be read", metadata: ["count": "\(damaged)"]) }
    count()
  }

  // MARK: Sessions

  /// Makes a session; throws 429 where there are too many.
  func create(
    model: String, owner: String, session: ModelSession, pending: Int32? = nil, steps: Int = 0
  ) throws(ServiceError) -> SessionRecord {
    guard entries.count < settings.sessions else {
      throw .tooMany(
        "expected fewer than \(settings.sessions) sessions, found that many: delete some",
        code: "too_many_sessions")
    }
    let id = "sess_" + Self.randomText()
    var record = SessionRecord(id: id, model: model, owner: owner, created: now())
    (record.pending, record.steps) = (pending, steps)
    entries[id] = Entry(record: record, place: .memory(session))
    return record
  }

  private static func randomText() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  private func entry(_ id: String, _ owner: String) throws(ServiceError) -> Entry {
    guard let entry = entries[id], entry.record.owner == owner, !entry.isDeleted else {
      throw ServiceError(
        .notFound, "session: expected one that there is, found '\(id.prefix(80))'", parameter: "id",
        code: "session_not_found")
    }
    return entry
  }

  private static let busy = ServiceError(
    .conflict, "session: expected one that nobody steps, found one that is being stepped", parameter: "id",
    code: "session_busy")

  /// A session for its steps: it must be given back. Throws 404, 409 for one that is taken, and what the store throws.
  func take(_ id: String, owner: String) async throws(ServiceError) -> (
    record: SessionRecord, session: ModelSession
  ) {
    let entry = try entry(id, owner)
    switch entry.place {
    case .taken: throw Self.busy
    case .memory(let session):
      entries[id]?.place = .taken
      return (entry.record, session)
    case .store:
      entries[id]?.place = .taken
      do throws(ServiceError) {
        guard let session = try await store?.read(id).session else { throw Self.busy }
        return (entry.record, session)
      } catch {
        entries[id]?.place = .store
        throw error
      }
    }
  }

  /// Takes a session back, after `steps` more steps.
  @discardableResult
  func give(
    _ id: String, _ session: ModelSession, steps: Int = 0, pending: Int32?
  ) async -> SessionRecord? {
    guard var entry = entries[id] else { return nil }
    entry.record.steps += steps
    entry.record.pending = pending
    entry.record.used = now()
    entry.place = .memory(session)
    entry.version += 1
    entries[id] = entry
    if entry.isDeleted { await remove(id) }
    return entry.record
  }

  /// What is known of a session, and where it is; throws 404.
  func description(_ id: String, owner: String) throws(ServiceError) -> JSONTree {
    Self.tree(try entry(id, owner))
  }

  private static func tree(_ entry: Entry) -> JSONTree {
    let place: JSONTree =
      switch entry.place {
      case .memory: "memory"
      case .store: "store"
      case .taken: "stepping"
      }
    return .object((tree(entry.record).object ?? []) + [.init("place", place)])
  }

  /// A record as answers have it.
  static func tree(_ record: SessionRecord) -> JSONTree {
    [
      "id": .string(record.id), "object": "session", "model": .string(record.model),
      "created": .integer(Int(record.created)), "used": .integer(Int(record.used)),
      "steps": .integer(record.steps),
    ]
  }

  /// The sessions of an owner in the order of their names, at most `limit` of those after a name.
  func list(owner: String, after: String, limit: Int) -> (sessions: [JSONTree], hasMore: Bool) {
    let own = entries.values.filter { $0.record.owner == owner && !$0.isDeleted && $0.record.id > after }
      .sorted { $0.record.id < $1.record.id }
    return (own.prefix(limit).map(Self.tree), own.count > limit)
  }

  /// Ends a session, at once or as soon as it is given back; throws 404.
  func delete(_ id: String, owner: String) async throws(ServiceError) {
    let entry = try entry(id, owner)
    if case .taken = entry.place {
      entries[id]?.isDeleted = true
    } else {
      await remove(id)
    }
  }

  private func remove(_ id: String) async {
    entries[id] = nil
    await store?.remove(id)
  }

  /// Writes a session to the store, where it also stays in memory. Throws 404, 409, 501 where there is no store, and 507.
  func save(_ id: String, owner: String) async throws(ServiceError) -> JSONTree {
    let entry = try entry(id, owner)
    guard let store else {
      throw ServiceError(
        .notImplemented, "store: expected a service with --store FOLDER, found one without", code: "no_store")
    }
    switch entry.place {
    case .taken: throw Self.busy
    case .store: break
    case .memory(let session):
      try await store.write(entry.record, session)
      // Ended meanwhile: nothing of it stays.
      if entries[id] == nil { await store.remove(id) }
    }
    return Self.tree(entry)
  }

  // MARK: What stands still

  /// Moves sessions that stand still to the store, and ends those that have stood still for too long.
  func sweep() async {
    let now = now()
    // A disk that refuses one session would refuse the next ones.
    var isWritable = true
    for (id, entry) in entries {
      if case .taken = entry.place { continue }
      let idle = now - entry.record.used
      if idle >= settings.sessionLifeSeconds {
        await remove(id)
      } else if idle >= settings.sessionIdleSeconds, isWritable {
        isWritable = await move(id)
      }
    }
    count()
  }

  /// Moves a session to the store, unless it is used meanwhile; false where the disk refuses.
  private func move(_ id: String) async -> Bool {
    guard let store, let entry = entries[id], case .memory(let session) = entry.place else { return true }
    do throws(ServiceError) { try await store.write(entry.record, session) } catch {
      logger.error("a session can't be written to the store and stays in memory")
      return false
    }
    guard let after = entries[id] else {
      await store.remove(id)
      return true
    }
    if after.version == entry.version, case .memory = after.place { entries[id]?.place = .store }
    return true
  }

  private func count() {
    let stored = entries.values.count { if case .store = $0.place { true } else { false } }
    metrics.sessions(resident: entries.count - stored, stored: stored)
  }

  /// Looks for sessions that stand still every few seconds; writes all to the store when the service ends.
  func run() async throws {
    let pause = max(0.05, min(10, settings.sessionIdleSeconds / 2))
    try? await cancelWhenGracefulShutdown {
      while true {
        try await Task.sleep(for: .seconds(pause))
        await self.sweep()
      }
    }
    await close()
  }

  /// Writes all sessions to the store.
  func close() async {
    guard store != nil else { return }
    for id in entries.keys where await !move(id) { break }
    count()
  }
}
