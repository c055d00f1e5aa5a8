import CellgateBasics

/// The samples of a WAV file that comes in pieces, such as from standard input.
///
///     var stream = WAVStream("standard input")
///     while let bytes = next() { let samples = try stream.append(bytes) }
///     try stream.finish()
///
/// Recorders that don't know how long a sound will be write a length close to the largest: then all that comes is taken.
public struct WAVStream: Sendable {
  /// What comes next.
  private enum Part {
    case start, chunks
    /// A chunk that is passed over.
    case other(left: Int)
    /// Samples; nil for those of all bytes that come.
    case data(left: Int?)
    case end
  }

  private let file: String
  private var part = Part.start
  private var bytes: [UInt8] = []
  private var format: WAVFormat?

  /// The longest format that is read.
  private static let longestFormat = 1 << 16
  /// Lengths from here on stand for an unknown one.
  private static let unknownLength = 0x7FFF_0000

  /// A file of which nothing has come; `file` is its name in errors.
  public init(_ file: String) { self.file = file }

  /// Samples a second; nil before it is known.
  public var rate: Int? { format?.rate }

  /// Bytes of a sample of all channels; nil before it is known.
  var frameSize: Int? { format?.frameSize }

  /// The samples that are whole now that these bytes have come: the mean of all channels. Throws `damaged` or `unsupported`.
  public mutating func append(_ more: [UInt8]) throws(WAVError) -> [Float] {
    bytes += more
    var samples: [Float] = []
    while true {
      switch part {
      case .start:
        guard bytes.count >= 12 else { return samples }
        guard bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WAVE".utf8) else {
          throw .damaged(file: file, reason: WAVFile.expectedStart)
        }
        bytes.removeFirst(12)
        part = .chunks
      case .chunks:
        guard try readChunk() else { return samples }
      case .other(let left):
        let count = min(left, bytes.count)
        bytes.removeFirst(count)
        part = left == count ? .chunks : .other(left: left - count)
        if left > count { return samples }
      case .data(let left):
        guard let format else { return samples }
        var count = min(left ?? bytes.count, bytes.count)
        let ends = left.map { $0 == count } ?? false
        // What is left of a frame at the end of the data is none.
        if !ends { count -= count % format.frameSize }
        samples += format.samples(bytes[..<count])
        bytes.removeFirst(count)
        part = ends ? .end : .data(left: left.map { $0 - count })
        if !ends { return samples }
      case .end:
        bytes = []
        return samples
      }
    }
  }

  /// Reads the head of a chunk, and the format; whether it was there.
  private mutating func readChunk() throws(WAVError) -> Bool {
    guard bytes.count >= 8 else { return false }
    let size = Int(littleEndian(bytes, at: 4) as UInt32)
    if bytes.starts(with: Array("fmt ".utf8)) {
      guard size <= Self.longestFormat else {
        throw .damaged(
          file: file, reason: "expected a format of \(Self.longestFormat) bytes at most, found \(size)")
      }
      guard bytes.count >= 8 + size + size % 2 else { return false }
      format = try WAVFormat(bytes[8..<8 + size], file: file)
      bytes.removeFirst(8 + size + size % 2)
    } else if bytes.starts(with: Array("data".utf8)) {
      guard format != nil else { throw .damaged(file: file, reason: WAVFile.expectedFormat) }
      bytes.removeFirst(8)
      part = .data(left: size >= Self.unknownLength ? nil : size)
    } else {
      bytes.removeFirst(8)
      part = .other(left: size + size % 2)
    }
    return true
  }

  /// Throws `damaged` where the file ends before its samples begin.
  public func finish() throws(WAVError) {
    switch part {
    case .data, .end: return
    case .start: throw .damaged(file: file, reason: WAVFile.expectedStart)
    case .chunks, .other: throw .damaged(file: file, reason: WAVFile.expectedData)
    }
  }
}
