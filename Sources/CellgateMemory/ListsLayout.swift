import CellgateBasics
import CellgateFiles
import CellgateKernels

/// What a file of lists holds: a header of 64 bytes, and the parts below, each from a multiple of 64 bytes on.
///
/// All numbers are little-endian. The header is "CGVLISTS", the version 1, the numbers of a key, the lists, the numbers of a key's part,
/// 4 bytes each, 8 bytes of the number of keys, the CRC-32 of the index' headers that these keys have, that of what follows the header,
/// zeros, and the CRC-32 of the 60 bytes before.
struct ListsLayout {
  enum Part: Int, CaseIterable {
    /// [lists, D] floats.
    case centres
    /// [parts, part size, 16] floats.
    case parts
    /// [lists + 1], the first key of each list, 4 bytes each.
    case starts
    /// The places of the keys in the index, list by list, 4 bytes each.
    case places
    /// The codes, list by list, of each list whole blocks of 32 keys.
    case codes
    /// The squared lengths of what the codes stand for, infinite beyond a list's keys.
    case lengths
  }

  static let mark = Array("CGVLISTS".utf8)
  private static let version: UInt32 = 1
  private static let keysOfBlock = Int(CG_KEYS_OF_BLOCK)

  let lists: Int, partSize: Int, count: Int
  /// The first key and the first block of each list, and the ends of the last one.
  let starts: [Int], blocks: [Int]
  private let file: MappedFile
  private let offsets: [Int]

  func offset(_ part: Part) -> Int { offsets[part.rawValue] }

  /// The floats of a part.
  func floats(_ part: Part) -> [Float] {
    let (first, count) = (offsets[part.rawValue], sizes[part.rawValue] / 4)
    return (0..<count).map {
      unsafe file.bytes.loadUnaligned(fromByteOffset: first + 4 * $0, as: Float.self)
    }
  }

  private let sizes: [Int]

  /// Reads what a file holds and compares its checksums; throws `damaged`, also for lists of other keys.
  init(_ file: MappedFile, of index: VectorIndex) throws(VectorIndexError) {
    func damaged(_ offset: Int, _ expected: String, _ found: String) -> VectorIndexError {
      .damaged(file: file.path, offset: offset, expected: expected, found: found)
    }
    let size = unsafe file.bytes.count
    guard size >= VectorLayout.headerSize else {
      throw damaged(0, "a header of \(VectorLayout.headerSize) bytes", "\(size)")
    }
    let header = file.header(at: 0)
    guard Array(header[..<8]) == Self.mark else { throw damaged(0, "CGVLISTS", "something else") }
    let numbers = (0..<8).map { VectorLayout.word(header, at: 8 + 4 * $0) }
    guard numbers[0] == Self.version else { throw damaged(8, "version \(Self.version)", "\(numbers[0])") }
    guard VectorLayout.isRight(header) else { throw damaged(60, "the header's checksum", "another") }
    guard Int(numbers[1]) == index.dimension else {
      throw damaged(12, "keys of \(index.dimension) numbers as \(index.path) has", "\(numbers[1])")
    }
    let (lists, partSize) = (Int(numbers[2]), Int(numbers[3]))
    let count = Int(numbers[4]) | Int(numbers[5]) << 32
    var options = InvertedLists.Options()
    options.partSize = partSize
    guard options.problem(dimension: index.dimension) == nil, lists <= 1 << 20, count <= Int(Int32.max) else {
      throw damaged(16, "lists of keys in parts", "\(lists) of \(count) in parts of \(partSize)")
    }
    guard let identity = index.identity(count), identity == numbers[6] else {
      throw damaged(32, "lists of the keys of \(index.path)", "those of others")
    }
    guard file.checksum(VectorLayout.headerSize..<size) == numbers[7] else {
      throw damaged(VectorLayout.headerSize, "the lists' checksum", "another")
    }
    // What has the right checksum was written whole; a file that was made up must not be read beyond its end either.
    let parts = ProductQuantizer.parts(index.dimension, partSize: partSize)
    var sizes = [4 * lists * index.dimension, 64 * parts * partSize, 4 * (lists + 1)]
    guard let places = Self.offsets(sizes).last, places <= size else {
      throw damaged(VectorLayout.headerSize, "\(lists) lists", "\(size) bytes")
    }
    let first = Self.offsets(sizes)[Part.starts.rawValue]
    let starts = (0...lists).map {
      unsafe Int(file.bytes.loadUnaligned(fromByteOffset: first + 4 * $0, as: UInt32.self))
    }
    guard starts.first == 0, starts.last == count, zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw damaged(first, "the first keys of lists, in order", "others") }
    let blocks = Self.blocks(starts)
    sizes += Self.sizes(keys: count, blocks: blocks[lists], parts: parts)
    let offsets = Self.offsets(sizes)
    guard offsets[Part.allCases.count] == size else {
      throw damaged(VectorLayout.headerSize, "\(offsets[Part.allCases.count]) bytes", "\(size)")
    }
    let isInside = (0..<count).allSatisfy {
      unsafe file.bytes.loadUnaligned(fromByteOffset: offsets[Part.places.rawValue] + 4 * $0, as: UInt32.self)
        < count
    }
    guard isInside else {
      throw damaged(offsets[Part.places.rawValue], "places below \(count)", "others")
    }
    (self.lists, self.partSize, self.count, self.file) = (lists, partSize, count, file)
    (self.starts, self.blocks, self.sizes, self.offsets) = (starts, blocks, sizes, offsets)
  }

  /// The first block of each list, and the end of the last one.
  static func blocks(_ starts: [Int]) -> [Int] {
    var blocks = [0]
    for (start, end) in zip(starts, starts.dropFirst()) {
      blocks.append(blocks[blocks.count - 1] + (end - start + keysOfBlock - 1) / keysOfBlock)
    }
    return blocks
  }

  private static func sizes(keys: Int, blocks: Int, parts: Int) -> [Int] {
    [4 * keys, blocks * parts * 16, 4 * blocks * keysOfBlock]
  }

  /// Where parts of so many bytes begin, and where the last one ends.
  private static func offsets(_ sizes: [Int]) -> [Int] {
    var offsets = [VectorLayout.headerSize]
    for size in sizes { offsets.append((offsets[offsets.count - 1] + size + 63) / 64 * 64) }
    return offsets
  }

  /// The header of a file with so many lists of these parts.
  static func header(
    _ index: VectorIndex, lists: Int, partSize: Int, count: Int, checksum: UInt32
  ) -> [UInt8] {
    let numbers = [version, UInt32(index.dimension), UInt32(lists), UInt32(partSize)]
    return VectorLayout.sealed(
      mark + numbers.flatMap { littleEndian($0) } + littleEndian(UInt64(count))
        + littleEndian(index.identity(count) ?? 0) + littleEndian(checksum))
  }
}

extension VectorIndex {
  /// What the first keys are known by, of which there are as many as in some whole blocks: the CRC-32 of the file's header and those of
  /// the blocks, which hold the checksums of the keys. Nil for another number.
  func identity(_ count: Int) -> UInt32? {
    var checksum = CRC32()
    checksum.update(file.header(at: 0))
    var sum = 0
    for block in blocks where sum < count {
      checksum.update(file.header(at: block.offset - VectorLayout.headerSize))
      sum += block.count
    }
    return sum == count ? checksum.value : nil
  }
}
