import CellgateTensor

/// Named tensors of a file that holds nothing else that matters, whatever its container.
struct ForeignWeights {
  /// What wrote the file: "PyTorch".
  var framework: String
  /// The kind of file: "torch_zip".
  var format: String
  /// What was found on the way to the tensors.
  var findings: [String] = []
  /// The tensors in the order of the file, each name once.
  var tensors: [ForeignTensor] = []
  /// Names that the file left out because they are another tensor's: each with the name that it kept.
  var ties: [String: String] = [:]
  /// Symbols in the order of their numbers, where the file has them.
  var symbols: [String]?
}

/// A tensor of a file of weights.
struct ForeignTensor {
  /// The file's own name.
  let name: String
  /// What its numbers are: "float16".
  let dtype: String
  /// The sizes.
  let shape: [Int]
  /// The numbers; nil where `problem` says why they aren't read.
  let tensor: Tensor?
  /// What Cellgate lacks for it: "complex64".
  var problem: String?

  /// Whether its numbers are real ones.
  var isReal: Bool { NumberType(rawValue: dtype)?.isReal ?? false }
}

/// Numbers as they lie in a file's memory.
enum NumberType: String {
  case float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, uint16, uint32, uint64, bool

  /// Bytes of a number.
  var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether they are real numbers.
  var isReal: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }
}

/// The place of a tensor's numbers in memory: the size and the distance, in numbers, of each dimension.
struct NumberLayout: Hashable {
  var offset = 0
  var sizes: [Int]
  var strides: [Int]

  /// Numbers one after the other, the rightmost dimension changing fastest.
  init(contiguous sizes: [Int]) {
    self.sizes = sizes
    strides = sizes
    var step = 1
    for axis in sizes.indices.reversed() {
      strides[axis] = step
      step = step.multipliedReportingOverflow(by: sizes[axis]).partialValue
    }
  }

  /// Numbers at those distances.
  init(offset: Int, sizes: [Int], strides: [Int]) {
    (self.offset, self.sizes, self.strides) = (offset, sizes, strides)
  }

  /// The product of the sizes, and the number after the last one that is read; nil where they are more than an Int counts,
  /// or something is below 0.
  var extent: (count: Int, end: Int)? {
    guard sizes.count == strides.count, offset >= 0 else { return nil }
    var (count, last) = (1, offset)
    guard sizes.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else { return nil }
    if sizes.contains(0) {
      // The other sizes must not overflow either, so that their product may be taken in any order.
      for size in sizes where size > 0 {
        let (product, overflows) = count.multipliedReportingOverflow(by: size)
        if overflows { return nil }
        count = product
      }
      return (0, offset)
    }
    for (size, stride) in zip(sizes, strides) {
      let (product, overflows) = count.multipliedReportingOverflow(by: size)
      let (span, spanOverflows) = stride.multipliedReportingOverflow(by: size - 1)
      let (sum, sumOverflows) = last.addingReportingOverflow(span)
      guard !overflows, !spanOverflows, !sumOverflows else { return nil }
      (count, last) = (product, sum)
    }
    let (end, overflows) = last.addingReportingOverflow(1)
    return overflows ? nil : (count, end)
  }

  /// Whether the numbers lie one after the other.
  var isContiguous: Bool {
    let plain = NumberLayout(contiguous: sizes).strides
    return sizes.indices.allSatisfy { sizes[$0] == 1 || strides[$0] == plain[$0] }
  }
}

extension Tensor {
  /// The numbers at a layout in memory as Float, rounded to the nearest; the layout lies within `bytes`.
  init(_ bytes: [UInt8], _ type: NumberType, isBigEndian: Bool = false, layout: NumberLayout) {
    let count = layout.sizes.reduce(1, *)
    self = .uninitialized(layout.sizes)
    guard count > 0 else { return }
    let target = unsafe pointer
    unsafe bytes.withUnsafeBytes { all in
      if type == .float32, !isBigEndian, layout.isContiguous {
        unsafe UnsafeMutableRawPointer(target).copyMemory(
          from: all.baseAddress! + layout.offset * 4, byteCount: count * 4)
        return
      }
      func fill<Bits: FixedWidthInteger & BitwiseCopyable>(_ bits: Bits.Type, _ number: (Bits) -> Float) {
        Self.each(layout) { index, place in
          let raw = unsafe all.loadUnaligned(fromByteOffset: place * MemoryLayout<Bits>.size, as: Bits.self)
          unsafe target[index] = number(isBigEndian ? raw.byteSwapped : raw)
        }
      }
      switch type {
      case .float64: fill(UInt64.self) { Float(Double(bitPattern: $0)) }
      case .float32: fill(UInt32.self) { Float(bitPattern: $0) }
      case .float16: fill(UInt16.self) { Float(half: $0) }
      case .bfloat16: fill(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      case .int64: fill(Int64.self) { Float($0) }
      case .int32: fill(Int32.self) { Float($0) }
      case .int16: fill(Int16.self) { Float($0) }
      case .int8: fill(Int8.self) { Float($0) }
      case .uint8: fill(UInt8.self) { Float($0) }
      case .uint16: fill(UInt16.self) { Float($0) }
      case .uint32: fill(UInt32.self) { Float($0) }
      case .uint64: fill(UInt64.self) { Float($0) }
      case .bool: fill(UInt8.self) { $0 == 0 ? 0 : 1 }
      }
    }
  }

  /// Calls `body` with the index of each number, row by row, and its place.
  private static func each(_ layout: NumberLayout, _ body: (_ index: Int, _ place: Int) -> Void) {
    let (sizes, strides) = (layout.sizes, layout.strides)
    guard let width = sizes.last, let step = strides.last else { return body(0, layout.offset) }
    var index = 0
    var start = layout.offset
    var outer = [Int](repeating: 0, count: sizes.count - 1)
    while true {
      var place = start
      for _ in 0..<width {
        body(index, place)
        index += 1
        place += step
      }
      var axis = outer.count - 1
      while axis >= 0 {
        outer[axis] += 1
        start += strides[axis]
        if outer[axis] < sizes[axis] { break }
        start -= outer[axis] * strides[axis]
        outer[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}

extension Float {
  /// The number of 16 bits (IEEE 754 binary16), exactly.
  init(half bits: UInt16) {
    let sign: Float = bits >> 15 == 0 ? 1 : -1
    let (exponent, fraction) = (bits >> 10 & 31, UInt32(bits & 1023))
    switch exponent {
    case 0: self = sign * Float(fraction) * 0x1p-24
    case 31: self = sign * Float(bitPattern: 0x7F80_0000 | fraction << 13)
    default: self = sign * Float(bitPattern: (UInt32(exponent) + 112) << 23 | fraction << 13)
    }
  }
}
