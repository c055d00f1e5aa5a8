import CellgateTensor
import Testing

@testable import CellgateData

@Suite("Byte-pair pieces")
struct BytePairVocabularyTests {
  private static let text = String(repeating: "low lower lowest new newer newest wide\n", count: 40)

  private static let learned = BytePairVocabulary(learning: text.unicodeScalars, count: 300)

  @Test("The most frequent pair is merged first, and of equally frequent ones that of smaller bytes")
  func learns() {
    // "ab" stands three times, "bc" and "ca" twice, "xy" and "yz" once.
    let pieces = BytePairVocabulary(learning: "ab ab abc\nbca\nca xyz".unicodeScalars, count: 258)
    #expect(pieces.merges == [.init(97, 98), .init(32, 256)])
    #expect(pieces.bytes(257) == Array(" ab".utf8) && pieces.count == 258)
    // Both stand twice; b comes before d.
    let equal = BytePairVocabulary(learning: "de bc\nde\nbc".unicodeScalars, count: 257)
    #expect(equal.merges == [.init(98, 99)])
    // Nothing stands twice.
    #expect(BytePairVocabulary(learning: "abc".unicodeScalars, count: 1000).count == 256)
    #expect(BytePairVocabulary(learning: "".unicodeScalars, count: 1000).count == 256)
  }

  /// Merges by counting all pairs again after each.
  private func naive(_ text: String, _ count: Int) -> [BytePairVocabulary.Merge] {
    var units: [[Int32]] = []
    BytePairUnits.forEach(of: text.unicodeScalars) { units.append($0.map { Int32($0) }) }
    var merges: [BytePairVocabulary.Merge] = []
    while merges.count < count {
      var counts: [UInt64: Int] = [:]
      for unit in units {
        for (left, right) in zip(unit, unit.dropFirst()) {
          counts[BytePairVocabulary.Merge(left, right).key, default: 0] += 1
        }
      }
      guard let best = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), best.value > 1 else {
        break
      }
      let merge = BytePairVocabulary.Merge(Int32(best.key >> 32), Int32(best.key & 0xFFFF_FFFF))
      units = units.map { unit in
        var new: [Int32] = []
        var place = 0
        while place < unit.count {
          let isPair = place + 1 < unit.count && unit[place] == merge.left && unit[place + 1] == merge.right
          new.append(isPair ? Int32(256 + merges.count) : unit[place])
          place += isPair ? 2 : 1
        }
        return new
      }
      merges.append(merge)
    }
    return merges
  }

  @Test("What is learned is what counting all pairs anew after each merge gives")
  func naive() {
    for text in [Self.text, "aaaa aaa aa a aaaaa\n", "abababab babab 🙂🙂🙂 🙂🙂 12 123 1234"] {
      let pieces = BytePairVocabulary(learning: text.unicodeScalars, count: 300)
      #expect(pieces.merges == naive(text, 44))
    }
  }

  @Test("Units are the text: words with the space before them, numbers, other characters, spaces")
  func units() {
    var units: [String] = []
    BytePairUnits.forEach(of: "The  cat's 12 mats,\n\n é🙂!".unicodeScalars) {
      units.append(String(decoding: $0, as: UTF8.self))
    }
    #expect(units == ["The", " ", " cat", "'", "s", " 12", " mats", ",", "\n\n", " é", "🙂!"])
    units = []
    let long = String(repeating: "ü", count: 100)
    BytePairUnits.forEach(of: (" " + long).unicodeScalars) {
      units.append(String(decoding: $0, as: UTF8.self))
    }
    #expect(units.joined() == " " + long && units.map(\.unicodeScalars.count) == [48, 48, 5])
  }

  @Test("Texts of any characters come back from their pieces, character counts included")
  func roundTrip() {
    let alphabet = Array("abc  \n\t\r\u{0}'-.<é́🙂👩‍👩‍👧🇩🇪עבריתمرحبا日本語\u{FEFF}\u{FFFD}lownewer".unicodeScalars)
    var stream = RandomStream(seed: 3, name: "texts")
    for round in 0..<300 {
      let count = Int(stream.nextLong() % 40)
      var text = String.UnicodeScalarView()
      for _ in 0..<count {
        text.append(alphabet[Int(stream.nextLong() % UInt64(alphabet.count))])
      }
      // Any scalar at all as well.
      if round % 3 == 0, let scalar = Unicode.Scalar(UInt32(stream.nextLong() % 0x110000)) {
        text.append(scalar)
      }
      let pieces = Self.learned.encode(text)
      #expect(Self.learned.decode(pieces).unicodeScalars.elementsEqual(text))
      #expect(pieces.map { Self.learned.characters($0) }.reduce(0, +) == text.count)
    }
    #expect(Self.learned.encode("".unicodeScalars).isEmpty && Self.learned.decode([]) == "")
    #expect(Self.learned.encode("lowest newest".unicodeScalars).count < 6)
  }

  @Test("A text cut between bytes is whole characters of it, and bytes that are none are replaced")
  func cut() {
    let bytes = BytePairVocabulary()
    let text = "aé日🙂b"
    let indices = text.utf8.map { Int32($0) }
    for count in 0...indices.count {
      let found = bytes.decode(indices.prefix(count))
      #expect(text.hasPrefix(found) && !found.unicodeScalars.contains("\u{FFFD}"), "\(count)")
    }
    for (wrong, expected) in [
      ([0x80], "\u{FFFD}"), ([0xC3, 0x28], "\u{FFFD}("), ([0xE2, 0x82, 0x61], "\u{FFFD}a"),
      ([0xFF, 0x61], "\u{FFFD}a"), ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
      ([0xF0, 0x9F, 0x99], ""),
    ] as [([Int32], String)] {
      #expect(bytes.decode(wrong) == expected, "\(wrong)")
    }
  }

  @Test("Decoding bytes of any kind is what the standard library makes of them, but for a cut end")
  func anyBytes() {
    let bytes = BytePairVocabulary()
    var stream = RandomStream(seed: 5, name: "bytes")
    let likely: [UInt8] = [0x61, 0x80, 0xBF, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0x9F, 0xA0, 0x90]
    for _ in 0..<2000 {
      var text = (0..<Int(stream.nextLong() % 8)).map { _ in likely[Int(stream.nextLong() % 11)] }
      // An end that begins no character.
      text.append(0x61)
      #expect(
        bytes.decode(text.map { Int32($0) }).unicodeScalars.elementsEqual(
          String(decoding: text, as: UTF8.self).unicodeScalars), "\(text)")
    }
  }

  @Test("Merges that can't be learned are no vocabulary")
  func wrong() {
    #expect(BytePairVocabulary(merges: [.init(97, 256)]) == nil)
    #expect(BytePairVocabulary(merges: [.init(-1, 97)]) == nil)
    #expect(BytePairVocabulary(merges: [.init(97, 98), .init(97, 98)]) == nil)
    // Pieces that double would take all memory.
    let doubling = (0..<60).map { $0 == 0 ? BytePairVocabulary.Merge(97, 97) : .init(255 + $0, 255 + $0) }
    #expect(BytePairVocabulary(merges: doubling) == nil)
    #expect(BytePairVocabulary(merges: Self.learned.merges) == Self.learned)
  }
}
