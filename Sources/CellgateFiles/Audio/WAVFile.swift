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

  /// Bytes in which the format of a file is looked for without reading all of it.
  private static let headBytes = 1 << 16

  static let expectedStart = "expected RIFF and WAVE at the beginning, found other bytes"
  static let expectedFormat = "expected the format before the data, found none"
  static let expectedData = "expected a chunk of data, found the end of the file"

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

  /// Samples a second of a file, and how many there are at most, from its first bytes alone; throws ``WAVError``.
  package static func outline(_ path: String) throws(WAVError) -> (rate: Int, samples: Int) {
    var stream = WAVStream(path)
    let (size, bytes): (Int, [UInt8])
    do throws(FileError) {
      let file = try InputFile(path)
      (size, bytes) = (file.size, try file.read(at: 0, count: min(headBytes, file.size)))
    } catch { throw .file(error) }
    _ = try stream.append(bytes)
    guard let rate = stream.rate, let frameSize = stream.frameSize else {
      throw .damaged(file: path, reason: expectedData)
    }
    return (rate, size / frameSize)
  }

  init(bytes: [UInt8], file: String) throws(WAVError) {
    guard bytes.count >= 12, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WAVE".utf8)
    else {
      throw .damaged(file: file, reason: Self.expectedStart)
    }
    var format: WAVFormat?
    var place = 12
    while place + 8 <= bytes.count {
      let name = bytes[place..<place + 4]
      let size = Int(littleEndian(bytes, at: place + 4) as UInt32)
      let start = place + 8
      // Recorders that are cut off leave a length that is too large, or 0xFFFFFFFF.
      let end = min(start + size, bytes.count)
      if name.elementsEqual("fmt ".utf8) {
        format = try WAVFormat(bytes[start..<end], file: file)
      } else if name.elementsEqual("data".utf8) {
        guard let format else {
          throw .damaged(file: file, reason: Self.expectedFormat)
        }
        (rate, channels) = (format.rate, format.channels)
        samples = format.samples(bytes[start..<end])
        return
      }
      // Chunks begin at even places.
      place = end + size % 2
    }
    throw .damaged(file: file, reason: Self.expectedData)
  }
}
