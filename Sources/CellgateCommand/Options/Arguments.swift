import Cellgate
import CellgateBasics

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The words that the command was started with, as bytes.
///
/// A file's name may be any bytes, while the parser of arguments and all messages take text, in which bytes that are
/// not UTF-8 are replaced: the file made or read would be another one. So such words are refused.
enum Arguments {
  /// Throws unless all arguments and `CELLGATE_DATA` are UTF-8.
  static func check() throws(CommandFailure) {
    if let place = firstInvalid, place > 0 {
      throw CommandFailure(
        .usage, "argument \(place): expected UTF-8, found '\(shown(bytes(ofArgument: place)))'")
    }
    try checkEnvironment("CELLGATE_DATA")
  }

  /// Throws when the data folder is below the user's, whose name is not UTF-8.
  static func check(_ directory: DataDirectory) throws(CommandFailure) {
    guard directory.origin == .cache else { return }
    for name in ["XDG_CACHE_HOME", "HOME"] { try checkEnvironment(name) }
  }

  /// The first argument that is not UTF-8; 0 is the program's name.
  static var firstInvalid: Int? {
    (0..<Int(CommandLine.argc)).first { String(validating: bytes(ofArgument: $0), as: UTF8.self) == nil }
  }

  private static func checkEnvironment(_ name: String) throws(CommandFailure) {
    guard let value = unsafe getenv(name) else { return }
    let bytes = unsafe bytes(value)
    guard String(validating: bytes, as: UTF8.self) == nil else { return }
    throw CommandFailure(.usage, "\(name) in the environment: expected UTF-8, found '\(shown(bytes))'")
  }

  private static func bytes(ofArgument place: Int) -> [UInt8] {
    unsafe CommandLine.unsafeArgv[place].map { unsafe bytes($0) } ?? []
  }

  private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    unsafe UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
  }

  /// Bytes as a shell's `$'…'` writes them.
  private static func shown(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes.prefix(60) {
      let isPlain = (0x20..<0x7F).contains(byte)
      text +=
        isPlain ? String(Unicode.Scalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return bytes.count > 60 ? text + "…" : text
  }
}
