/// What a text that is not meant as UTF-8 seems to be.
package enum TextEncoding: String, Equatable {
  case utf16 = "UTF-16"
  case utf16LittleEndian = "UTF-16LE"
  case utf16BigEndian = "UTF-16BE"
  case utf32 = "UTF-32"
  case latin1 = "Latin-1"
  case windows1252 = "Windows-1252"

  /// What iconv calls it.
  private var iconvName: String {
    switch self {
    case .latin1: "LATIN1"
    case .windows1252: "WINDOWS-1252"
    default: rawValue
    }
  }

  /// The encoding of bytes that are no UTF-8 from `offset` on; nil when they give no hint, such as a UTF-8 text with some
  /// bytes damaged.
  package init?(of bytes: [UInt8], wrongAt offset: Int) {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      self = .utf32
    } else if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      self = .utf16
    } else if let unmarked = TextEncoding(unmarked: bytes) {
      self = unmarked
    } else {
      // A character of several bytes that is right, or one that the end cuts off, is a sign of UTF-8.
      let isCutOff = offset >= bytes.count - 3 && bytes[offset] >= 0xC2 && offset < bytes.count - 1
      let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
      guard !bytes[..<offset].contains(where: { $0 >= 0x80 }), !isCutOff, isText else { return nil }
      self = bytes.contains { (0x80...0x9F).contains($0) } ? .windows1252 : .latin1
    }
  }

  /// UTF-16 without a byte-order mark, where most characters are of Latin letters: every other byte of the beginning is
  /// zero. Such bytes may be UTF-8 too, of a text with a NUL after each character.
  package init?(unmarked bytes: [UInt8]) {
    let pairs = min(bytes.count / 2, 2048)
    guard pairs >= 8 else { return nil }
    var zeros = [0, 0]
    for place in 0..<2 * pairs where bytes[place] == 0 { zeros[place % 2] += 1 }
    switch (zeros[0] * 4 >= pairs * 3, zeros[1] * 4 >= pairs * 3) {
    case (false, true) where zeros[0] == 0: self = .utf16LittleEndian
    case (true, false) where zeros[1] == 0: self = .utf16BigEndian
    default: return nil
    }
  }

  /// That a file is of this encoding, by its byte at `offset`.
  package func error(file: String, offset: Int) -> TaskDataError {
    .otherEncoding(file: file, offset: offset, encoding: rawValue, iconv: iconvName)
  }
}
