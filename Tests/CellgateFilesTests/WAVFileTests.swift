import Testing

@testable import CellgateFiles

@Suite("WAV files")
struct WAVFileTests {
  /// A file of one chunk of a format, some others, and the data.
  private func file(
    tag: UInt16, bits: UInt16, channels: UInt16 = 1, data: [UInt8], size: UInt32? = nil, extra: [UInt8] = []
  ) -> [UInt8] {
    let format =
      littleEndian(tag) + littleEndian(channels) + littleEndian(UInt32(8000))
      + littleEndian(UInt32(8000) * UInt32(channels) * UInt32(bits / 8))
      + littleEndian(channels * bits / 8) + littleEndian(bits) + extra
    return Array("RIFF".utf8) + littleEndian(UInt32(0)) + Array("WAVE".utf8)
      // A chunk of an odd size, and the byte that makes it even.
      + Array("LIST".utf8) + littleEndian(UInt32(3)) + [1, 2, 3, 0]
      + Array("fmt ".utf8) + littleEndian(UInt32(format.count)) + format
      + Array("data".utf8) + littleEndian(size ?? UInt32(data.count)) + data
  }

  @Test("Samples of 8, 16, 24 and 32 bits and of both kinds of floating-point numbers are read alike")
  func kinds() throws {
    let half: [(UInt16, UInt16, [UInt8])] = [
      (1, 8, [192]), (1, 16, [0, 0x40]), (1, 24, [0, 0, 0x40]), (1, 32, [0, 0, 0, 0x40]),
      (3, 32, littleEndian(Float(0.5).bitPattern)), (3, 64, littleEndian(0.5.bitPattern)),
    ]
    for (tag, bits, data) in half {
      let sound = try WAVFile(bytes: file(tag: tag, bits: bits, data: data), file: "a.wav")
      #expect(sound.samples == [0.5] && sound.rate == 8000, "\(bits) bits")
    }
    let negative = try WAVFile(bytes: file(tag: 1, bits: 24, data: [0, 0, 0x80]), file: "a.wav")
    #expect(negative.samples == [-1])
  }

  @Test("Channels give their mean, the extensible format is known, and a length that is too large is cut")
  func forms() throws {
    let stereo = file(tag: 1, bits: 16, channels: 2, data: [0, 0x40, 0, 0, 0, 0x20, 0, 0x20, 7], size: .max)
    #expect(try WAVFile(bytes: stereo, file: "a.wav").samples == [0.25, 0.25])
    let extra =
      littleEndian(UInt16(22)) + littleEndian(UInt16(16)) + littleEndian(UInt32(4))
      + littleEndian(UInt16(1)) + [UInt8](repeating: 0, count: 14)
    let extensible = file(tag: 0xFFFE, bits: 16, data: [0, 0x40], extra: extra)
    #expect(try WAVFile(bytes: extensible, file: "a.wav").samples == [0.5])
  }

  @Test("Other bytes are an error, wherever the file is cut or changed")
  func damage() throws {
    let whole = file(tag: 1, bits: 16, data: [0, 0x40])
    for count in 0..<whole.count - 2 {
      #expect(throws: WAVError.self) { try WAVFile(bytes: Array(whole[..<count]), file: "a.wav") }
    }
    #expect(throws: WAVError.unsupported(file: "a.wav", format: 2, bits: 4)) {
      try WAVFile(bytes: file(tag: 2, bits: 4, data: []), file: "a.wav")
    }
    var text = ""
    for place in whole.indices {
      for byte: UInt8 in [0, 255] {
        var changed = whole
        changed[place] = byte
        do { _ = try WAVFile(bytes: changed, file: "a.wav") } catch { text = "\(error)" }
      }
    }
    #expect(text.hasPrefix("a.wav: "))
  }
}
