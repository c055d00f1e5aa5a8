import CZlib
import CellgateBasics

/// What is wrong with gzip data.
public enum GzipError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The data does not start with gzip's magic bytes.
  case notGzip(file: String)
  /// The data ends in the middle of a member.
  case truncated(file: String)
  /// The CRC-32 does not fit the decompressed bytes.
  case wrongChecksum(file: String)
  /// The length at a member's end does not fit the decompressed bytes.
  case wrongLength(file: String)
  /// The compressed stream is damaged; `reason` is zlib's text.
  case corrupt(file: String, reason: String)
  /// Bytes after the last member are no further member.
  case trailingBytes(file: String, count: Int)
  /// The data decompress to more bytes than the caller accepts.
  case tooLarge(file: String, limit: Int)
  /// zlib could not allocate its window.
  case outOfMemory(file: String)

  /// One line naming the file and what is wrong.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .notGzip(let file): "\(file): not a gzip file"
    case .truncated(let file): "\(file): the gzip data end too early; the file is truncated"
    case .wrongChecksum(let file): "\(file): the gzip checksum (CRC-32) does not fit; the file is damaged"
    case .wrongLength(let file): "\(file): the gzip length does not fit; the file is damaged"
    case .corrupt(let file, let reason): "\(file): damaged gzip data: \(reason)"
    case .trailingBytes(let file, let count): "\(file): \(count) bytes after the gzip data"
    case .tooLarge(let file, let limit): "\(file): decompresses to more than \(limit) bytes"
    case .outOfMemory(let file): "\(file): no memory to decompress"
    }
  }
}

/// Gzip members (RFC 1952) through zlib.
public enum Gzip {
  /// True when the bytes start with gzip's magic, 1F 8B.
  public static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  /// Decompresses all members of `bytes`, zeros after each of them left out, into at most `limit` bytes; `file` is the
  /// name in errors.
  public static func decompress(
    _ bytes: [UInt8], file: String, limit: Int
  ) throws(GzipError) -> [UInt8] {
    var output: [UInt8] = []
    var isTooLarge = false
    try decompress(bytes, file: file) { piece in
      isTooLarge = piece.count > limit - output.count
      if !isTooLarge { output += piece }
      return !isTooLarge
    }
    guard !isTooLarge else { throw .tooLarge(file: file, limit: limit) }
    return output
  }

  /// Decompresses all members of `bytes` and gives them piece by piece, until `body` returns false.
  package static func decompress(
    _ bytes: [UInt8], file: String, _ body: (ArraySlice<UInt8>) -> Bool
  ) throws(GzipError) {
    guard isGzip(bytes) else { throw .notGzip(file: file) }
    var stream = unsafe z_stream()
    let started = unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard started == Z_OK else { throw .outOfMemory(file: file) }
    defer { unsafe inflateEnd(&stream) }

    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var position = 0
    while true {
      let (status, taken, given) = unsafe inflateOnce(&stream, bytes, from: position, into: &buffer)
      position += taken
      guard body(buffer[..<given]) else { return }
      switch status {
      case Z_OK: continue
      case Z_BUF_ERROR: throw .truncated(file: file)  // no progress: the input is used up
      case Z_STREAM_END:
        let end = position
        // Zeros after a member are padding, as of a tape's blocks.
        while position < bytes.count, bytes[position] == 0 { position += 1 }
        if position == bytes.count { return }
        guard isGzip(Array(bytes[position..<min(position + 2, bytes.count)])) else {
          throw .trailingBytes(file: file, count: bytes.count - end)
        }
        unsafe inflateReset(&stream)
      case Z_MEM_ERROR: throw .outOfMemory(file: file)
      default:
        let reason = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "zlib error \(status)"
        switch reason {
        case "incorrect data check": throw .wrongChecksum(file: file)
        case "incorrect length check": throw .wrongLength(file: file)
        default: throw .corrupt(file: file, reason: reason)
        }
      }
    }
  }

  /// One gzip member that holds `bytes`, without name or time, so that equal bytes give equal members.
  public static func compress(_ bytes: [UInt8]) -> [UInt8] { deflated(bytes, windowBits: 15 + 16) }

  /// `bytes` compressed by zlib, whose window bits choose gzip (31) or deflate alone (-15); equal bytes give equal ones.
  static func deflated(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
    var stream = unsafe z_stream()
    let started = unsafe deflateInit2_(
      &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    require(started == Z_OK, "Gzip: expected zlib to start, found status \(started)")
    defer { unsafe deflateEnd(&stream) }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var position = 0
    while true {
      let (status, taken, given) = unsafe deflateOnce(&stream, bytes, from: position, into: &buffer)
      position += taken
      output += buffer[..<given]
      if status == Z_STREAM_END { return output }
      require(status == Z_OK, "Gzip: expected zlib to go on, found status \(status)")
    }
  }

  /// One call of deflate: its status, and the bytes taken from the input and given to the buffer.
  private static func deflateOnce(
    _ stream: inout z_stream, _ bytes: [UInt8], from position: Int, into buffer: inout [UInt8]
  ) -> (status: Int32, taken: Int, given: Int) {
    let available = min(bytes.count - position, 1 << 30)
    let flush = position + available == bytes.count ? Z_FINISH : Z_NO_FLUSH
    let capacity = buffer.count
    let status = unsafe bytes.withUnsafeBufferPointer { (input) in
      unsafe buffer.withUnsafeMutableBufferPointer { (output) in
        // zlib's interface is not const but deflate only reads its input.
        unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { unsafe $0 + position })
        unsafe stream.avail_in = uInt(available)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = uInt(capacity)
        return unsafe deflate(&stream, flush)
      }
    }
    return unsafe (status, available - Int(stream.avail_in), capacity - Int(stream.avail_out))
  }

  /// One call of inflate: its status, and the bytes taken from the input and given to the buffer.
  static func inflateOnce(
    _ stream: inout z_stream, _ bytes: [UInt8], from position: Int, into buffer: inout [UInt8]
  ) -> (status: Int32, taken: Int, given: Int) {
    let available = min(bytes.count - position, 1 << 30)
    let capacity = buffer.count
    let status = unsafe bytes.withUnsafeBufferPointer { (input) in
      unsafe buffer.withUnsafeMutableBufferPointer { (output) in
        // zlib's interface is not const but inflate only reads its input.
        unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { unsafe $0 + position })
        unsafe stream.avail_in = uInt(available)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = uInt(capacity)
        return unsafe inflate(&stream, Z_NO_FLUSH)
      }
    }
    return unsafe (status, available - Int(stream.avail_in), capacity - Int(stream.avail_out))
  }
}
