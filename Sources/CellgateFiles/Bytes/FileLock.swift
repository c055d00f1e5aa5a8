#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Locks of the operating system on open files, against other processes and other openings of the file in this one.
///
/// flock(2) first. Some file systems don't have it, and answer with ENOLCK, ENOSYS or EOPNOTSUPP; then, on Linux, a
/// lock of the open file description by fcntl(2), which unlike that call's older locks stays when another descriptor
/// of the file is closed.
package enum FileLock {
  /// What came of asking for a lock.
  package enum Answer: Sendable, Equatable {
    /// The lock is held.
    case held
    /// Somebody else holds it.
    case inUse
    /// The file system has no locks; `reason` is the system's.
    case unsupported(reason: String)
  }

  /// The call that gave a lock, by which it is given back.
  enum Kind: Sendable { case whole, record }

  /// Asks for the lock of an open file; the kind is nil unless it is held.
  static func ask(_ descriptor: Int32, _ path: String) -> (kind: Kind?, answer: Answer) {
    var code = WriteFault.code(.lock, path)
    if code == 0 { code = whole(descriptor, LOCK_EX | LOCK_NB) }
    if code == 0 { return (.whole, .held) }
    if code == EWOULDBLOCK { return (nil, .inUse) }
    #if os(Linux)
      var other = WriteFault.code(.recordLock, path)
      if other == 0 { other = record(descriptor, F_WRLCK) }
      if other == 0 { return (.record, .held) }
      if other == EAGAIN || other == EACCES { return (nil, .inUse) }
    #endif
    return (nil, .unsupported(reason: systemReason(code)))
  }

  /// Gives a lock back.
  static func release(_ descriptor: Int32, _ kind: Kind) {
    switch kind {
    case .whole: _ = whole(descriptor, LOCK_UN)
    case .record:
      #if os(Linux)
        _ = record(descriptor, F_UNLCK)
      #endif
    }
  }

  /// 0, or the error number.
  private static func whole(_ descriptor: Int32, _ operation: Int32) -> Int32 {
    while flock(descriptor, operation) != 0 {
      if errno != EINTR { return errno }
    }
    return 0
  }

  #if os(Linux)
    /// F_OFD_SETLK of <fcntl.h>, which the C library's module leaves out.
    private static let setOpenFileLock: Int32 = 37

    /// 0, or the error number.
    private static func record(_ descriptor: Int32, _ type: Int32) -> Int32 {
      var range = flock()
      range.l_type = Int16(type)
      range.l_whence = Int16(SEEK_SET)
      let code = unsafe withUnsafeMutablePointer(to: &range) { unsafe fcntl(descriptor, setOpenFileLock, $0) }
      return code == 0 ? 0 : errno
    }
  #endif
}
