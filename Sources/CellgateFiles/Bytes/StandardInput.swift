import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The bytes that come in at standard input.
package enum StandardInput {
  /// What stands for it where a file's path is expected.
  package static let name = "-"

  /// The bytes that have come, at least one unless it has ended and at most `most`; throws `cannotRead`.
  package static func read(most: Int) throws(FileError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
      var count = unsafe systemRead(STDIN_FILENO, buffer.baseAddress, most)
      while count < 0, errno == EINTR { count = unsafe systemRead(STDIN_FILENO, buffer.baseAddress, most) }
      if count < 0 { failure = errno }
      filled = max(count, 0)
    }
    guard failure == 0 else { throw .cannotRead(file: "standard input", reason: systemReason(failure)) }
    return bytes
  }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Int {
  unsafe read(descriptor, bytes, count)
}
