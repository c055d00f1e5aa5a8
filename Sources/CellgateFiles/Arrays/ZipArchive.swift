/// A zip file: named entries of bytes, stored or compressed by deflate.
///
///     let archive = try ZipArchive(path: "model.keras")
///     let configuration = try archive.bytes("config.json")
///
/// The list of entries at the file's end, the central directory, is the authority; of an entry's own header only its
/// name and its method are compared with it, as PyTorch leaves the sizes there 0. ZIP64 and data descriptors are read.
///
/// The reader trusts nothing. Opening reads the list and the headers, and checks that the entries lie one after the
/// other, each in the file, without an overlap and with names of their own, and that what the compressed ones declare is
/// at most `limit` bytes together. Reading an entry ends with the first byte more than it declares, and checks its
/// CRC-32. Nothing is written to the disk: a name such as `../x` is a name and no path.
///
/// Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
public struct ZipArchive: Sendable {
  /// The most bytes that the compressed entries may declare together by default: 1 GiB. Stored entries take no more
  /// than the file.
  public static let defaultLimit = 1 << 30
  /// The most entries accepted.
  public static let entryLimit = 1 << 20
  /// The longest list of entries accepted, in bytes.
  public static let directoryLimit = 100_000_000

  /// The name used in errors.
  public let file: String
  /// What is in the file, in the order of the list of entries.
  public let entries: [Entry]

  let source: ByteSource
  let index: [[UInt8]: Int]

  /// One entry of the list.
  public struct Entry: Sendable, Equatable {
    /// The bytes of the name, unique in the file. The format means UTF-8 or code page 437; they can be anything.
    public let nameBytes: [UInt8]
    /// The compression: 0 is none, 8 is deflate; entries of others can't be read.
    public let method: Int
    /// Whether the bytes are encrypted; such an entry can't be read.
    public let isEncrypted: Bool
    /// The bytes that the entry declares to be.
    public let size: Int
    /// The bytes that it takes in the file.
    public let compressedSize: Int
    /// The CRC-32 of its bytes.
    public let checksum: UInt32
    /// Where its bytes lie in the file.
    let place: Range<Int>

    /// The name as text; nil when its bytes are not UTF-8.
    public var name: String? { String(validating: nameBytes, as: UTF8.self) }

    /// The name in errors.
    var shownName: String { String(decoding: nameBytes, as: UTF8.self) }
  }

  /// The entry of a name, in UTF-8; nil when the file has none.
  public subscript(name: String) -> Entry? { self[Array(name.utf8)] }

  /// The entry of a name's bytes; nil when the file has none.
  public subscript(nameBytes: [UInt8]) -> Entry? { index[nameBytes].map { entries[$0] } }
}
