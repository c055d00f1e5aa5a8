import CellgateBasics

/// A WAV file: PCM of 8, 16, 24 or 32 bits, or floating-point numbers of 32 or 64.
///
///     let sound = try WAVFile("seven.wav")
///     sound.rate                    // 8000, samples a second
///     sound.samples                 // [0.01, -0.02, …], the mean of all channels
///
/// Chunks other than the format and the data are passed over. Source:
/// https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
public struct WAVFile: Sendable, Equatable {
  /// Samples a second of each channel.
  public let rate: Int
  /// Channels in the file.
  public let channels: Int
  /// The mean of all channels, in −1 ... 1 of PCM.
  public let samples: [Float]

  /// The most bytes of a file.
  static let mostBytes = 1 << 30

  /// Reads a file; throws ``WAVError``.
  public init(_ path: String) throws(WAVError) {
    let bytes: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path)
      guard file.size <= Self.mostBytes else {
        throw FileError.cannotRead(file: path, reason: "more than \(Self.mostBytes) bytes")
      }
      bytes = try file.readAll()
    } catch { throw .file(error) }
    try self.init(bytes: bytes, file: path)
  }

  init(bytes: [UInt8], file: String) throws(WAVError) {
    guard bytes.count >= 12, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WAVE".utf8)
    else {
      throw .damaged(file: file, reason: "expected RIFF and WAVE at the beginning, found other bytes")
    }
    var format: Format?
    var place = 12
    while place + 8 <= bytes.count {
      let name = bytes[place..<place + 4]
      let size = Int(littleEndian(bytes, at: place + 4) as UInt32)
      let start = place + 8
      // Recorders that are cut off leave a length that is too large, or 0xFFFFFFFF.
      let end = min(start + size, bytes.count)
      if name.elementsEqual("fmt ".utf8) {
        format = try Format(bytes[start..<end], file: file)
      } else if name.elementsEqual("data".utf8) {
        guard let format else {
          throw .damaged(file: file, reason: "expected the format before the data, found none")
        }
        (rate, channels) = (format.rate, format.channels)
        samples = format.samples(bytes[start..<end])
        return
      }
      // Chunks begin at even places.
      place = end + size % 2
    }
    throw .damaged(file: file, reason: "expected a chunk of data, found the end of the file")
  }

  /// How samples are written.
  private struct Format {
    let rate, channels, bytes: Int
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
      let size = bytes * channels
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
}

/// What is wrong with a WAV file.
public enum WAVError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused.
  case file(FileError)
  /// The file is not what its format says, or ends too early.
  case damaged(file: String, reason: String)
  /// The samples are written in another way.
  case unsupported(file: String, format: Int, bits: Int)

  /// One line naming the file, what was expected and what was found.
  public var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .file(let error): error.description
    case .damaged(let file, let reason): "\(file): damaged WAV file: \(reason)"
    case .unsupported(let file, let format, let bits):
      "\(file): expected PCM of 8, 16, 24 or 32 bits or floating-point numbers of 32 or 64, "
        + "found format \(format) of \(bits) bits"
    }
  }
}
