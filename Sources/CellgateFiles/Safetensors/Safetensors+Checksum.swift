extension Safetensors {
  /// The metadata's name for the checksum.
  static let checksumKey = "checksum"

  /// Computes the checksum of a file by `Writer` again, over metadata, names, shapes and numbers; throws
  /// `missingChecksum`, `wrongChecksum`, or a reading error.
  public func verifyChecksum() throws(SafetensorsError) {
    guard let expected = metadata[Self.checksumKey] else { throw .missingChecksum(file: file) }
    var checksum = CRC32()
    let rest = metadata.filter { $0.key != Self.checksumKey }
    checksum.update(Array(Self.header(rest, tensors).dropFirst(8)))
    var offset = dataStart
    while offset < source.size {
      let part: [UInt8] = try Self.read(source, at: offset, count: min(source.size - offset, 1 << 20))
      checksum.update(part)
      offset += part.count
    }
    guard expected == "crc32:\(checksum)" else {
      throw .wrongChecksum(file: file, expected: expected, found: "crc32:\(checksum)")
    }
  }
}
