import CellgateBasics
import Synchronization

/// How the program ends when the system refuses memory that it can't do without.
package enum MemoryRefusal {
  /// Ends the program with `handler`, which is given the bytes that were asked for, instead of trapping.
  package static func end(by handler: @escaping @Sendable (_ bytes: Int) -> Never) {
    self.handler.withLock { $0 = handler }
  }

  private static let handler = Mutex<(@Sendable (Int) -> Never)?>(nil)

  static func end(_ bytes: Int) -> Never {
    // Held until the process has ended, so that one thread alone says it.
    handler.withLock { if let handler = $0 { handler(bytes) } }
    fail("Storage: expected \(bytes) bytes of memory, found that the system refuses them")
  }
}
