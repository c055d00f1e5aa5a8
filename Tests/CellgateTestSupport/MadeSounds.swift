import CellgateFiles
import Foundation

/// Sounds that stand for symbols: a tone of its own for each, with silence around it.
package enum MadeSounds {
  /// The tones of the symbols of a text, of the digits 0 to 9, as samples of a rate; a space is silence.
  package static func samples(_ text: String, rate: Int = 8000, seed: Int = 0) -> [Float] {
    var state = UInt64(bitPattern: Int64(seed)) &* 2_862_933_555_777_941_757 &+ 3_037_000_493
    func random() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) / Double(1 << 31)
    }
    var samples: [Float] = []
    func add(_ seconds: Double, _ frequency: Double?) {
      for index in 0..<Int(seconds * Double(rate)) {
        let tone = frequency.map { 0.5 * sin(2 * .pi * $0 * Double(index) / Double(rate)) } ?? 0
        samples.append(Float(tone + 0.002 * (random() - 0.5)))
      }
    }
    add(0.06, nil)
    for character in text {
      add(0.08 + 0.03 * random(), character.wholeNumberValue.map { 300 + 220 * Double($0) })
      add(0.04 + 0.02 * random(), nil)
    }
    return samples
  }

  /// The bytes of a WAV file of 16 bits. `size` is the length of the data that its head names, if that isn't theirs.
  package static func wav(_ samples: [Float], rate: Int = 8000, size: UInt32? = nil) -> [UInt8] {
    let data = samples.flatMap { littleEndian(UInt16(bitPattern: Int16(max(-1, min(1, $0)) * 32767))) }
    let format =
      littleEndian(UInt16(1)) + littleEndian(UInt16(1)) + littleEndian(UInt32(rate))
      + littleEndian(UInt32(2 * rate)) + littleEndian(UInt16(2)) + littleEndian(UInt16(16))
    return Array("RIFF".utf8) + littleEndian(UInt32(36 + data.count)) + Array("WAVE".utf8)
      + Array("fmt ".utf8) + littleEndian(UInt32(format.count)) + format
      + Array("data".utf8) + littleEndian(size ?? UInt32(data.count)) + data
  }
}
