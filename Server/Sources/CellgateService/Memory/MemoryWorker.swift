import AgentMemory
import Cellgate
import HTTPTypes

/// Asks an agent's memory one request after another, on a thread of its own; more than so many that wait are refused with 429.
actor MemoryWorker {
  private let executor = ThreadExecutor(label: "cellgate.memory")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let store: MemoryStore
  private nonisolated let room: WaitingRoom

  init(_ store: MemoryStore, settings: ServiceSettings) {
    self.store = store
    room = WaitingRoom(limit: settings.queue, of: "the memory", for: "requests")
  }

  /// What a body makes of the store. Throws 429, and what the memory throws as a ``ServiceError``.
  nonisolated func run<Result: Sendable>(
    _ body: @Sendable (MemoryStore) throws -> Result
  ) async throws -> Result {
    try room.enter()
    defer { room.leave() }
    do { return try await perform(body) } catch let error as MemoryError { throw ServiceError(error) }
  }

  /// Deletes what a request names. Requests that wait have their words removed from the file together, as that takes the longer the more is
  /// stored. Throws as `run` does.
  nonisolated func delete(_ request: DeletionRequest) async throws -> DeletionReport {
    try room.enter()
    defer { room.leave() }
    do {
      var (report, number) = try await deleted(request)
      report.purged = try await purge(number)
      return report
    } catch let error as MemoryError { throw ServiceError(error) }
  }

  /// Deletions so far, how many of them are purged, and whether all went then.
  private var deletions = 0, purged = 0, isComplete = true

  private func deleted(_ request: DeletionRequest) throws -> (DeletionReport, Int) {
    try Task.checkCancellation()
    let report = try store.delete(request, purging: false)
    deletions += 1
    return (report, deletions)
  }

  private func purge(_ number: Int) throws -> Bool {
    if number > purged {
      let all = deletions
      isComplete = try store.purge()
      purged = all
    }
    return isComplete
  }

  private func perform<Result: Sendable>(_ body: @Sendable (MemoryStore) throws -> Result) throws -> Result {
    try Task.checkCancellation()
    return try body(store)
  }
}

extension ServiceError {
  /// What a memory's error is answered with. What is at fault on the service's side is said in general: its files are no client's
  /// concern.
  init(_ error: MemoryError) {
    switch error.group {
    case .invalid:
      self = .bad("\(error)", { if case .invalid(let field, _, _) = error { field } else { nil } }())
    case .notFound: self.init(.notFound, "\(error)", code: "not_found")
    case .conflict: self.init(.conflict, "\(error)", code: "conflict")
    case .unavailable:
      self.init(.serviceUnavailable, "the memory is held by another program", code: "memory_locked")
    case .failed:
      if case .full = error {
        self.init(.insufficientStorage, "the memory's disk is full; nothing was stored", code: "disk_full")
      } else {
        self.init(.internalServerError, "the memory can't be read or written", code: "memory_failed")
      }
    }
  }
}
