import CellgateFiles

/// A UTF-8 text on the disk, gzipped or not.
package struct TextFile {
  /// The most bytes that a gzipped file may unpack to: 1 GiB.
  package static let limit = 1 << 30

  /// In UTF-8.
  private let content: String
  /// The SHA-256 digest of the file as it is on the disk.
  package let sha256: String

  /// The characters, as Unicode scalars; line endings are as in the file.
  package var scalars: Substring.UnicodeScalarView { content[...].unicodeScalars }
  /// U+FEFF, the byte-order mark, which some programs put before a text.
  package static let mark: Unicode.Scalar = "\u{FEFF}"
  /// Whether the text begins with a byte-order mark.
  package var hasMark: Bool { scalars.first == Self.mark }
  /// The characters without a byte-order mark at their beginning, which is no part of a text.
  package var text: Substring.UnicodeScalarView { hasMark ? scalars.dropFirst() : scalars }

  /// Reads a file; throws `folder`, `file`, `gzip`, `notUTF8` or `otherEncoding`.
  package init(_ path: String) throws(TaskDataError) {
    if Paths.isFolder(path) { throw .folder(path: path) }
    var bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    sha256 = SHA256.hex(bytes)
    if Gzip.isGzip(bytes) {
      do throws(GzipError) {
        bytes = try Gzip.decompress(bytes, file: path, limit: Self.limit)
      } catch { throw .gzip(error) }
    }
    do throws(TaskDataError) {
      content = try Self.text(bytes, file: path)
    } catch {
      guard case .notUTF8(_, let offset) = error, let other = TextEncoding(of: bytes, wrongAt: offset) else {
        throw error
      }
      throw other.error(file: path, offset: offset)
    }
  }

  /// The text of UTF-8 bytes; throws `notUTF8` with the place of the first byte that is wrong.
  package static func text(_ bytes: [UInt8], file: String) throws(TaskDataError) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var place = 0
    while place < bytes.count {
      var rest = bytes[place..<min(place + 4, bytes.count)].makeIterator()
      var parser = Unicode.UTF8.ForwardParser()
      guard case .valid(let encoded) = parser.parseScalar(from: &rest) else { break }
      place += encoded.count
    }
    throw .notUTF8(file: file, offset: place)
  }
}
