import CellgateBasics

/// How the samples of a WAV file are written.
struct WAVFormat: Sendable {
  let rate: Int, channels: Int, bytes: Int

  /// Bytes of a frame, one sample of each channel.
  var frameSize: Int { bytes * channels }
  let isFloat: Bool

  init(_ chunk: ArraySlice<UInt8>, file: String) throws(WAVError) {
    let chunk = Array(chunk)
    guard chunk.count >= 16 else {
      throw .damaged(file: file, reason: "expected a format of 16 bytes or more, found \(chunk.count)")
    }
    var tag = Int(littleEndian(chunk, at: 0) as UInt16)
    // The extensible format has the tag further on.
    if tag == 0xFFFE, chunk.count >= 26 { tag = Int(littleEndian(chunk, at: 24) as UInt16) }
    channels = Int(littleEndian(chunk, at: 2) as UInt16)
    rate = Int(littleEndian(chunk, at: 4) as UInt32)
    let bits = Int(littleEndian(chunk, at: 14) as UInt16)
    isFloat = tag == 3
    guard tag == 1 && [8, 16, 24, 32].contains(bits) || tag == 3 && [32, 64].contains(bits) else {
      throw .unsupported(file: file, format: tag, bits: bits)
    }
    guard channels > 0, rate > 0 else {
      throw .damaged(
        file: file, reason: "expected channels and a rate above 0, found \(channels) and \(rate)")
    }
    bytes = bits / 8
  }

  /// The mean of the channels of each whole frame; what is not a number is 0.
  func samples(_ data: ArraySlice<UInt8>) -> [Float] {
    let data = Array(data)
    let size = frameSize
    return (0..<data.count / size).map { frame in
      var sum: Float = 0
      for channel in 0..<channels { sum += sample(data, at: frame * size + channel * bytes) }
      let mean = sum / Float(channels)
      return mean.isFinite ? mean : 0
    }
  }

  private func sample(_ data: [UInt8], at place: Int) -> Float {
    switch (isFloat, bytes) {
    case (true, 4): Float(bitPattern: littleEndian(data, at: place))
    case (true, _): Float(Double(bitPattern: littleEndian(data, at: place)))
    // Of 8 bits they are unsigned.
    case (false, 1): (Float(data[place]) - 128) / 128
    case (false, 2): Float(Int16(bitPattern: littleEndian(data, at: place))) / 32768
    case (false, 3):
      Float(
        Int32(
          bitPattern: UInt32(data[place]) << 8 | UInt32(data[place + 1]) << 16 | UInt32(data[place + 2])
            << 24))
        / 2_147_483_648
    default: Float(Int32(bitPattern: littleEndian(data, at: place))) / 2_147_483_648
    }
  }
}
