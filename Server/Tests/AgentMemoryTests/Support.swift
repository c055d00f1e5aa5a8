import AgentMemory
import Foundation
import Synchronization

/// A folder that is removed with the value.
final class Folder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "agent-memory-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}

/// A clock that a test sets.
final class Clock: Sendable {
  private let seconds = Mutex(1_000_000.0)

  var now: Double {
    get { seconds.withLock { $0 } }
    set { seconds.withLock { $0 = newValue } }
  }
}

extension MemoryStore {
  /// A store in memory whose clock is `clock`.
  static func inMemory(_ clock: Clock = Clock()) throws -> MemoryStore {
    var options = Options()
    options.now = { clock.now }
    return try MemoryStore(":memory:", options: options)
  }

  @discardableResult
  func say(_ content: String, _ role: String = "user", in session: String) throws -> MemoryRecord {
    try append([MessageDraft(role: role, content: content)], to: session)[0]
  }
}
