extension ZipArchive {
  /// The sizes and first bytes of the format's records.
  enum Record {
    static let local = (size: 30, mark: UInt32(0x0403_4B50))
    static let central = (size: 46, mark: UInt32(0x0201_4B50))
    static let end = (size: 22, mark: UInt32(0x0605_4B50))
    static let end64 = (size: 56, mark: UInt32(0x0606_4B50))
    static let locator64 = (size: 20, mark: UInt32(0x0706_4B50))
  }

  /// What the end records say of the list of entries.
  struct End {
    var entries: Int
    var directory: Range<Int>
  }

  /// An entry as it stands in the list, before its own header is read.
  struct Listed {
    var name: [UInt8] = []
    var flags: UInt16 = 0
    var method: UInt16 = 0
    var checksum: UInt32 = 0
    var size: UInt64 = 0
    var compressedSize: UInt64 = 0
    var header: UInt64 = 0

    var shownName: String { String(decoding: name, as: UTF8.self) }
  }

  static func read(
    _ source: ByteSource, at offset: Int, count: Int
  ) throws(ZipError) -> [UInt8] {
    do throws(FileError) { return try source.read(at: offset, count: count) } catch { throw .file(error) }
  }

  // MARK: The end of the file

  /// Finds the end record, whose comment ends with the file, and the ZIP64 one that may stand before it.
  static func end(of source: ByteSource, file: String) throws(ZipError) -> End {
    let (size, most) = (source.size, Record.end.size + Int(UInt16.max))
    let tail = try read(source, at: max(0, size - most), count: min(size, most))
    let last = tail.count - Record.end.size
    let place = stride(from: last, through: 0, by: -1).first { place in
      littleEndian(tail, at: place, as: UInt32.self) == Record.end.mark
        && Int(littleEndian(tail, at: place + 20, as: UInt16.self)) == last - place
    }
    guard let place else { throw .notZip(file: file, bytes: size) }
    let record = Array(tail[place..<place + Record.end.size])
    let position = size - tail.count + place
    func field(_ offset: Int) -> UInt64 { UInt64(littleEndian(record, at: offset, as: UInt16.self)) }
    func wide(_ offset: Int) -> UInt64 { UInt64(littleEndian(record, at: offset, as: UInt32.self)) }
    var (parts, here, entries) = ([field(4), field(6)], field(8), field(10))
    var (bytes, begin, directoryEnd) = (wide(12), wide(16), position)
    if let (place64, record64) = try end64(source, before: position, file: file) {
      func field64(_ offset: Int) -> UInt64 { littleEndian(record64, at: offset, as: UInt64.self) }
      func part64(_ offset: Int) -> UInt64 { UInt64(littleEndian(record64, at: offset, as: UInt32.self)) }
      // A field of the plain record is either full, or the same number.
      for (plain, full, offset) in [
        (here, UInt64(UInt16.max), 24), (entries, UInt64(UInt16.max), 32), (bytes, UInt64(UInt32.max), 40),
        (begin, UInt64(UInt32.max), 48),
      ] where plain != full && plain != field64(offset) {
        throw .malformed(
          file: file, byte: place64 + offset, expected: "\(plain) as in the end record",
          found: "\(field64(offset))")
      }
      parts = parts.map { $0 == UInt64(UInt16.max) ? 0 : $0 } + [part64(16), part64(20)]
      (here, entries, bytes, begin) = (field64(24), field64(32), field64(40), field64(48))
      directoryEnd = place64
    }
    guard parts.allSatisfy({ $0 == 0 }), here == entries else { throw .severalParts(file: file) }
    guard entries <= UInt64(entryLimit) else {
      throw .tooManyEntries(file: file, entries: entries, limit: entryLimit)
    }
    guard bytes <= UInt64(directoryLimit) else {
      throw .directoryTooLarge(file: file, bytes: bytes, limit: directoryLimit)
    }
    guard bytes <= UInt64(directoryEnd), begin == UInt64(directoryEnd) - bytes else {
      throw .misplacedDirectory(file: file, begin: begin, bytes: bytes, end: directoryEnd)
    }
    return End(entries: Int(entries), directory: Int(begin)..<directoryEnd)
  }

  /// The ZIP64 end record and its place, when its locator stands before the end record.
  private static func end64(
    _ source: ByteSource, before position: Int, file: String
  ) throws(ZipError) -> (place: Int, record: [UInt8])? {
    let locatorPlace = position - Record.locator64.size
    guard locatorPlace >= 0 else { return nil }
    let locator = try read(source, at: locatorPlace, count: Record.locator64.size)
    guard littleEndian(locator, at: 0, as: UInt32.self) == Record.locator64.mark else { return nil }
    let (part, parts): (UInt32, UInt32) = (littleEndian(locator, at: 4), littleEndian(locator, at: 16))
    guard part == 0, parts <= 1 else { throw .severalParts(file: file) }
    let begin: UInt64 = littleEndian(locator, at: 8)
    let latest = locatorPlace - Record.end64.size
    guard latest >= 0, begin <= UInt64(latest) else {
      throw .malformed(
        file: file, byte: locatorPlace + 8, expected: "a ZIP64 end record before the locator",
        found: "one at byte \(begin)")
    }
    let place = Int(begin)
    let record = try read(source, at: place, count: Record.end64.size)
    try expect(Record.end64.mark, in: record, at: 0, "a ZIP64 end record", byte: place, file: file)
    let length: UInt64 = littleEndian(record, at: 4)
    guard length == UInt64(locatorPlace - place - 12) else {
      throw .malformed(
        file: file, byte: place + 4, expected: "a ZIP64 end record of \(locatorPlace - place - 12) bytes",
        found: "\(length)")
    }
    return (place, record)
  }

  private static func expect(
    _ mark: UInt32, in bytes: [UInt8], at offset: Int, _ expected: String, byte: Int, file: String
  ) throws(ZipError) {
    let found: UInt32 = littleEndian(bytes, at: offset)
    guard found == mark else {
      let digits = bytes[offset..<offset + 4].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      throw .malformed(file: file, byte: byte, expected: expected, found: digits.joined(separator: " "))
    }
  }

  // MARK: The list of entries

  /// Reads the list, which must be exactly as long as the end records say.
  static func list(_ source: ByteSource, _ end: End, file: String) throws(ZipError) -> [Listed] {
    let begin = end.directory.lowerBound
    let bytes = try read(source, at: begin, count: end.directory.count)
    var (entries, position): ([Listed], Int) = ([], 0)
    // The smallest record bounds what is reserved.
    entries.reserveCapacity(min(end.entries, bytes.count / Record.central.size))
    for number in 0..<end.entries {
      func malformed(_ found: String) -> ZipError {
        .malformed(
          file: file, byte: begin + position, expected: "entry \(number + 1) of \(end.entries) in the list",
          found: found)
      }
      guard bytes.count - position >= Record.central.size else { throw malformed("the list's end") }
      try expect(
        Record.central.mark, in: bytes, at: position, "entry \(number + 1) of \(end.entries) in the list",
        byte: begin + position, file: file)
      let at = position
      func field(_ offset: Int) -> UInt16 { littleEndian(bytes, at: at + offset) }
      func wide(_ offset: Int) -> UInt32 { littleEndian(bytes, at: at + offset) }
      let (name, extra, comment) = (Int(field(28)), Int(field(30)), Int(field(32)))
      guard bytes.count - position - Record.central.size >= name + extra + comment else {
        throw malformed("one that reaches past the list's end")
      }
      let nameEnd = position + Record.central.size + name
      var entry = Listed(
        name: Array(bytes[nameEnd - name..<nameEnd]), flags: field(8), method: field(10), checksum: wide(16),
        size: UInt64(wide(24)), compressedSize: UInt64(wide(20)), header: UInt64(wide(42)))
      let part = try widen(
        &entry, part: field(34), extra: Array(bytes[nameEnd..<nameEnd + extra]), file: file,
        byte: begin + nameEnd)
      guard part == 0 else { throw .severalParts(file: file) }
      entries.append(entry)
      position = nameEnd + extra + comment
    }
    guard position == bytes.count else {
      throw .malformed(
        file: file, byte: begin + position, expected: "the list's end after \(end.entries) entries",
        found: "\(bytes.count - position) bytes more")
    }
    return entries
  }

  /// Takes the numbers that a full field leaves to the ZIP64 extra field; gives the entry's part of the archive.
  private static func widen(
    _ entry: inout Listed, part: UInt16, extra: [UInt8], file: String, byte: Int
  ) throws(ZipError) -> UInt32 {
    var rest: Range<Int>?
    var position = 0
    while extra.count - position >= 4 {
      let kind: UInt16 = littleEndian(extra, at: position)
      let count: UInt16 = littleEndian(extra, at: position + 2)
      let begin = position + 4
      guard extra.count - begin >= Int(count) else {
        throw .malformed(
          file: file, byte: byte + position,
          expected: "an extra field of at most \(extra.count - begin) bytes", found: "\(count)")
      }
      position = begin + Int(count)
      guard kind == 1 else { continue }
      guard rest == nil else {
        throw .malformed(file: file, byte: byte + begin - 4, expected: "one ZIP64 field", found: "a second")
      }
      rest = begin..<position
    }
    func next<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) throws(ZipError) -> Value {
      let size = MemoryLayout<Value>.size
      guard let range = rest, range.count >= size else {
        throw .malformed(
          file: file, byte: byte + (rest?.lowerBound ?? 0),
          expected: "a ZIP64 field with what is full for entry '\(quotedName(entry.shownName))'",
          found: "its end")
      }
      rest = range.lowerBound + size..<range.upperBound
      return littleEndian(extra, at: range.lowerBound)
    }
    // In this order, each there only when its field is full.
    if entry.size == UInt64(UInt32.max) { entry.size = try next(UInt64.self) }
    if entry.compressedSize == UInt64(UInt32.max) { entry.compressedSize = try next(UInt64.self) }
    if entry.header == UInt64(UInt32.max) { entry.header = try next(UInt64.self) }
    return part == .max ? try next(UInt32.self) : UInt32(part)
  }

  // MARK: The entries' own headers

  /// Finds each entry's bytes by its own header, and checks that the entries lie one after the other before `available`.
  static func layOut(
    _ listed: [Listed], source: ByteSource, available: Int, limit: Int, file: String
  ) throws(ZipError) -> [Entry] {
    var (entries, total): ([Entry], UInt64) = ([], 0)
    entries.reserveCapacity(listed.count)
    for entry in listed {
      let name = entry.shownName
      let begin = try bytesBegin(of: entry, source, available: available, file: file)
      let (end, overflow) = UInt64(begin).addingReportingOverflow(entry.compressedSize)
      guard !overflow, end <= UInt64(available) else {
        throw .outOfBounds(file: file, entry: name, end: overflow ? .max : end, available: available)
      }
      let compressed = Int(entry.compressedSize)
      if entry.method == 0, entry.size != entry.compressedSize, !entry.isEncrypted {
        throw .sizeMismatch(file: file, entry: name, expected: Int(clamping: entry.size), found: compressed)
      }
      if entry.method == 8 {
        // Two bits of deflate give at most 258 bytes.
        let (most, isMore) = UInt64(compressed).multipliedReportingOverflow(by: 1032)
        guard isMore || entry.size <= most else {
          throw .impossibleSize(file: file, entry: name, bytes: entry.size, compressed: compressed)
        }
        let (sum, isFull) = total.addingReportingOverflow(entry.size)
        guard !isFull, sum <= UInt64(clamping: limit) else {
          throw .tooLarge(file: file, entry: name, bytes: isFull ? .max : sum, limit: limit)
        }
        total = sum
      }
      guard let size = Int(exactly: entry.size) else {
        throw .outOfBounds(file: file, entry: name, end: entry.size, available: available)
      }
      entries.append(
        Entry(
          nameBytes: entry.name, method: Int(entry.method), isEncrypted: entry.isEncrypted, size: size,
          compressedSize: compressed, checksum: entry.checksum, place: begin..<Int(end)))
    }
    let order = listed.indices.sorted { (listed[$0].header, $0) < (listed[$1].header, $1) }
    for (previous, next) in zip(order, order.dropFirst())
    where listed[next].header < UInt64(entries[previous].place.upperBound) {
      throw .overlap(file: file, entry: listed[next].shownName, previous: listed[previous].shownName)
    }
    return entries
  }

  /// Where the bytes begin after an entry's own header, which must have the entry's name and method.
  private static func bytesBegin(
    of entry: Listed, _ source: ByteSource, available: Int, file: String
  ) throws(ZipError) -> Int {
    let name = entry.shownName
    let length = Record.local.size + entry.name.count
    guard available >= length, entry.header <= UInt64(available - length) else {
      let end = entry.header.addingReportingOverflow(UInt64(length))
      throw .outOfBounds(
        file: file, entry: name, end: end.overflow ? .max : end.partialValue, available: available)
    }
    let place = Int(entry.header)
    let header = try read(source, at: place, count: length)
    try expect(
      Record.local.mark, in: header, at: 0, "the header of entry '\(quotedName(name))'", byte: place,
      file: file)
    let nameCount = Int(littleEndian(header, at: 26, as: UInt16.self))
    let found = header[Record.local.size..<min(length, Record.local.size + nameCount)]
    guard nameCount == entry.name.count, found.elementsEqual(entry.name) else {
      let more = nameCount > entry.name.count ? "…" : ""
      throw .nameMismatch(file: file, entry: name, found: String(decoding: found, as: UTF8.self) + more)
    }
    let method: UInt16 = littleEndian(header, at: 8)
    guard method == entry.method else {
      throw .methodMismatch(file: file, entry: name, expected: Int(entry.method), found: Int(method))
    }
    return place + length + Int(littleEndian(header, at: 28, as: UInt16.self))
  }
}

extension ZipArchive.Listed {
  /// By the flags for encryption, for strong encryption, and for a list whose numbers are hidden.
  var isEncrypted: Bool { flags & (1 << 0 | 1 << 6 | 1 << 13) != 0 }
}
