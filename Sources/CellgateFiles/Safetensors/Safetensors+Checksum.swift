extension Safetensors {
  /// The metadata's name for the checksum.
  static let checksumKey = "checksum"

  /// Computes the checksum of a file by `Writer` again, over metadata, names, shapes and numbers; throws
  /// `missingChecksum`, `wrongChecksum`, or a reading error.
  public func verifyChecksum() throws(SafetensorsError) { _ = try verified() }

  /// The same file, once its checksum is right. A tensor whose bytes are others when they are read, as a disk that fails may give, is
  /// refused then. Throws as `verifyChecksum` does.
  public func verified() throws(SafetensorsError) -> Safetensors {
    guard let expected = metadata[Self.checksumKey] else { throw .missingChecksum(file: file) }
    var checksum = CRC32()
    let rest = metadata.filter { $0.key != Self.checksumKey }
    checksum.update(Array(Self.header(rest, tensors).dropFirst(8)))
    var checksums: [CRC32] = []
    for tensor in tensors {
      var own = CRC32()
      var offset = tensor.bytes.lowerBound
      while offset < tensor.bytes.upperBound {
        let count = min(tensor.bytes.upperBound - offset, 1 << 20)
        let part: [UInt8] = try Self.read(source, at: dataStart + offset, count: count)
        own.update(part)
        offset += count
      }
      checksum.append(own, count: tensor.bytes.count)
      checksums.append(own)
    }
    guard expected == "crc32:\(checksum)" else {
      throw .wrongChecksum(file: file, expected: expected, found: "crc32:\(checksum)")
    }
    var result = self
    result.checksums = checksums
    return result
  }

  /// The numbers of a tensor, which must have the checksum that they had before.
  func read<Value: BitwiseCopyable>(
    _ info: TensorInfo, as type: Value.Type = Value.self
  ) throws(SafetensorsError) -> [Value] {
    let values: [Value] = try Self.read(
      source, at: dataStart + info.bytes.lowerBound, count: info.bytes.count / MemoryLayout<Value>.stride)
    guard let checksums, let place = index[info.name] else { return values }
    var found = CRC32()
    found.update(values)
    guard found == checksums[place] else {
      throw .otherBytes(
        file: file, tensor: info.name, expected: "crc32:\(checksums[place])", found: "crc32:\(found)")
    }
    return values
  }
}
