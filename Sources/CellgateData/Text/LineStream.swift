import CellgateFiles

/// Lines of a text in pieces: those of standard input as they come.
package enum LineStream {
  /// The most bytes of a line of standard input.
  private static let longest = 1 << 24
  private static let pieceSize = 1 << 16

  /// Calls `body` with lines that follow on one another, at most so many: those of a file, gzipped or not, or with "-" those of
  /// standard input, as soon as they are there. Lines are as those of ``TextLines``. Throws what is wrong with a file, `unfit` for a line
  /// of standard input of more than 16 MiB, `notUTF8`, or what `body` throws.
  package static func read(_ path: String, most: Int, _ body: ([String]) throws -> Void) throws {
    func give(_ lines: [String]) throws {
      for start in stride(from: 0, to: lines.count, by: most) {
        try body(Array(lines[start..<min(start + most, lines.count)]))
      }
    }
    guard path == StandardInput.name else { return try give(try TextLines.read(path)) }
    var (held, number): ([UInt8], Int) = ([], 0)
    while true {
      let piece: [UInt8]
      do throws(FileError) { piece = try StandardInput.read(most: pieceSize) } catch {
        throw TaskDataError.file(error)
      }
      if piece.isEmpty { break }
      held += piece
      guard piece.contains(0x0A) else {
        if held.count > longest {
          throw TaskDataError.unfit(
            file: "standard input",
            reason: "line \(number + 1): expected at most \(longest) bytes, found more")
        }
        continue
      }
      var parts = held.split(separator: 0x0A, omittingEmptySubsequences: false)
      held = Array(parts.removeLast())
      var lines: [String] = []
      for part in parts { lines.append(try line(part, &number)) }
      try give(lines)
    }
    if !held.isEmpty { try give([try line(held[...], &number)]) }
  }

  private static func line(_ bytes: ArraySlice<UInt8>, _ number: inout Int) throws(TaskDataError) -> String {
    number += 1
    var bytes = bytes
    if bytes.last == 0x0D { bytes.removeLast() }
    if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    return try TextFile.text(Array(bytes), file: "standard input: line \(number)")
  }
}
