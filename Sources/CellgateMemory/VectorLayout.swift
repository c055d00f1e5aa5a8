import CellgateBasics
import CellgateFiles

/// What a file of keys holds: a header of 64 bytes, and blocks.
///
/// All numbers are little-endian. The header is "CGVECTOR", the version 1, the precision (0 float32, 1 float16, 2 int8), the measure (0
/// squared distance, 1 inner product) and the dimension, 4 bytes each, zeros, and the CRC-32 of the 60 bytes before. A block's header is
/// "CGVBLOCK", 8 bytes of the number of keys, 4 of the CRC-32 of what follows the header, zeros, and the CRC-32 of the 60 bytes before.
/// What follows the last whole block is what an interrupted addition left; it doesn't count.
struct VectorLayout {
  static let fileMark = Array("CGVECTOR".utf8), blockMark = Array("CGVBLOCK".utf8)
  static let headerSize = 64
  private static let version: UInt32 = 1
  /// The most numbers of a key.
  static let mostDimension = 1 << 20

  let dimension: Int
  let precision: VectorIndex.Precision
  let measure: VectorIndex.Measure
  let blocks: [VectorBlock]
  /// Where the last whole block ends.
  let end: Int

  var shape: VectorShape { VectorShape(dimension: dimension, precision: precision) }

  /// Reads what a file holds and compares its checksums; throws `damaged`.
  init(_ file: MappedFile) throws(VectorIndexError) {
    func damaged(_ offset: Int, _ expected: String, _ found: String) -> VectorIndexError {
      .damaged(file: file.path, offset: offset, expected: expected, found: found)
    }
    let size = file.size
    guard size >= Self.headerSize else {
      throw damaged(0, "a header of \(Self.headerSize) bytes", "\(size)")
    }
    let header = file.header(at: 0)
    guard Array(header[..<8]) == Self.fileMark else { throw damaged(0, "CGVECTOR", "something else") }
    let numbers = (0..<4).map { Self.word(header, at: 8 + 4 * $0) }
    guard numbers[0] == Self.version else {
      throw damaged(8, "version \(Self.version)", "\(numbers[0])")
    }
    guard Self.isRight(header) else { throw damaged(60, "the header's checksum", "another") }
    guard let precision = VectorIndex.Precision.allCases[checked: Int(numbers[1])],
      let measure = VectorIndex.Measure.allCases[checked: Int(numbers[2])],
      (1...Self.mostDimension).contains(Int(numbers[3]))
    else { throw damaged(12, "a precision, a measure and a dimension", "\(numbers[1...])") }
    (dimension, self.precision, self.measure) = (Int(numbers[3]), precision, measure)
    let shape = VectorShape(dimension: dimension, precision: precision)

    var (blocks, offset, first): ([VectorBlock], Int, Int) = ([], Self.headerSize, 0)
    while size - offset >= Self.headerSize {
      let header = file.header(at: offset)
      guard Array(header[..<8]) == Self.blockMark, Self.isRight(header) else {
        throw damaged(offset, "the header of a block", "something else")
      }
      let count = Int(Self.word(header, at: 8)) | Int(Self.word(header, at: 12)) << 32
      let start = offset + Self.headerSize
      guard count > 0, count <= Int(Int32.max) else {
        throw damaged(offset + 8, "1 or more keys", "\(count)")
      }
      // A key has a number or more, so that no product below can overflow where the block fits.
      guard count <= (size - start) / (dimension * shape.numberSize) else { break }
      let length = shape.offsets(count)[VectorShape.Part.end]
      guard length <= size - start else { break }
      guard file.checksum(start..<start + length) == Self.word(header, at: 16) else {
        throw damaged(start, "the block's checksum", "another")
      }
      blocks.append(VectorBlock(first: first, count: count, offset: start, shape: shape))
      (offset, first) = (start + length, first + count)
    }
    (self.blocks, end) = (blocks, offset)
  }

  static func word(_ bytes: [UInt8], at place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
  }

  /// The header of a file.
  static func header(_ shape: VectorShape, _ measure: VectorIndex.Measure) -> [UInt8] {
    let precision = VectorIndex.Precision.allCases.firstIndex(of: shape.precision) ?? 0
    let own = VectorIndex.Measure.allCases.firstIndex(of: measure) ?? 0
    return sealed(
      fileMark + [Int(version), precision, own, shape.dimension].flatMap { littleEndian(UInt32($0)) })
  }

  /// The header of a block.
  static func header(count: Int, checksum: UInt32) -> [UInt8] {
    sealed(blockMark + littleEndian(UInt64(count)) + littleEndian(checksum))
  }

  static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    let padded = bytes + [UInt8](repeating: 0, count: headerSize - 4 - bytes.count)
    var checksum = CRC32()
    checksum.update(padded)
    return padded + littleEndian(checksum.value)
  }

  static func isRight(_ header: [UInt8]) -> Bool {
    var checksum = CRC32()
    checksum.update(Array(header[..<60]))
    return checksum.value == word(header, at: 60)
  }
}

extension MappedFile {
  /// All bytes there are.
  fileprivate var size: Int { unsafe bytes.count }

  /// The 64 bytes of a header.
  func header(at offset: Int) -> [UInt8] {
    unsafe Array(bytes[offset..<offset + VectorLayout.headerSize])
  }

  /// The CRC-32 of some bytes.
  func checksum(_ range: Range<Int>) -> UInt32 {
    var checksum = CRC32()
    unsafe checksum.update(bytes: UnsafeRawBufferPointer(rebasing: bytes[range]))
    return checksum.value
  }
}

extension Array {
  fileprivate subscript(checked place: Int) -> Element? { indices.contains(place) ? self[place] : nil }
}
