import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The signal that asked the command to stop, 0 for none.
private let received = Atomic<Int32>(0)

/// Ctrl-C and SIGTERM: the first one asks the work to stop, after an update or in the middle of an evaluation; the second
/// ends the process.
enum Interruption {
  /// From now on signals are noted instead of ending the process.
  static func install() {
    received.store(0, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        let earlier = received.exchange(number, ordering: .relaxed)
        if earlier != 0 { _exit(128 + number) }
      }
    }
    // A parent may have blocked signals in the thread that started this process.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether the work shall stop.
  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

  /// Throws if the work shall stop.
  static func check() throws(CommandFailure) {
    let number = received.load(ordering: .relaxed)
    if number != 0 { throw CommandFailure.interrupted(by: number) }
  }

  /// A reader that goes away must not end the process, nor a limit on the size of files: the write fails and is reported.
  static func ignoreFailingWrites() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }
}
