import CellgateTestSupport
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

  @Test("A file in pieces gives the samples of the whole, of every kind and whatever the pieces are")
  func pieces() throws {
    for (tag, bits, channels) in [(UInt16(1), UInt16(8), UInt16(1)), (1, 24, 2), (3, 32, 1)] {
      let data = (0..<UInt8(61)).map { $0 &* 7 }
      let bytes = file(tag: tag, bits: bits, channels: channels, data: data)
      let whole = try WAVFile(bytes: bytes, file: "a.wav").samples
      for size in [1, 5, bytes.count] {
        var stream = WAVStream("a.wav")
        var found: [Float] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
          found += try stream.append(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        try stream.finish()
        #expect(found == whole && stream.rate == 8000, "\(bits) bits, \(size) bytes")
      }
    }
  }

  @Test("A length that nobody knew takes all that comes; what follows the data is passed over")
  func lengths() throws {
    var stream = WAVStream("a.wav")
    let endless = file(tag: 1, bits: 16, data: [0, 0x40, 0, 0x20], size: 0xFFFF_FFFF)
    #expect(try stream.append(endless) == [0.5, 0.25] && stream.append([0, 0x40]) == [0.5])
    stream = WAVStream("a.wav")
    let short = file(tag: 1, bits: 16, data: [0, 0x40, 0, 0x20], size: 2)
    #expect(try stream.append(short) == [0.5] && stream.append([1, 2, 3, 4]) == [])
    try stream.finish()
  }

  @Test("A stream that is no WAV file, or that ends before its samples, is an error")
  func badStreams() throws {
    let whole = file(tag: 1, bits: 16, data: [0, 0x40])
    for count in [0, 3, 11, 12, 20, 40] {
      var stream = WAVStream("standard input")
      _ = try stream.append(Array(whole[..<count]))
      let error = #expect(throws: WAVError.self) { try stream.finish() }
      #expect(error?.description.hasPrefix("standard input: damaged WAV file: expected ") == true)
    }
    var stream = WAVStream("standard input")
    #expect(throws: WAVError.self) { try stream.append(Array("no WAV file at all".utf8)) }
    stream = WAVStream("standard input")
    #expect(throws: WAVError.unsupported(file: "standard input", format: 2, bits: 4)) {
      try stream.append(file(tag: 2, bits: 4, data: []))
    }
  }

  @Test("The outline of a file is its rate and how many samples it has at most")
  func outline() throws {
    let scratch = try Scratch()
    let path = try scratch.write(
      file(tag: 1, bits: 16, channels: 2, data: .init(repeating: 0, count: 400)), as: "a.wav")
    let outline = try WAVFile.outline(path)
    #expect(outline.rate == 8000 && (100...120).contains(outline.samples))
    let other = try scratch.write(Array("RIFF".utf8), as: "b.wav")
    #expect(throws: WAVError.damaged(file: other, reason: WAVFile.expectedData)) {
      try WAVFile.outline(other)
    }
  }
}
