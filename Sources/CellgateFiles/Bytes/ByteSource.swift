/// Where a file's bytes come from: the disk, as they are asked for, or memory.
enum ByteSource: Sendable {
  case disk(InputFile)
  case memory([UInt8])
  /// A part of a file that lies in it as it is.
  case part(InputFile, Range<Int>)

  /// Bytes in all.
  var size: Int {
    switch self {
    case .disk(let file): file.size
    case .memory(let bytes): bytes.count
    case .part(_, let place): place.count
    }
  }

  /// `count` values of a plain number type from byte `offset` on, which the caller has compared with `size`; throws
  /// `cannotRead`.
  func read<Value: BitwiseCopyable>(
    at offset: Int, count: Int, as type: Value.Type = Value.self
  ) throws(FileError) -> [Value] {
    switch self {
    case .disk(let file): return try file.read(at: offset, count: count)
    case .part(let file, let place): return try file.read(at: place.lowerBound + offset, count: count)
    case .memory(let bytes):
      return unsafe [Value](unsafeUninitializedCapacity: count) { buffer, filled in
        unsafe bytes.withUnsafeBytes { (all) in
          let part = unsafe UnsafeRawBufferPointer(
            rebasing: all[offset..<offset + count * MemoryLayout<Value>.stride])
          unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: part)
        }
        filled = count
      }
    }
  }
}
