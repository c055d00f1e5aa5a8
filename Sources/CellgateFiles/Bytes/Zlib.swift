import CZlib

/// Streams of zlib (RFC 1950), as they stand inside other files.
enum Zlib {
  /// What is wrong with a stream.
  enum Failure: Error, Equatable {
    /// The data end in the middle of the stream.
    case truncated
    /// The data decompress to more bytes than the caller accepts.
    case tooLarge
    /// The stream is damaged; `reason` is zlib's text.
    case corrupt(reason: String)
    /// zlib could not allocate its window.
    case outOfMemory
  }

  /// Decompresses one stream, which `bytes` begin with, into at most `limit` bytes; what follows it is left alone.
  static func inflated(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
    var stream = unsafe z_stream()
    let started = unsafe inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard started == Z_OK else { throw .outOfMemory }
    defer { unsafe inflateEnd(&stream) }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var position = 0
    while true {
      let (status, taken, given) = unsafe Gzip.inflateOnce(&stream, bytes, from: position, into: &buffer)
      position += taken
      guard given <= limit - output.count else { throw .tooLarge }
      output += buffer[..<given]
      switch status {
      case Z_OK: continue
      case Z_STREAM_END: return output
      case Z_BUF_ERROR: throw .truncated  // no progress: the input is used up
      case Z_MEM_ERROR: throw .outOfMemory
      default:
        throw .corrupt(reason: unsafe stream.msg.map { unsafe String(cString: $0) } ?? "zlib error \(status)")
      }
    }
  }
}
