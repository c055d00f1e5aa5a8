import CellgateBasics

extension ZipArchive {
  /// Collects entries in the order given and writes them as a zip file.
  ///
  ///     var writer = ZipArchive.Writer()
  ///     writer.add("config.json", bytes: configuration, isCompressed: true)
  ///     try writer.write(to: "model.zip")
  ///
  /// The same entries in the same order give the same bytes: every date is 1 January 1980. ZIP64 is used where sizes or
  /// counts need it. Bad names are preconditions: a name must be unused and have at most 65,535 bytes of UTF-8.
  public struct Writer: Sendable {
    /// From here on a size, a place or a count goes into a ZIP64 field; tests make them smaller.
    var (largestField, largestCount) = (UInt64(UInt32.max), UInt64(UInt16.max))
    private var entries: [(name: [UInt8], isCompressed: Bool, content: @Sendable () -> [UInt8])] = []
    private var names: Set<[UInt8]> = []

    /// A file without entries.
    public init() {}

    /// Adds an entry, stored or else compressed by deflate.
    public mutating func add(_ name: String, bytes: [UInt8], isCompressed: Bool = false) {
      add(name, isCompressed: isCompressed) { bytes }
    }

    /// Adds an entry whose bytes are asked for when it is written.
    mutating func add(_ name: String, isCompressed: Bool, _ content: @escaping @Sendable () -> [UInt8]) {
      let bytes = Array(name.utf8)
      require(
        bytes.count <= Int(UInt16.max),
        "ZipArchive: expected a name of at most 65535 bytes, found \(bytes.count)")
      require(
        names.insert(bytes).inserted, "ZipArchive: expected a new name, found '\(name)', which is taken")
      require(
        entries.count < ZipArchive.entryLimit, "ZipArchive: expected at most \(ZipArchive.entryLimit) entries"
      )
      entries.append((bytes, isCompressed, content))
    }

    /// The file's bytes.
    public func encode() -> Data {
      var data = Data()
      emit { data.append(contentsOf: $0) }
      return data
    }

    /// Writes the file whole or not at all; throws `cannotCreate` or `cannotWrite`.
    public func write(to path: String) throws(FileError) {
      try AtomicFile.write(to: path) { file throws(FileError) in
        try emit { part throws(FileError) in try file.write(part) }
      }
    }

    /// Gives the file's bytes part by part.
    private func emit<Failure: Error>(_ write: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
      var (list, position): ([UInt8], UInt64) = ([], 0)
      for entry in entries {
        var bytes = entry.content()
        var checksum = CRC32()
        checksum.update(bytes)
        let size = UInt64(bytes.count)
        if entry.isCompressed { bytes = Gzip.deflated(bytes, windowBits: -15) }
        let record = Header(
          name: entry.name, isCompressed: entry.isCompressed, checksum: checksum.value, size: size,
          compressedSize: UInt64(bytes.count), position: position, largestField: largestField)
        let header = record.local
        try write(header)
        try write(bytes)
        list += record.central
        position += UInt64(header.count) + UInt64(bytes.count)
      }
      try write(list)
      try write(end(listBegin: position, listSize: UInt64(list.count)))
    }

    /// The end records: the ZIP64 one and its locator where a field is full, and the plain one.
    private func end(listBegin: UInt64, listSize: UInt64) -> [UInt8] {
      let count = UInt64(entries.count)
      var bytes: [UInt8] = []
      if count >= largestCount || listBegin >= largestField || listSize >= largestField {
        bytes += littleEndian(Record.end64.mark) + littleEndian(UInt64(Record.end64.size - 12))
        bytes += littleEndian(Header.madeBy | Header.version64) + littleEndian(Header.version64)
        bytes += littleEndian(UInt32(0)) + littleEndian(UInt32(0))
        bytes += littleEndian(count) + littleEndian(count) + littleEndian(listSize) + littleEndian(listBegin)
        bytes += littleEndian(Record.locator64.mark) + littleEndian(UInt32(0))
        bytes += littleEndian(listBegin + listSize) + littleEndian(UInt32(1))
      }
      let plainCount = count >= largestCount ? UInt16.max : UInt16(count)
      bytes += littleEndian(Record.end.mark) + littleEndian(UInt16(0)) + littleEndian(UInt16(0))
      bytes += littleEndian(plainCount) + littleEndian(plainCount)
      bytes += littleEndian(plain(listSize)) + littleEndian(plain(listBegin)) + littleEndian(UInt16(0))
      return bytes
    }

    private func plain(_ value: UInt64) -> UInt32 { value >= largestField ? .max : UInt32(value) }
  }

  /// What an entry's own header and its place in the list say, as the writer fills them.
  private struct Header {
    /// Unix, so that a reader may take the mode from the attributes.
    static let madeBy: UInt16 = 3 << 8
    static let version: UInt16 = 20
    static let version64: UInt16 = 45
    /// 1 January 1980, the format's first day, and a file that its owner writes and everybody reads.
    static let date: UInt16 = 1 << 5 | 1
    static let attributes: UInt32 = 0o100644 << 16

    let name: [UInt8]
    let isCompressed: Bool
    let checksum: UInt32
    let size: UInt64
    let compressedSize: UInt64
    let position: UInt64
    let largestField: UInt64

    /// Both sizes go into the ZIP64 field when one has to.
    private var hasWideSizes: Bool { max(size, compressedSize) >= largestField }
    private var hasWidePosition: Bool { position >= largestField }

    /// From the needed version to the sizes, as both records have them.
    private var common: [UInt8] {
      let isWide = hasWideSizes || hasWidePosition
      // Bit 11 says that the name is UTF-8.
      let flags: UInt16 = name.allSatisfy { $0 < 0x80 } ? 0 : 1 << 11
      var bytes = littleEndian(isWide ? Self.version64 : Self.version) + littleEndian(flags)
      bytes += littleEndian(UInt16(isCompressed ? 8 : 0)) + littleEndian(UInt16(0)) + littleEndian(Self.date)
      bytes += littleEndian(checksum)
      bytes += littleEndian(hasWideSizes ? UInt32.max : UInt32(compressedSize))
      bytes += littleEndian(hasWideSizes ? UInt32.max : UInt32(size))
      return bytes + littleEndian(UInt16(name.count))
    }

    private func extra(withPosition: Bool) -> [UInt8] {
      var numbers = hasWideSizes ? littleEndian(size) + littleEndian(compressedSize) : []
      if withPosition, hasWidePosition { numbers += littleEndian(position) }
      return numbers.isEmpty ? [] : littleEndian(UInt16(1)) + littleEndian(UInt16(numbers.count)) + numbers
    }

    var local: [UInt8] {
      let extra = extra(withPosition: false)
      return littleEndian(Record.local.mark) + common + littleEndian(UInt16(extra.count)) + name + extra
    }

    var central: [UInt8] {
      let extra = extra(withPosition: true)
      let isWide = hasWideSizes || hasWidePosition
      var bytes = littleEndian(Record.central.mark)
      bytes += littleEndian(Self.madeBy | (isWide ? Self.version64 : Self.version)) + common
      bytes += littleEndian(UInt16(extra.count)) + littleEndian(UInt16(0)) + littleEndian(UInt16(0))
      bytes += littleEndian(UInt16(0)) + littleEndian(Self.attributes)
      bytes += littleEndian(hasWidePosition ? UInt32.max : UInt32(position))
      return bytes + name + extra
    }
  }
}
