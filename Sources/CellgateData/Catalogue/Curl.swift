import CellgateBasics
import CellgateFiles

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The user's program curl while it runs: its output as it comes, then how it ended.
@safe final class Curl {
  /// Why it could not be started.
  enum StartError: Error, Equatable {
    /// There is no program of this name, or it can't be run.
    case missing(String)
    /// The system starts no process now.
    case refused(String)
  }

  /// The program and its first arguments; tests put another one in its place.
  @TaskLocal static var command = ["curl"]

  private let process: pid_t
  private var output: Int32
  private var errors: Int32
  private var message: [UInt8] = []
  private var isOver = false

  /// Starts the program, found as a shell finds it, with the user's environment but for a `.curlrc`.
  init(_ arguments: [String]) throws(StartError) {
    let output = try Self.pipe()
    let errors: (read: Int32, write: Int32)
    do throws(StartError) { errors = try Self.pipe() } catch {
      Self.close([output.read, output.write])
      throw error
    }
    let (code, process) = Self.spawn(
      Self.command + ["--disable"] + arguments, output: output.write, errors: errors.write)
    Self.close([output.write, errors.write])
    guard code == 0 else {
      Self.close([output.read, errors.read])
      let reason = systemReason(code)
      throw [ENOENT, EACCES, ENOTDIR, ENOEXEC].contains(code) ? .missing(reason) : .refused(reason)
    }
    (self.process, self.output, self.errors) = (process, output.read, errors.read)
  }

  deinit { stop() }

  /// The next bytes of its output, at most 64 KiB; nil when there are no more.
  func read() -> [UInt8]? {
    while output >= 0 || errors >= 0 {
      // A descriptor below 0 is not looked at.
      var waiting = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      ]
      guard unsafe poll(&waiting, 2, -1) > 0 else {
        if errno == EINTR { continue }
        return nil
      }
      if waiting[1].revents != 0 {
        let bytes = Self.bytes(of: &errors)
        message += bytes.prefix(Self.messageLimit - message.count)
      }
      if waiting[0].revents != 0 {
        let bytes = Self.bytes(of: &output)
        if !bytes.isEmpty { return bytes }
      }
    }
    return nil
  }

  /// Waits for its end: nil when it ended well, else why not, in its own words where it said something.
  func end() -> String? {
    guard let status = wait() else { return nil }
    if status == 0 { return nil }
    let line =
      String(decoding: message, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    // "curl: (7) Failed to connect to …"
    let words = line.hasPrefix("curl: (") ? line.drop { $0 != ")" }.dropFirst().drop { $0 == " " } : line[...]
    if !words.isEmpty { return quotedName(String(words)) }
    let signal = status & 0x7f
    return signal == 0
      ? "curl ended with exit code \(status >> 8 & 0xff)" : "curl was ended by signal \(signal)"
  }

  /// Ends it if it still runs.
  func stop() {
    if !isOver { _ = kill(process, SIGKILL) }
    _ = wait()
  }

  /// Its status as waitpid(2) gives it; nil when it was waited for before, or the system keeps no status.
  private func wait() -> Int32? {
    guard !isOver else { return nil }
    isOver = true
    Self.close([output, errors])
    (output, errors) = (-1, -1)
    var status: Int32 = 0
    while true {
      let answer = unsafe waitpid(process, &status, 0)
      if answer == process { return status }
      if answer < 0, errno != EINTR { return nil }
    }
  }

  private static let messageLimit = 4096

  /// What can be read now; at the end the descriptor is closed and becomes -1.
  private static func bytes(of descriptor: inout Int32) -> [UInt8] {
    let number = descriptor
    while true {
      var count = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { (buffer, filled) in
        count = unsafe readBytes(number, buffer.baseAddress, buffer.count)
        filled = max(0, count)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 {
        close([number])
        descriptor = -1
      }
      return bytes
    }
  }

  private static func close(_ descriptors: [Int32]) {
    for descriptor in descriptors where descriptor >= 0 { _ = closeDescriptor(descriptor) }
  }

  /// A pipe that no other program inherits.
  private static func pipe() throws(StartError) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard openPipe(&ends) == 0 else { throw .refused(systemReason(errno)) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Starts the program and gives the error number, 0 for none, and the process.
  private static func spawn(_ arguments: [String], output: Int32, errors: Int32) -> (Int32, pid_t) {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = unsafe posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
    // Ctrl-C ends it, and so does a reader that went away, whatever this process does about them.
    var (mask, defaults) = (sigset_t(), sigset_t())
    unsafe sigemptyset(&mask)
    unsafe sigemptyset(&defaults)
    for number in [SIGINT, SIGTERM, SIGPIPE, SIGXFSZ] { unsafe sigaddset(&defaults, number) }
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let environment = ProcessInfo.processInfo.environment.map { $0.key + "=" + $0.value }
    var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
    var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
    defer { unsafe (words + variables).forEach { unsafe free($0) } }
    var process: pid_t = 0
    let code = unsafe posix_spawnp(&process, arguments[0], &actions, &attributes, &words, &variables)
    return (code, process)
  }
}

// Inside `Curl` these names are its own.
private func openPipe(_ ends: inout [Int32]) -> Int32 { unsafe pipe(&ends) }
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func readBytes(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Int {
  unsafe read(descriptor, bytes, count)
}
