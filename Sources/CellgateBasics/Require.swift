#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Ends the program unless a condition holds that only a programmer can break.
///
/// As `precondition`, but release builds too say on standard error what was expected and found: the standard library's
/// functions leave their messages out there.
@inlinable
package func require(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  if !condition() { fail(message(), file: file, line: line) }
}

/// Ends the program with a line on standard error, as `preconditionFailure` does in debug builds.
@inline(never)
@usableFromInline
package func fail(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  // At once and whole, whatever else is buffered.
  var bytes = Array("\(file):\(line): Fatal error: \(message)\n".utf8)[...]
  while !bytes.isEmpty {
    let count = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count > 0 { bytes = bytes.dropFirst(count) } else if errno != EINTR { break }
  }
  // As a trap, which debuggers stop at, without the standard library's own line.
  raise(SIGTRAP)
  abort()
}
