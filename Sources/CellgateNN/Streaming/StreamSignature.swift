import CellgateTensor

/// A number of 64 bits that differs for models that differ in a layer, a size or a weight, and is the same on every
/// machine. It finds mistakes; it is no protection against forgery.
struct StreamSignature {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  private mutating func add(_ word: UInt64) {
    // FNV-1a on words, whose high bits come back into the low ones.
    value = (value ^ word) &* 0x0000_0100_0000_01b3
    value ^= value >> 29
  }

  /// Adds a name or a text.
  mutating func add(_ text: String) {
    for byte in text.utf8 { add(UInt64(byte)) }
    add(UInt64(text.utf8.count))
  }

  /// Adds numbers bit by bit.
  mutating func add(_ numbers: some Collection<Float>) {
    for number in numbers { add(UInt64(number.bitPattern)) }
    add(UInt64(numbers.count))
  }

  /// Adds a model's numbers with their names and shapes.
  mutating func add(_ state: StateDictionary) {
    for entry in state.entries {
      add("\(entry.name) \(entry.tensor.shape)")
      unsafe entry.tensor.withScalars { unsafe add($0) }
    }
  }

  /// Adds bytes.
  mutating func add(bytes: some Collection<UInt8>) {
    for byte in bytes { add(UInt64(byte)) }
  }
}
