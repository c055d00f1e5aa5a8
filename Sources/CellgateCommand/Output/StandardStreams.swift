#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Standard input, output and error as the command was started with them.
enum StandardStreams {
  /// Opens those that are closed on the null device. Else the first file that the command opens would take such a
  /// stream's number, and what is printed would go into it.
  static func open() {
    for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free number is given, and those below are open.
      guard systemOpen("/dev/null", O_RDWR) == descriptor else {
        _exit(CommandFailure.Code.inputOutput.rawValue)
      }
    }
  }

  private static func systemOpen(_ path: String, _ flags: Int32) -> Int32 {
    #if canImport(Darwin)
      unsafe Darwin.open(path, flags)
    #elseif canImport(Musl)
      unsafe Musl.open(path, flags)
    #else
      unsafe Glibc.open(path, flags)
    #endif
  }
}
