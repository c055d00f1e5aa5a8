extension NumpyArray {
  /// Reads an npy file and checks its header against its size; throws what is wrong first.
  public init(path: String) throws(NumpyError) {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try InputFile(path).readAll() } catch { throw .file(error) }
    try self.init(data: bytes, file: path)
  }

  /// Reads an npy file that lies in memory; `file` is its name in errors, `name` that of the array in an npz file.
  public init(data: [UInt8], file: String, name: String? = nil) throws(NumpyError) {
    let layout = try Layout(of: .memory(data), file: file, name: name)
    (self.file, self.name, self.dtype, self.isFortranOrder) = (
      file, name, layout.dtype, layout.isFortranOrder
    )
    (self.shape, count, bytes, dataStart) = (layout.shape, layout.count, data, layout.dataStart)
  }

  /// Numbers that lie in memory, with the rightmost dimension changing fastest; `bytes` are as many as the shape asks for.
  package init(file: String, name: String?, dtype: Dtype, shape: [Int], bytes: [UInt8]) {
    (self.file, self.name, self.dtype, isFortranOrder) = (file, name, dtype, false)
    (self.shape, count, self.bytes, dataStart) = (shape, bytes.count / dtype.size, bytes, 0)
    Self.requireShape(shape, count: count)
  }

  /// What an npy file's header says, checked against the file's size.
  struct Layout: Sendable {
    let dtype: Dtype
    let isFortranOrder: Bool
    let shape: [Int]
    /// The product of the shape.
    let count: Int
    /// Where the numbers begin.
    let dataStart: Int

    /// Reads the header; throws what is wrong first.
    init(of source: ByteSource, file: String, name: String?) throws(NumpyError) {
      func bytes(_ place: Int, _ count: Int) throws(NumpyError) -> [UInt8] {
        do throws(FileError) { return try source.read(at: place, count: count) } catch { throw .file(error) }
      }
      let version = magic.count
      let first = try bytes(0, min(source.size, version + 6))
      guard first.starts(with: magic), first.count >= version + 2 else {
        throw .notNpy(file: file, array: name, bytes: source.size)
      }
      let (major, minor) = (first[version], first[version + 1])
      guard (1...3).contains(major), minor == 0 else {
        throw .unsupportedVersion(file: file, array: name, found: "\(major).\(minor)")
      }
      let lengthSize = major == 1 ? 2 : 4
      let start = version + 2 + lengthSize
      guard first.count >= start else {
        throw .headerTruncated(file: file, array: name, expected: start, found: first.count)
      }
      let length =
        major == 1
        ? Int(littleEndian(first, at: start - 2, as: UInt16.self))
        : Int(littleEndian(first, at: start - 4, as: UInt32.self))
      guard length <= headerLimit else {
        throw .headerTooLarge(file: file, array: name, bytes: length, limit: headerLimit)
      }
      guard length <= source.size - start else {
        throw .headerTruncated(file: file, array: name, expected: length, found: source.size - start)
      }
      var scanner = HeaderScanner(file: file, array: name, bytes: try bytes(start, length))
      (dtype, isFortranOrder, shape) = try scanner.scan()
      // Where a size is 0 the others must not overflow either, so that their product may be taken in any order.
      var (most, overflow) = (dtype.size, false)
      for size in shape where size > 0 && !overflow {
        (most, overflow) = most.multipliedReportingOverflow(by: size)
      }
      guard !overflow else { throw .shapeOverflow(file: file, array: name, shape: shape) }
      let expected = shape.contains(0) ? 0 : most
      dataStart = start + length
      guard source.size - dataStart == expected else {
        throw .sizeMismatch(file: file, array: name, expected: expected, found: source.size - dataStart)
      }
      count = expected / dtype.size
    }
  }

  // MARK: The numbers

  /// The numbers as Float, row-major. Doubles are rounded to the nearest; throws `doesNotFit` for one beyond the range
  /// of Float, and for a whole number that is none of Float.
  public func floats() throws(NumpyError) -> [Float] { try values() }

  /// The numbers as Double, row-major; throws `doesNotFit` for a whole number that is none of Double.
  public func doubles() throws(NumpyError) -> [Double] { try values() }

  /// The numbers as Int64, row-major; throws `doesNotFit` for one beyond its range, or that is not whole.
  public func int64s() throws(NumpyError) -> [Int64] { try values() }

  private func values<Value: NumpyValue>() throws(NumpyError) -> [Value] {
    switch (dtype.kind, dtype.size) {
    case (.bool, _):
      try values(UInt8.self, { UInt64($0) }, expected: "a Boolean of 0 or 1") {
        $0 < 2 ? Value(fitting: $0) : nil
      }
    case (.signed, 1): try values(Int8.self, { Int64($0) }) { Value(fitting: $0) }
    case (.signed, 2): try values(Int16.self, { Int64($0) }) { Value(fitting: $0) }
    case (.signed, 4): try values(Int32.self, { Int64($0) }) { Value(fitting: $0) }
    case (.signed, _): try values(Int64.self, { Int64($0) }) { Value(fitting: $0) }
    case (.unsigned, 1): try values(UInt8.self, { UInt64($0) }) { Value(fitting: $0) }
    case (.unsigned, 2): try values(UInt16.self, { UInt64($0) }) { Value(fitting: $0) }
    case (.unsigned, 4): try values(UInt32.self, { UInt64($0) }) { Value(fitting: $0) }
    case (.unsigned, _): try values(UInt64.self, { UInt64($0) }) { Value(fitting: $0) }
    case (.real, 2): try values(UInt16.self, Self.half) { Value(fitting: $0) }
    case (.real, 4): try values(UInt32.self, Float.init(bitPattern:)) { Value(fitting: $0) }
    case (.real, _): try values(UInt64.self, Double.init(bitPattern:)) { Value(fitting: $0) }
    }
  }

  /// Takes each number by its bits and fits it into the type asked for.
  @inline(__always)
  private func values<Bits: FixedWidthInteger & BitwiseCopyable, Number, Value: NumpyValue>(
    _ bits: Bits.Type, _ number: (Bits) -> Number, expected: String? = nil, _ fit: (Number) -> Value?
  ) throws(NumpyError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(count)
    var bad: Number?
    unsafe bytes.withUnsafeBytes { (all) in
      for index in 0..<count {
        let raw = unsafe all.loadUnaligned(
          fromByteOffset: dataStart + index * MemoryLayout<Bits>.size, as: Bits.self)
        let found = number(dtype.isBigEndian ? Bits(bigEndian: raw) : Bits(littleEndian: raw))
        guard let value = fit(found) else {
          bad = found
          return
        }
        values.append(value)
      }
    }
    if let bad {
      throw .doesNotFit(
        file: file, array: name, index: place(of: values.count), expected: expected ?? Value.fittingNumbers,
        found: "\(bad)")
    }
    return isFortranOrder ? rowMajor(values) : values
  }

  /// The index along each dimension of a number by its place in the file.
  private func place(of index: Int) -> [Int] {
    var rest = index
    let axes = Array(shape.indices)
    var place = shape
    for axis in isFortranOrder ? axes : axes.reversed() {
      place[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
    return place
  }

  /// Numbers whose leftmost dimension changes fastest, in the order in which the rightmost does.
  private func rowMajor<Value>(_ values: [Value]) -> [Value] {
    guard values.count > 1, shape.count > 1 else { return values }
    var strides = [1]
    for size in shape.dropLast() { strides.append(strides[strides.count - 1] * size) }
    var place = [Int](repeating: 0, count: shape.count)
    var from = 0
    var ordered: [Value] = []
    ordered.reserveCapacity(values.count)
    for _ in values.indices {
      ordered.append(values[from])
      // The next place: the rightmost dimension that is not at its end goes on, those to its right begin again.
      var axis = shape.count - 1
      while axis >= 0 {
        place[axis] += 1
        from += strides[axis]
        if place[axis] < shape[axis] { break }
        from -= place[axis] * strides[axis]
        place[axis] = 0
        axis -= 1
      }
    }
    return ordered
  }

  /// The Float of a number of 16 bits (IEEE 754 binary16), exactly.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits >> 15 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10 & 31), UInt32(bits & 1023))
    switch exponent {
    case 0: return sign * Float(fraction) * 0x1p-24
    // An infinity, or a NaN with its bits.
    case 31: return sign * Float(bitPattern: 0x7F80_0000 | fraction << 13)
    default: return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
    }
  }
}

/// A type that numbers of an array are asked for as: each initialiser gives nil where the number doesn't fit.
private protocol NumpyValue {
  /// The numbers that fit, in an error.
  static var fittingNumbers: String { get }
  init?(fitting number: Int64)
  init?(fitting number: UInt64)
  init?(fitting number: Float)
  init?(fitting number: Double)
}

extension Float: NumpyValue {
  fileprivate static var fittingNumbers: String { "one that Float holds" }
  fileprivate init?(fitting number: Int64) { self.init(exactly: number) }
  fileprivate init?(fitting number: UInt64) { self.init(exactly: number) }
  fileprivate init?(fitting number: Float) { self = number }
  fileprivate init?(fitting number: Double) {
    self.init(number)
    if isInfinite, number.isFinite { return nil }
  }
}

extension Double: NumpyValue {
  fileprivate static var fittingNumbers: String { "one that Double holds" }
  fileprivate init?(fitting number: Int64) { self.init(exactly: number) }
  fileprivate init?(fitting number: UInt64) { self.init(exactly: number) }
  fileprivate init?(fitting number: Float) { self.init(number) }
  fileprivate init?(fitting number: Double) { self = number }
}

extension Int64: NumpyValue {
  fileprivate static var fittingNumbers: String { "a whole number that Int64 holds" }
  fileprivate init?(fitting number: Int64) { self = number }
  fileprivate init?(fitting number: UInt64) { self.init(exactly: number) }
  fileprivate init?(fitting number: Float) { self.init(exactly: number) }
  fileprivate init?(fitting number: Double) { self.init(exactly: number) }
}
