import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What the operating system refused while a file was opened, read or written; `reason` is `strerror`'s text.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, or a folder on its path, does not exist.
  case missing(file: String)
  /// The file exists but cannot be opened for reading.
  case cannotOpen(file: String, reason: String)
  /// The file cannot be created or replaced.
  case cannotCreate(file: String, reason: String)
  /// Reading failed, or the file shrank while it was read.
  case cannotRead(file: String, reason: String)
  /// Writing failed: a full disk, a quota, a broken device.
  case cannotWrite(file: String, reason: String)

  /// One line naming the file and the reason.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .missing(let file): "\(file): no such file"
    case .cannotOpen(let file, let reason): "\(file): cannot open: \(reason)"
    case .cannotCreate(let file, let reason): "\(file): cannot create: \(reason)"
    case .cannotRead(let file, let reason): "\(file): cannot read: \(reason)"
    case .cannotWrite(let file, let reason): "\(file): cannot write: \(reason)"
    }
  }
}

/// The operating system's words for an error number.
package func systemReason(_ code: Int32) -> String {
  unsafe String(cString: strerror(code))
}
