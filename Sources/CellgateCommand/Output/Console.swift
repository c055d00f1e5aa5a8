import CellgateBasics
import CellgateFiles
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Standard output and standard error, written at once and whole.
///
/// A reader that has gone away (`| head`) is no error: the rest is dropped and the work goes on. Any other
/// failure, such as a full disk, is kept and ends the command with an error.
enum Console {
  private static let failure = Mutex<Int32>(0)
  private static let isClosed = Atomic<Bool>(false)

  /// The error number of the first failed write to standard output, if there was one.
  static var outputFailure: Int32? {
    let code = failure.withLock { $0 }
    return code == 0 ? nil : code
  }

  /// Whether standard output has been closed or can't be written: nobody will see what comes.
  static var isOutputClosed: Bool { isClosed.load(ordering: .relaxed) }

  /// Writes a line to standard output.
  static func print(_ line: String = "") { write(line + "\n") }

  /// Writes text to standard output as it is.
  static func write(_ text: String) {
    guard !isClosed.load(ordering: .relaxed) else { return }
    let code = write(text, to: STDOUT_FILENO)
    guard code != 0 else { return }
    isClosed.store(true, ordering: .relaxed)
    if code != EPIPE { failure.withLock { $0 = code } }
  }

  /// Writes a message to standard error, on one line whatever is in it.
  static func printError(_ message: String) { _ = write(oneLine(message) + "\n", to: STDERR_FILENO) }

  /// Writes a notice to standard error: a line that begins with the program's name.
  static func warn(_ line: String) { printError("cellgate: " + line) }

  /// The operating system's words for an error number.
  static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

  /// 0, or the error number.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes[done...].withUnsafeBytes { buffer in
        unsafe systemWrite(descriptor, buffer.baseAddress, buffer.count)
      }
      if count >= 0 {
        done += count
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }

  private static func systemWrite(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
      unsafe Darwin.write(descriptor, start, count)
    #elseif canImport(Musl)
      unsafe Musl.write(descriptor, start, count)
    #else
      unsafe Glibc.write(descriptor, start, count)
    #endif
  }
}
