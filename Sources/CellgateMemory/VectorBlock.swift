import CellgateFiles

/// Keys that were added to a file together: a header of 64 bytes, then the keys, their squared lengths, the scales of int8 keys, and the
/// numbers that belong to them, each part from a multiple of 64 bytes on.
struct VectorBlock: Sendable {
  /// The place of the first key among all of the file.
  let first: Int
  /// How many keys there are.
  let count: Int
  /// Where the keys begin in the file.
  let offset: Int
  let shape: VectorShape
  /// Where the parts begin in the file.
  private let parts: SIMD8<Int>

  init(first: Int, count: Int, offset: Int, shape: VectorShape) {
    (self.first, self.count, self.offset, self.shape) = (first, count, offset, shape)
    var parts = SIMD8<Int>(repeating: 0)
    for (place, own) in shape.offsets(count).enumerated() { parts[place] = offset + own }
    self.parts = parts
  }

  private func part(_ part: Int) -> Int { parts[part] }

  /// The keys of some rows as floats: where they lie in the file, or in `scratch`.
  func keys(_ rows: Range<Int>, in file: MappedFile, _ scratch: KeyScratch) -> UnsafePointer<Float> {
    let numbers = rows.count * shape.dimension
    let base = unsafe file.bytes.baseAddress.unsafelyUnwrapped + part(VectorShape.Part.keys)
    switch shape.precision {
    case .float32:
      return unsafe (base + 4 * rows.lowerBound * shape.dimension).assumingMemoryBound(to: Float.self)
    case .float16:
      let halves = unsafe (base + 2 * rows.lowerBound * shape.dimension).assumingMemoryBound(to: UInt16.self)
      for place in 0..<numbers { unsafe scratch.keys[place] = HalfFloat.float(halves[place]) }
    case .int8:
      let bytes = unsafe (base + rows.lowerBound * shape.dimension).assumingMemoryBound(to: Int8.self)
      for place in 0..<numbers { unsafe scratch.keys[place] = Float(bytes[place]) }
    }
    return unsafe UnsafePointer(scratch.keys)
  }

  /// Copies the key of a row, as its numbers are.
  func copyKey(_ row: Int, in file: MappedFile, to target: UnsafeMutablePointer<Float>) {
    let size = shape.dimension
    let base = unsafe file.bytes.baseAddress.unsafelyUnwrapped + part(VectorShape.Part.keys)
    let start = unsafe base + row * size * shape.numberSize
    switch shape.precision {
    case .float32:
      unsafe target.update(from: start.assumingMemoryBound(to: Float.self), count: size)
    case .float16:
      let halves = unsafe start.assumingMemoryBound(to: UInt16.self)
      for place in 0..<size { unsafe target[place] = HalfFloat.float(halves[place]) }
    case .int8:
      let bytes = unsafe start.assumingMemoryBound(to: Int8.self)
      let scale = unsafe floats(VectorShape.Part.scales, in: file)[row]
      for place in 0..<size { unsafe target[place] = scale * Float(bytes[place]) }
    }
  }

  private func floats(_ part: Int, in file: MappedFile) -> UnsafePointer<Float> {
    unsafe (file.bytes.baseAddress.unsafelyUnwrapped + self.part(part)).assumingMemoryBound(to: Float.self)
  }

  /// Makes scores of products.
  func finish(
    _ rows: Range<Int>, in file: MappedFile, _ measure: VectorIndex.Measure,
    _ products: UnsafeMutablePointer<Float>,
    width: Int
  ) {
    if measure == .innerProduct, shape.precision != .int8 { return }
    let squares = unsafe floats(VectorShape.Part.squares, in: file)
    let scales = unsafe shape.precision == .int8 ? floats(VectorShape.Part.scales, in: file) : nil
    let isDistance = measure == .squaredDistance
    for row in 0..<rows.count {
      let scale = unsafe (scales?[rows.lowerBound + row] ?? 1) * (isDistance ? 2 : 1)
      let square = unsafe isDistance ? squares[rows.lowerBound + row] : 0
      let own = unsafe products + row * width
      for query in 0..<width { unsafe own[query] = scale * own[query] - square }
    }
  }

  /// The numbers that belong to the keys.
  func values(in file: MappedFile) -> UnsafePointer<Int32> {
    unsafe (file.bytes.baseAddress.unsafelyUnwrapped + part(VectorShape.Part.values)).assumingMemoryBound(
      to: Int32.self)
  }
}

/// The sizes of the keys of a file.
struct VectorShape: Sendable, Equatable {
  let dimension: Int
  let precision: VectorIndex.Precision

  enum Part { static let keys = 0, squares = 1, scales = 2, values = 3, end = 4 }

  /// Bytes of a number.
  var numberSize: Int {
    switch precision {
    case .float32: 4
    case .float16: 2
    case .int8: 1
    }
  }

  /// Where the parts of a block of so many keys begin, from the first key on, and where it ends.
  func offsets(_ count: Int) -> [Int] {
    var offsets = [0]
    for size in [count * dimension * numberSize, 4 * count, precision == .int8 ? 4 * count : 0, 4 * count] {
      offsets.append((offsets[offsets.count - 1] + size + 63) / 64 * 64)
    }
    return offsets
  }
}

/// Floats of two bytes, by their bits.
enum HalfFloat {
  /// The number of a half float that is finite.
  @inline(__always)
  static func float(_ bits: UInt16) -> Float {
    let magnitude = Float(bitPattern: UInt32(bits & 0x7FFF) << 13) * 0x1p112
    return Float(bitPattern: magnitude.bitPattern | UInt32(bits & 0x8000) << 16)
  }

  /// The largest number.
  static let largest: Float = 65_504

  /// The nearest half float of a number up to the largest one, of two the even one.
  static func bits(_ number: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: number.bitPattern >> 16) & 0x8000
    let magnitude = number.magnitude
    // Below 2^-14 the steps are 2^-24, above they are those of 11 bits.
    if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
    let bits = magnitude.bitPattern
    let rounded = bits &+ 0xFFF &+ (bits >> 13 & 1)
    return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
  }
}
