import CZlib

/// A CRC-32 as in gzip and PNG (ISO 3309, reflected polynomial EDB88320), computed by zlib as bytes come.
///
///     var checksum = CRC32()
///     checksum.update(Array("123456789".utf8))
///     checksum.description      // "cbf43926"
public struct CRC32: Equatable, Sendable, CustomStringConvertible {
  /// The checksum of the bytes so far; 0 before the first.
  public private(set) var value: UInt32 = 0

  /// The checksum of no bytes.
  public init() {}

  /// Takes bytes that follow those so far.
  public mutating func update(bytes: UnsafeRawBufferPointer) {
    let all = unsafe bytes.assumingMemoryBound(to: UInt8.self)
    var done = 0
    while done < all.count {
      let count = min(all.count - done, 1 << 30)
      let part = unsafe UnsafeBufferPointer(rebasing: all[done..<done + count])
      value = unsafe UInt32(truncatingIfNeeded: crc32(uLong(value), part.baseAddress, uInt(count)))
      done += count
    }
  }

  /// Takes the bytes of plain numbers in the machine's order.
  public mutating func update<Value: BitwiseCopyable>(_ values: [Value]) {
    unsafe values.withUnsafeBytes { (bytes) in unsafe update(bytes: bytes) }
  }

  /// Takes bytes that follow those so far, known by their number and their own checksum.
  package mutating func append(_ rest: CRC32, count: Int) {
    value = UInt32(truncatingIfNeeded: crc32_combine(uLong(value), uLong(rest.value), count))
  }

  /// Eight hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
