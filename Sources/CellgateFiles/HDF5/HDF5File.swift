/// An HDF5 file, read as far as Keras and similar tools write it: groups, attributes, and datasets of numbers.
///
/// ```swift
/// let file = try HDF5File(path: "model.weights.h5")
/// let kernel = try file.root.dataset("layers/lstm/cell/vars/0")
/// kernel.shape                       // [64, 256]
/// let numbers = try kernel.floats()
/// ```
///
/// Read are superblocks 0, 2 and 3, a user block in front, object headers 1 and 2, groups by symbol tables or by links in
/// their headers, contiguous and compact datasets of integers and IEEE numbers in either byte order, and attributes of
/// them and of strings. What else the format has is refused by its name: chunks and filters, soft and external links,
/// external and virtual data, shared messages.
///
/// The reader trusts nothing: every address is compared with the file's size before a byte is read or memory is taken,
/// a structure that leads back to itself is refused, and the work that a file may ask for is in proportion to its size.
///
/// Source: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
public final class HDF5File {
  /// The name used in errors.
  public let file: String
  let bytes: [UInt8]
  /// Where addresses count from: 0, or the end of a user block.
  let base: Int
  private let rootAddress: Int
  private var (spent, scanned) = (0, 0)
  /// Objects by their addresses, each parsed once.
  var known: [Int: ObjectHeader] = [:]
  /// The links of groups by their addresses.
  var knownLinks: [Int: [(name: String, address: Int)]] = [:]

  /// The deepest group that is walked into.
  public static let depthLimit = 64
  static let undefined = UInt64.max
  static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Opens a file and reads it into memory; throws what is wrong with its beginning.
  public convenience init(path: String) throws(HDF5Error) {
    let bytes: [UInt8]?
    let opened: InputFile
    do throws(FileError) {
      opened = try InputFile(path)
      let head: [UInt8] = try opened.read(at: 0, count: min(opened.size, 8192))
      bytes = Self.begins(head) ? try opened.readAll() : nil
    } catch { throw .file(error) }
    guard let bytes else { throw .notHDF5(file: path, bytes: opened.size) }
    try self.init(data: bytes, file: path)
  }

  /// Whether bytes are those that an HDF5 file begins with: its signature, perhaps after a user block of 512 bytes or a
  /// power of 2 more.
  public static func begins(_ bytes: [UInt8]) -> Bool { start(bytes) != nil }

  private static func start(_ bytes: [UInt8]) -> Int? {
    var place = 0
    while place <= bytes.count - signature.count {
      if bytes[place..<place + signature.count].elementsEqual(signature) { return place }
      place = place == 0 ? 512 : place * 2
    }
    return nil
  }

  /// Reads a file that lies in memory; `file` is its name in errors.
  public init(data: [UInt8], file: String) throws(HDF5Error) {
    guard let start = Self.start(data) else { throw .notHDF5(file: file, bytes: data.count) }
    self.file = file
    bytes = data
    var cursor = Cursor(data, file: file, what: "superblock", start + 8..<data.count)
    let version = try cursor.byte()
    let base: UInt64, end: UInt64, root: UInt64
    switch version {
    case 0, 1:
      try cursor.skip(4)
      try Self.checkSizes(&cursor)
      try cursor.skip(version == 0 ? 9 : 13)
      base = try cursor.uint64()
      try cursor.skip(8)
      end = try cursor.uint64()
      try cursor.skip(16)
      root = try cursor.uint64()
    case 2, 3:
      try Self.checkSizes(&cursor)
      try cursor.skip(1)
      base = try cursor.uint64()
      try cursor.skip(8)
      end = try cursor.uint64()
      root = try cursor.uint64()
      let stored = try cursor.uint32()
      try Self.checksum(data, start..<start + 44, stored, file: file)
    default:
      throw .malformed(
        file: file, byte: start + 8, expected: "a superblock of version 0 to 3", found: "version \(version)")
    }
    guard base <= UInt64(start) else {
      throw .malformed(
        file: file, byte: start, expected: "addresses from byte \(start) on", found: "from byte \(base)")
    }
    guard end <= UInt64(data.count) else {
      throw .outOfBounds(file: file, what: "superblock", begin: 0, bytes: end, available: data.count)
    }
    self.base = Int(base)
    guard root <= UInt64(data.count) else {
      throw .outOfBounds(file: file, what: "root group", begin: root, bytes: 16, available: data.count)
    }
    rootAddress = Int(root)
  }

  private static func checkSizes(_ cursor: inout Cursor) throws(HDF5Error) {
    let place = cursor.position
    let (offsets, lengths) = (try cursor.byte(), try cursor.byte())
    guard offsets == 8, lengths == 8 else {
      throw .malformed(
        file: cursor.file, byte: place, expected: "addresses and lengths of 8 bytes",
        found: "\(offsets) and \(lengths)")
    }
  }

  /// The group that holds all others.
  public var root: Group { get throws(HDF5Error) { try group(at: rootAddress, path: "/") } }

  // MARK: Bytes

  /// The bytes at an address.
  func cursor(_ address: UInt64, _ count: UInt64? = nil, _ what: String) throws(HDF5Error) -> Cursor {
    let range = try range(address, count ?? 0, what)
    return Cursor(bytes, file: file, what: what, count == nil ? range.lowerBound..<bytes.count : range)
  }

  /// Where bytes at an address lie; throws when they aren't all in the file.
  func range(_ address: UInt64, _ count: UInt64, _ what: String) throws(HDF5Error) -> Range<Int> {
    let available = UInt64(bytes.count - base)
    guard address <= available, count <= available - address else {
      throw .outOfBounds(file: file, what: what, begin: address, bytes: count, available: bytes.count)
    }
    let begin = base + Int(address)
    return begin..<begin + Int(count)
  }

  /// Notes bytes of structures that are read, or of what is kept of them: each is read once, so that all together are no more
  /// than the file, but for names that are asked for again. Throws when they are.
  func spend(_ amount: Int) throws(HDF5Error) {
    spent += amount
    guard spent <= 2 * bytes.count + (1 << 20) else { throw overused }
  }

  /// Notes structures that are looked at again; throws when it takes long.
  func scan(_ amount: Int) throws(HDF5Error) {
    scanned += amount
    guard scanned <= 64 * bytes.count + (1 << 24) else { throw overused }
  }

  private var overused: HDF5Error {
    .tooLarge(
      file: file,
      what: "expected structures that are each used once, found some that are used over and over again")
  }

  static func checksum(
    _ bytes: [UInt8], _ range: Range<Int>, _ stored: UInt32, file: String
  ) throws(HDF5Error) {
    let found = lookup3(bytes, range)
    guard found == stored else {
      throw .malformed(
        file: file, byte: range.lowerBound, expected: "bytes with the checksum \(stored)",
        found: "\(found); the file is damaged")
    }
  }

  /// Reads little-endian numbers one after the other.
  struct Cursor {
    let file: String
    let what: String
    private let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    init(_ bytes: [UInt8], file: String, what: String, _ range: Range<Int>) {
      self.bytes = bytes
      self.file = file
      self.what = what
      (position, end) = (range.lowerBound, range.upperBound)
    }

    /// Bytes that are left.
    var left: Int { end - position }

    private mutating func take(_ count: Int) throws(HDF5Error) -> Int {
      guard count >= 0, count <= end - position else {
        throw .outOfBounds(
          file: file, what: what, begin: UInt64(position), bytes: UInt64(max(0, count)), available: end)
      }
      defer { position += count }
      return position
    }

    mutating func skip(_ count: Int) throws(HDF5Error) { _ = try take(count) }

    mutating func byte() throws(HDF5Error) -> Int { Int(bytes[try take(1)]) }

    mutating func number(_ size: Int) throws(HDF5Error) -> UInt64 {
      let begin = try take(size)
      return (0..<size).reduce(0) { $0 | UInt64(bytes[begin + $1]) << (8 * UInt64($1)) }
    }

    mutating func uint16() throws(HDF5Error) -> Int { Int(try number(2)) }
    mutating func uint32() throws(HDF5Error) -> UInt32 { UInt32(try number(4)) }
    mutating func uint64() throws(HDF5Error) -> UInt64 { try number(8) }

    /// The next `count` bytes.
    mutating func array(_ count: Int) throws(HDF5Error) -> [UInt8] {
      let begin = try take(count)
      return Array(bytes[begin..<begin + count])
    }

    /// The next `count` bytes as a cursor of their own.
    mutating func part(_ count: Int) throws(HDF5Error) -> Cursor {
      let begin = try take(count)
      return Cursor(bytes, file: file, what: what, begin..<begin + count)
    }

    mutating func expect(_ mark: String) throws(HDF5Error) {
      let place = position
      let found = try array(mark.utf8.count)
      guard found.elementsEqual(mark.utf8) else {
        throw .malformed(
          file: file, byte: place, expected: "the mark \(mark) of the \(what)",
          found: quotedName(String(decoding: found, as: UTF8.self)))
      }
    }

    func malformed(_ expected: String, _ found: String) -> HDF5Error {
      .malformed(file: file, byte: position, expected: expected, found: found)
    }
  }
}
