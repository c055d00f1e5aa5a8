import CellgateFiles

/// Phrases of METEOR's table that stand in texts to be scored, and which of them have the same meaning.
struct MeteorParaphrases {
  /// The most words of a phrase in the table.
  static let longest = 7

  /// The phrases that each phrase can be written as.
  private let others: [String: [String]]

  /// Looks for pairs whose phrases are both among `phrases`; three lines of the table are a number and two phrases.
  init(phrases: Set<String>, table: [UInt8], file: String) throws(GzipError) {
    // A bit for each hash: most lines of the table are none of the phrases.
    var size = 1 << 10
    while size < phrases.count * 64 { size *= 2 }
    var hashes = [UInt64](repeating: 0, count: size / 64)
    for phrase in phrases {
      let bit = Int(truncatingIfNeeded: Self.hash(phrase.utf8)) & (size - 1)
      hashes[bit >> 6] |= 1 << UInt64(bit & 63)
    }
    var others: [String: [String]] = [:]
    var reader = LineReader()
    var number = 0
    var first: String?
    try Gzip.decompress(table, file: file) { piece in
      reader.read(piece) { line in
        defer { number = (number + 1) % 3 }
        guard number > 0, number == 1 || first != nil else { return }
        let bit = Int(truncatingIfNeeded: Self.hash(line)) & (size - 1)
        let phrase =
          hashes[bit >> 6] >> UInt64(bit & 63) & 1 == 1 ? String(decoding: line, as: UTF8.self) : nil
        if number == 1 {
          first = phrase.flatMap { phrases.contains($0) ? $0 : nil }
        } else if let phrase, let own = first, phrases.contains(phrase) {
          others[own, default: []].append(phrase)
          if phrase != own { others[phrase, default: []].append(own) }
        }
      }
      return true
    }
    self.others = others
  }

  /// The phrases that a phrase can be written as; twice those that the table has in either direction, as METEOR finds such a match
  /// twice, and so takes it for one of several ways.
  func others(of phrase: String) -> [String] { others[phrase] ?? [] }

  private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash ^ hash >> 29
  }

  /// Cuts pieces of a text into lines.
  private struct LineReader {
    private var rest: [UInt8] = []

    mutating func read(_ piece: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>) -> Void) {
      var start = piece.startIndex
      while let end = piece[start...].firstIndex(of: 0x0A) {
        if rest.isEmpty {
          body(piece[start..<end])
        } else {
          rest += piece[start..<end]
          body(rest[...])
          rest.removeAll()
        }
        start = end + 1
      }
      rest += piece[start...]
    }
  }
}
