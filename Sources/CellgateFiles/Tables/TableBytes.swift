/// The bytes of a text file, gzipped or not, or those of standard input as they come, in pieces.
package struct TableBytes {
  private enum Source { case file(InputFile, isGzip: Bool), input(Beginning) }

  /// What was read of standard input to look at it.
  private final class Beginning { var bytes: [UInt8]? }

  private let source: Source
  /// The bytes by which a form is recognised, and those of a piece.
  private static let sampleSize = 1 << 18, pieceSize = 1 << 20

  /// Opens a file; throws `file`.
  package init(_ path: String) throws(TableError) {
    guard path != StandardInput.name else {
      source = .input(Beginning())
      return
    }
    do throws(FileError) {
      let input = try InputFile(path)
      source = .file(input, isGzip: Gzip.isGzip(try input.read(at: 0, count: min(2, input.size))))
    } catch { throw .file(error) }
  }

  /// The first 256 KiB; of standard input the first line, with what has come after it.
  func beginning() throws(TableError) -> [UInt8] {
    switch source {
    case .input(let beginning):
      if let bytes = beginning.bytes { return bytes }
      var bytes: [UInt8] = []
      while bytes.count < Self.sampleSize, !bytes.contains(0x0A) {
        let more = try Self.readInput()
        if more.isEmpty { break }
        bytes += more
      }
      beginning.bytes = bytes
      return bytes
    case .file(let input, isGzip: false):
      do throws(FileError) { return try input.read(at: 0, count: min(Self.sampleSize, input.size)) } catch {
        throw .file(error)
      }
    case .file(_, isGzip: true):
      var bytes: [UInt8] = []
      try forEachPiece { piece in
        bytes += piece
        return bytes.count < Self.sampleSize
      }
      return bytes
    }
  }

  private static func readInput() throws(TableError) -> [UInt8] {
    do throws(FileError) { return try StandardInput.read(most: pieceSize) } catch { throw .file(error) }
  }

  /// Each piece in its order, until `body` returns false.
  package func forEachPiece(_ body: (ArraySlice<UInt8>) throws(TableError) -> Bool) throws(TableError) {
    switch source {
    case .input(let beginning):
      var piece = beginning.bytes ?? []
      if beginning.bytes == nil { piece = try Self.readInput() }
      beginning.bytes = nil
      while !piece.isEmpty {
        guard try body(piece[...]) else { return }
        piece = try Self.readInput()
      }
    case .file(let input, isGzip: false):
      var offset = 0
      while offset < input.size {
        let piece: [UInt8]
        do throws(FileError) {
          piece = try input.read(at: offset, count: min(Self.pieceSize, input.size - offset))
        } catch { throw .file(error) }
        offset += piece.count
        guard try body(piece[...]) else { return }
      }
    case .file(let input, isGzip: true):
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
}
