/// Seeded changes of bytes: single bits, numbers of 8 bytes that are small, huge or places in the file, cut and copied parts.
package struct Mutations {
  private var random: SplitMix

  /// The same changes for the same seed.
  package init(seed: UInt64) { random = SplitMix(state: seed) }

  /// A number in 0 ..< bound.
  package mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(max(1, bound))) }

  /// The bytes with one to four changes; those of 16 bytes or fewer stay as they are.
  package mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...below(3) {
      guard bytes.count > 16 else { return bytes }
      let place = below(bytes.count)
      switch below(12) {
      case 0...4: bytes[place] ^= 1 << UInt8(below(8))
      case 5, 6: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][below(5)]
      case 7, 8:
        let begin = min(place / 8 * 8, bytes.count - 8)
        let values: [UInt64] = [0, 1, 8, UInt64(below(bytes.count)), 1 << 32, 1 << 62, .max, .max - 8]
        let value = values[below(values.count)]
        for index in 0..<8 { bytes[begin + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
      case 9: bytes.removeLast(below(bytes.count - 8))
      case 10:
        let count = below(min(64, bytes.count - place)), from = below(bytes.count - count)
        bytes.replaceSubrange(place..<place + count, with: Array(bytes[from..<from + count]))
      default: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(16)))
      }
    }
    return bytes
  }
}
