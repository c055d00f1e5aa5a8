import CellgateData

/// The bytes of MATLAB files of version 5, uncompressed.
package struct MATLABBytes {
  /// Whether numbers begin with their highest byte.
  package var isBigEndian = false

  package init() {}

  package func word(_ value: Int, _ count: Int) -> [UInt8] {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    return isBigEndian ? bytes.reversed() : bytes
  }

  /// The header of 128 bytes.
  package var header: [UInt8] {
    let text = Array("MATLAB 5.0 MAT-file, made for a test".utf8)
    return text + [UInt8](repeating: 0x20, count: 124 - text.count) + word(0x0100, 2) + word(0x4D49, 2)
  }

  /// A tag and what it is for, filled up to whole 8 bytes.
  package func element(_ type: Int, _ bytes: [UInt8]) -> [UInt8] {
    word(type, 4) + word(bytes.count, 4) + bytes
      + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
  }

  private func array(_ kind: Int, _ name: String, _ dimensions: [Int], _ content: [UInt8]) -> [UInt8] {
    element(
      14,
      element(6, word(kind, 4) + word(0, 4)) + element(5, dimensions.flatMap { word($0, 4) })
        + element(1, Array(name.utf8)) + content)
  }

  /// A matrix of bytes, columns first.
  package func bytes(_ name: String, _ dimensions: [Int], _ values: [UInt8]) -> [UInt8] {
    array(9, name, dimensions, element(2, values))
  }

  /// A matrix of doubles, columns first.
  package func doubles(_ name: String, _ dimensions: [Int], _ values: [Double]) -> [UInt8] {
    array(6, name, dimensions, element(9, values.flatMap { word(Int(bitPattern: UInt($0.bitPattern)), 8) }))
  }

  /// A text.
  package func text(_ name: String, _ text: String) -> [UInt8] {
    array(4, name, [1, text.utf8.count], element(16, Array(text.utf8)))
  }

  /// A cell array in a row.
  package func cells(_ name: String, _ cells: [[UInt8]]) -> [UInt8] {
    array(1, name, [1, cells.count], cells.flatMap { $0 })
  }

  /// A roll [T, 88].
  package func roll(_ frames: [Chord]) -> [UInt8] {
    bytes(
      "", [frames.count, Chord.piano.count],
      Chord.piano.flatMap { key in frames.map { $0.contains(key) ? 1 : 0 } })
  }

  /// A file of rolls in three parts.
  package func rolls(training: [[Chord]], validation: [[Chord]], test: [[Chord]]) -> [UInt8] {
    header + cells("traindata", training.map(roll)) + cells("validdata", validation.map(roll))
      + cells("testdata", test.map(roll))
  }
}
