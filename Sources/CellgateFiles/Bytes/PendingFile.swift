#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A file that is written over a longer time, whole or not at all: the steps of `AtomicFile.write` one by one.
///
/// The bytes go to a temporary sibling. `commit` puts it in the place of the file; without it the temporary goes with this
/// object, and the old file stays as it was.
package final class PendingFile {
  /// Where the bytes are written to.
  package let file: OutputFile
  private let path: String
  private let temporary: String
  private var isCommitted = false

  /// Makes the temporary file; throws `cannotCreate`.
  package init(_ path: String) throws(FileError) {
    self.path = path
    (temporary, file) = try AtomicFile.createTemporary(beside: try AtomicFile.resolve(path), for: path)
  }

  deinit { if !isCommitted { _ = unsafe unlink(temporary) } }

  /// Syncs the file, reads it back, and renames it; throws `cannotWrite` or `cannotCreate`.
  package func commit() throws(FileError) {
    try file.sync()
    try AtomicFile.verify(temporary, file)
    try file.close()
    isCommitted = true
    try AtomicFile.move(temporary, to: path)
  }
}
