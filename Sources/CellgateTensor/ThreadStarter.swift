import CellgateBasics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What threads are started with: the operating system, or in tests something that refuses some of them.
///
/// The one place that starts threads, because a thread that the system refuses must not be waited for.
package struct ThreadStarter: Sendable {
  /// Starts a detached thread with a name of at most 15 bytes and a stack of so many bytes, which runs `body`.
  /// Returns 0, or the error number of a thread that was refused.
  package let start:
    @Sendable (_ name: String, _ stackSize: Int, _ body: @escaping @Sendable () -> Void) -> Int32

  /// Starts threads in this way.
  package init(
    _ start:
      @escaping @Sendable (_ name: String, _ stackSize: Int, _ body: @escaping @Sendable () -> Void) -> Int32
  ) {
    self.start = start
  }

  /// What the code that runs here starts threads with. A pool keeps the one that it was made with.
  @TaskLocal package static var current = ThreadStarter.system

  /// The operating system.
  package static let system = ThreadStarter { name, stackSize, body in
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    unsafe pthread_attr_setstacksize(&attributes, stackSize)
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let code = unsafe pthread_create(&thread, &attributes, { unsafe run($0) }, start.toOpaque())
    if code != 0 { unsafe start.release() }
    return code
  }

  /// What a thread begins with.
  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private static func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    #if canImport(Darwin)
      unsafe pthread_setname_np(start.name)
    #else
      // The C library's function for it isn't among those that Swift sees.
      let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
      if file >= 0 {
        _ = unsafe write(file, start.name, start.name.utf8.count)
        close(file)
      }
    #endif
    start.body()
    return nil
  }
}
