import CZlib

extension ZipArchive {
  /// Opens a file, and checks its list of entries and their headers; throws what is wrong first.
  ///
  /// The compressed entries may declare at most `limit` bytes together.
  public init(path: String, limit: Int = defaultLimit) throws(ZipError) {
    try self.init(path: path, limit: limit, entryLimit: Self.entryLimit)
  }

  /// The same of at most `entryLimit` entries.
  package init(path: String, limit: Int, entryLimit: Int) throws(ZipError) {
    let opened: InputFile
    do throws(FileError) { opened = try InputFile(path) } catch { throw .file(error) }
    try self.init(file: path, source: .disk(opened), limit: limit, entryLimit: entryLimit)
  }

  /// Reads a file that lies in memory; `file` is its name in errors.
  public init(data: [UInt8], file: String, limit: Int = defaultLimit) throws(ZipError) {
    try self.init(file: file, source: .memory(data), limit: limit)
  }

  private init(
    file: String, source: ByteSource, limit: Int, entryLimit: Int = entryLimit
  ) throws(ZipError) {
    let end = try Self.end(of: source, file: file)
    guard end.entries <= entryLimit else {
      throw .tooManyEntries(file: file, entries: UInt64(end.entries), limit: entryLimit)
    }
    let listed = try Self.list(source, end, file: file)
    var index: [[UInt8]: Int] = [:]
    for (position, entry) in listed.enumerated() {
      guard index.updateValue(position, forKey: entry.name) == nil else {
        throw .duplicateEntry(file: file, entry: entry.shownName)
      }
    }
    self.file = file
    self.source = source
    self.index = index
    entries = try Self.layOut(
      listed, source: source, available: end.directory.lowerBound, limit: limit, file: file)
  }

  /// The bytes of the entry of a name, in UTF-8; throws `missingEntry`, or as `bytes(of:)` does.
  public func bytes(_ name: String, acceptsNoChecksum: Bool = false) throws(ZipError) -> [UInt8] {
    guard let entry = self[name] else { throw .missingEntry(file: file, entry: name) }
    return try bytes(of: entry, acceptsNoChecksum: acceptsNoChecksum)
  }

  /// The bytes of an entry, decompressed; throws what is wrong with them, or that they are encrypted or compressed in
  /// another way.
  ///
  /// A checksum of 0 can be accepted as none: PyTorch writes it after `set_crc32_options(False)`.
  public func bytes(of entry: Entry, acceptsNoChecksum: Bool = false) throws(ZipError) -> [UInt8] {
    let name = entry.shownName
    guard self[entry.nameBytes] == entry else { throw .missingEntry(file: file, entry: name) }
    guard !entry.isEncrypted else { throw .encrypted(file: file, entry: name) }
    let bytes: [UInt8]
    switch entry.method {
    case 0: bytes = try Self.read(source, at: entry.place.lowerBound, count: entry.place.count)
    case 8: bytes = try inflated(entry)
    default: throw .unsupportedMethod(file: file, entry: name, method: entry.method)
    }
    if acceptsNoChecksum, entry.checksum == 0 { return bytes }
    var checksum = CRC32()
    checksum.update(bytes)
    guard checksum.value == entry.checksum else {
      throw .wrongChecksum(file: file, entry: name, expected: entry.checksum, found: checksum.value)
    }
    return bytes
  }

  /// Where the bytes of an entry are: in the file itself, unread and without a look at their checksum, when it is on the disk
  /// and they are stored as they are; else in memory. Throws as `bytes(of:)` does.
  func source(of entry: Entry) throws(ZipError) -> ByteSource {
    if case .disk(let opened) = source, entry.method == 0, !entry.isEncrypted, self[entry.nameBytes] == entry
    {
      return .part(opened, entry.place)
    }
    return .memory(try bytes(of: entry))
  }

  /// Decompresses an entry piece by piece, into no more bytes than it declares.
  private func inflated(_ entry: Entry) throws(ZipError) -> [UInt8] {
    var stream = unsafe z_stream()
    let started = unsafe inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard started == Z_OK else { throw .outOfMemory(file: file) }
    defer { unsafe inflateEnd(&stream) }

    let name = entry.shownName
    var output: [UInt8] = []
    output.reserveCapacity(entry.size)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var (input, position, next): ([UInt8], Int, Int) = ([], 0, entry.place.lowerBound)
    while true {
      if position == input.count, next < entry.place.upperBound {
        input = try Self.read(source, at: next, count: min(entry.place.upperBound - next, 1 << 20))
        (position, next) = (0, next + input.count)
      }
      let (status, taken, given) = unsafe Gzip.inflateOnce(&stream, input, from: position, into: &buffer)
      position += taken
      guard given <= entry.size - output.count else {
        throw .sizeMismatch(file: file, entry: name, expected: entry.size, found: output.count + given)
      }
      output += buffer[..<given]
      switch status {
      case Z_OK: continue
      case Z_BUF_ERROR: throw .truncated(file: file, entry: name)  // no progress: the input is used up
      case Z_STREAM_END:
        let rest = input.count - position + entry.place.upperBound - next
        guard rest == 0 else { throw .trailingBytes(file: file, entry: name, count: rest) }
        guard output.count == entry.size else {
          throw .sizeMismatch(file: file, entry: name, expected: entry.size, found: output.count)
        }
        return output
      case Z_MEM_ERROR: throw .outOfMemory(file: file)
      default:
        let reason = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "zlib error \(status)"
        throw .corrupt(file: file, entry: name, reason: reason)
      }
    }
  }
}
