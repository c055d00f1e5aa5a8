/// The seam through which tests make the writing of files fail; outside tests nothing is injected.
package enum WriteFault {
  /// A step in the writing of a file.
  package enum Operation: Sendable {
    case create, write, sync, truncate, rename, remove
    /// A lock by flock(2), and one by fcntl(2).
    case lock, recordLock
  }

  /// Gives the error number that an operation on the file at a path shall fail with, 0 for none. A write that shall
  /// fail writes half of its bytes first, as on a disk that gets full.
  @TaskLocal package static var injected: (@Sendable (Operation, String) -> Int32)?

  /// The error number of an operation that is about to be done.
  static func code(_ operation: Operation, _ path: String) -> Int32 { injected?(operation, path) ?? 0 }
}
