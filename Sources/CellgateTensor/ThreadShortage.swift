import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// That the system refused to start threads. The work is done by those that run; results don't depend on it.
public struct ThreadShortage: Sendable, Equatable, CustomStringConvertible {
  /// Threads that run, those included that were there before; at least 1.
  public let running: Int
  /// Threads that were wanted.
  public let wanted: Int
  /// The system's error number.
  public let errorNumber: Int32

  package init(running: Int, wanted: Int, errorNumber: Int32) {
    self.running = running
    self.wanted = wanted
    self.errorNumber = errorNumber
  }

  /// The error in one line: where, what was expected, what was found.
  public var description: String {
    let reason = unsafe String(cString: strerror(errorNumber))
    return "\(running) of \(wanted) threads could be started: \(reason); results don't change"
  }

  /// The first shortage of this process; nil as long as the system has refused no thread.
  public static var first: ThreadShortage? { noted.withLock { $0 } }

  private static let noted = Mutex<ThreadShortage?>(nil)

  /// Keeps the process's first shortage.
  package func note() {
    Self.noted.withLock { if $0 == nil { $0 = self } }
  }
}
