/// Writes a text symbol by symbol: of words with the spaces between them, of pieces whole characters alone.
public struct TokenWriter: Sendable {
  private let tokenizer: TextTokenizer
  /// The word before.
  private var last: String?
  /// The bytes of a character that isn't whole yet.
  private var held: [UInt8] = []

  /// A writer at the beginning of a text.
  public init(_ tokenizer: TextTokenizer) { self.tokenizer = tokenizer }

  /// The characters that a symbol adds to the text. Bytes that are no UTF-8 give U+FFFD, and those of a character that isn't whole
  /// yet nothing, until it is.
  public mutating func write(_ index: Int32) -> [Unicode.Scalar] {
    switch tokenizer {
    case .characters(let vocabulary):
      return [index == vocabulary.unknown ? "\u{FFFD}" : vocabulary.symbols[Int(index)]]
    case .words(_, let splitting):
      let word = tokenizer.word(index)
      defer { last = word }
      let isApart = last.map { splitting.needsSpace(between: $0, and: word) } ?? false
      return (isApart ? [" "] : []) + Array(word.unicodeScalars)
    case .pieces(let vocabulary):
      held += vocabulary.bytes(index)
      return Self.scalars(&held)
    }
  }

  /// Whether a symbol can come next in a text: pieces only as their bytes go on with UTF-8.
  public func accepts(_ index: Int32) -> Bool {
    guard case .pieces(let vocabulary) = tokenizer else { return index != tokenizer.unknown }
    var bytes = held + vocabulary.bytes(index)
    return Self.scalars(&bytes, stops: true) != nil
  }

  /// A text goes on after a space: none is written before the next word.
  package mutating func skipSpace() { last = nil }

  /// The characters of bytes; those of one that isn't whole stay. U+FFFD for bytes that begin none.
  private static func scalars(_ bytes: inout [UInt8]) -> [Unicode.Scalar] {
    scalars(&bytes, stops: false) ?? []
  }

  /// The same; with `stops` nil for bytes that begin none.
  private static func scalars(_ bytes: inout [UInt8], stops: Bool) -> [Unicode.Scalar]? {
    var scalars: [Unicode.Scalar] = []
    var place = 0
    while place < bytes.count {
      let (length, isRight) = sequence(bytes[place...])
      if isRight, place + length > bytes.count { break }
      if !isRight, stops { return nil }
      var rest = bytes[place..<place + (isRight ? length : 1)].makeIterator()
      var parser = Unicode.UTF8.ForwardParser()
      if isRight, case .valid(let encoded) = parser.parseScalar(from: &rest) {
        scalars.append(Unicode.UTF8.decode(encoded))
      } else {
        scalars.append("\u{FFFD}")
      }
      place += length
    }
    bytes.removeFirst(place)
    return scalars
  }

  /// How many bytes a character has that begins with these, and whether they begin one: else how many of them are no part of
  /// one.
  private static func sequence(_ bytes: ArraySlice<UInt8>) -> (length: Int, isRight: Bool) {
    guard let first = bytes.first else { return (1, false) }
    let length =
      switch first {
      case ..<0x80: 1
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 0
      }
    guard length > 0 else { return (1, false) }
    for (place, byte) in bytes.dropFirst().prefix(length - 1).enumerated() {
      let range: ClosedRange<UInt8> =
        switch (place, first) {
        case (0, 0xE0): 0xA0...0xBF
        case (0, 0xED): 0x80...0x9F
        case (0, 0xF0): 0x90...0xBF
        case (0, 0xF4): 0x80...0x8F
        default: 0x80...0xBF
        }
      guard range.contains(byte) else { return (1 + place, false) }
    }
    return (length, true)
  }
}
