import CellgateBasics
import CellgateFiles
import CellgateTensor

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension VectorIndex {
  /// Writes keys, into a new file or at the end of one that is there.
  ///
  /// A new file is whole or not there: nothing is at its path before `commit`. What is added to a file counts with `commit`, block by
  /// block: whatever interrupts it, the file is one of whole blocks, and what had been committed stays.
  public final class Writer {
    private let shape: VectorShape
    private let measure: Measure
    private let path: String
    /// The new file; nil where keys are added to one.
    private let pending: PendingFile?
    private let file: OutputFile
    /// D, the numbers of a key.
    public var dimension: Int { shape.dimension }
    /// How they are stored.
    public var precision: Precision { shape.precision }
    /// Keys of the file, those that were there included.
    public private(set) var count = 0

    /// Begins a new file, or one in the place of another. Throws `file`.
    public init(
      _ path: String, dimension: Int, precision: Precision = .float32, measure: Measure = .squaredDistance
    ) throws(VectorIndexError) {
      require(
        (1...VectorLayout.mostDimension).contains(dimension),
        "VectorIndex.Writer: expected a dimension of 1 to \(VectorLayout.mostDimension), found \(dimension)")
      self.path = path
      shape = VectorShape(dimension: dimension, precision: precision)
      self.measure = measure
      do throws(FileError) {
        let pending = try PendingFile(path)
        try pending.file.write(VectorLayout.header(shape, measure))
        (self.pending, file) = (pending, pending.file)
      } catch { throw .file(error) }
    }

    /// Goes on at the end of a file. Throws `file`, `damaged`, or `inUse` while another writer does.
    public init(appendingTo path: String) throws(VectorIndexError) {
      self.path = path
      pending = nil
      do throws(FileError) { file = try OutputFile(opening: path, flags: O_WRONLY | O_APPEND) } catch {
        throw .file(FileManager.default.fileExists(atPath: path) ? error : .missing(file: path))
      }
      if file.lock() == .inUse { throw .inUse(file: path) }
      let mapped: MappedFile
      do throws(FileError) { mapped = try MappedFile(path) } catch { throw .file(error) }
      let layout = try VectorLayout(mapped)
      (shape, measure) = (layout.shape, layout.measure)
      count = layout.blocks.last.map { $0.first + $0.count } ?? 0
      // What an interrupted addition left.
      do throws(FileError) { try file.truncate(to: layout.end) } catch { throw .file(error) }
    }

    /// Adds keys `[N, D]` and the number of each as one block. Throws `file`, or `badKeys` for numbers that aren't finite, or too large for
    /// float16; nothing is added then.
    public func add(_ keys: Tensor, values: [Int32]) throws(VectorIndexError) {
      require(
        keys.rank == 2 && keys.shape[1] == shape.dimension && keys.shape[0] == values.count,
        "VectorIndex.Writer: expected \(values.count) keys of \(shape.dimension) numbers, found \(keys.shape)"
      )
      if values.isEmpty { return }
      let numbers = keys.scalars
      let largest: Float =
        shape.precision == .float16 ? HalfFloat.largest : .greatestFiniteMagnitude.squareRoot()
      if let place = numbers.firstIndex(where: { !($0.magnitude <= largest) }) {
        throw .badKeys(
          file: path, expected: "numbers of at most \(largest) in key \(place / shape.dimension + 1)",
          found: "\(numbers[place])")
      }
      let block = EncodedKeys(numbers, shape)
      var checksum = CRC32()
      for part in block.parts { checksum.update(part) }
      let end = padded(values)
      checksum.update(end)
      do throws(FileError) {
        try file.write(VectorLayout.header(count: values.count, checksum: checksum.value))
        for part in block.parts { try file.write(part) }
        try file.write(end)
      } catch { throw .file(error) }
      count += values.count
    }

    /// Makes the keys count: puts a new file in its place, or waits until those that were added are on the disk. Throws `file`.
    public func commit() throws(VectorIndexError) {
      do throws(FileError) {
        if let pending { try pending.commit() } else { try file.sync() }
      } catch { throw .file(error) }
    }
  }
}

/// The parts of a block but the last, as they are written.
private struct EncodedKeys {
  private(set) var parts: [[UInt8]] = []

  init(_ numbers: [Float], _ shape: VectorShape) {
    let size = shape.dimension, count = numbers.count / size
    var (squares, scales): ([Float], [Float]) = ([], [])
    func square(_ row: (Int) -> Float) -> Float {
      Float((0..<size).reduce(0.0) { $0 + Double(row($1)) * Double(row($1)) })
    }
    switch shape.precision {
    case .float32:
      parts.append(padded(numbers))
      for key in 0..<count { squares.append(square { numbers[key * size + $0] }) }
    case .float16:
      let halves = numbers.map(HalfFloat.bits)
      parts.append(padded(halves))
      for key in 0..<count { squares.append(square { HalfFloat.float(halves[key * size + $0]) }) }
    case .int8:
      var bytes: [Int8] = []
      bytes.reserveCapacity(numbers.count)
      for key in 0..<count {
        let own = numbers[key * size..<(key + 1) * size]
        let scale = (own.lazy.map(\.magnitude).max() ?? 0) / 127
        scales.append(scale)
        bytes += own.map { scale > 0 ? Int8(($0 / scale).rounded(.toNearestOrEven)) : 0 }
        squares.append(square { Float(bytes[key * size + $0]) * scale })
      }
      parts.append(padded(bytes))
    }
    parts.append(padded(squares))
    if shape.precision == .int8 { parts.append(padded(scales)) }
  }
}

/// The bytes of numbers, with zeros up to a multiple of 64.
func padded<Number: BitwiseCopyable>(_ numbers: [Number]) -> [UInt8] {
  var bytes = unsafe numbers.withUnsafeBytes { (all) in unsafe Array(all) }
  bytes += [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64)
  return bytes
}
