/// The bytes of a text file, gzipped or not, in pieces.
package struct TableBytes {
  private let input: InputFile
  private let isGzip: Bool
  /// The bytes by which a form is recognised, and those of a piece.
  private static let sampleSize = 1 << 18, pieceSize = 1 << 20

  /// Opens a file; throws `file`.
  package init(_ path: String) throws(TableError) {
    do throws(FileError) {
      input = try InputFile(path)
      isGzip = Gzip.isGzip(try input.read(at: 0, count: min(2, input.size)))
    } catch { throw .file(error) }
  }

  /// The first 256 KiB.
  func beginning() throws(TableError) -> [UInt8] {
    guard isGzip else {
      do throws(FileError) { return try input.read(at: 0, count: min(Self.sampleSize, input.size)) } catch {
        throw .file(error)
      }
    }
    var bytes: [UInt8] = []
    try forEachPiece { piece in
      bytes += piece
      return bytes.count < Self.sampleSize
    }
    return bytes
  }

  /// Each piece in its order, until `body` returns false.
  package func forEachPiece(_ body: (ArraySlice<UInt8>) throws(TableError) -> Bool) throws(TableError) {
    guard isGzip else {
      var offset = 0
      while offset < input.size {
        let piece: [UInt8]
        do throws(FileError) {
          piece = try input.read(at: offset, count: min(Self.pieceSize, input.size - offset))
        } catch { throw .file(error) }
        offset += piece.count
        guard try body(piece[...]) else { return }
      }
      return
    }
    let packed: [UInt8]
    do throws(FileError) { packed = try input.readAll() } catch { throw .file(error) }
    var failure: TableError?
    do throws(GzipError) {
      try Gzip.decompress(packed, file: input.path) { piece in
        do throws(TableError) { return try body(piece) } catch {
          failure = error
          return false
        }
      }
    } catch { throw .gzip(error) }
    if let failure { throw failure }
  }
}
