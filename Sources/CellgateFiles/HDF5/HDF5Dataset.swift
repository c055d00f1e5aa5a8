extension HDF5File {
  /// An array of numbers or strings.
  public struct Dataset {
    let file: HDF5File
    /// Its path from the root.
    public let path: String
    /// The sizes, the last one changing fastest; [] for one element, [0] for none.
    public let shape: [Int]
    /// The type of the elements.
    public let type: Datatype
    /// Elements.
    public let count: Int
    let header: ObjectHeader
    /// Where the bytes lie; nil for no elements.
    let data: Range<Int>

    /// Bytes of the elements in the file.
    public var byteCount: Int { data.count }

    /// The strings of an attribute; nil where there is none of this name.
    public func strings(_ attribute: String) throws(HDF5Error) -> [String]? {
      guard let found = try file.attribute(attribute, of: header, path: path) else { return nil }
      return try file.strings(found, path: path)
    }

    /// The numbers as Float32, row by row; of wider ones the nearest. Throws `wrongKind` for elements that are no numbers.
    public func floats() throws(HDF5Error) -> [Float] {
      switch type {
      case .float(4, false):
        return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, filled in
          unsafe file.bytes.withUnsafeBytes { (all) in
            let part = unsafe UnsafeRawBufferPointer(rebasing: all[data])
            unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: part)
          }
          filled = count
        }
      case .float(4, _): return words(UInt32.self).map { Float(bitPattern: $0) }
      case .float(2, _): return words(UInt16.self).map { Self.half($0) }
      case .bfloat16: return words(UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
      default: return try doubles().map { Float($0) }
      }
    }

    /// The numbers as Double, row by row. Throws `wrongKind` for elements that are no numbers.
    public func doubles() throws(HDF5Error) -> [Double] {
      switch type {
      case .float(8, _): return words(UInt64.self).map { Double(bitPattern: $0) }
      case .float, .bfloat16: return try floats().map { Double($0) }
      case .integer: return try int64s().map { Double($0) }
      case .string, .text, .other:
        throw .wrongKind(file: file.file, object: path, expected: "numbers", found: "\(type)")
      }
    }

    /// The whole numbers, row by row; those above 2⁶³ wrap. Throws `wrongKind` for other elements.
    public func int64s() throws(HDF5Error) -> [Int64] {
      switch type {
      case .integer(1, let isSigned, _):
        return words(UInt8.self).map { isSigned ? Int64(Int8(bitPattern: $0)) : Int64($0) }
      case .integer(2, let isSigned, _):
        return words(UInt16.self).map { isSigned ? Int64(Int16(bitPattern: $0)) : Int64($0) }
      case .integer(4, let isSigned, _):
        return words(UInt32.self).map { isSigned ? Int64(Int32(bitPattern: $0)) : Int64($0) }
      case .integer: return words(UInt64.self).map { Int64(bitPattern: $0) }
      default: throw .wrongKind(file: file.file, object: path, expected: "whole numbers", found: "\(type)")
      }
    }

    private var isBigEndian: Bool {
      switch type {
      case .integer(_, _, let isBig), .float(_, let isBig), .bfloat16(let isBig): isBig
      case .string, .text, .other: false
      }
    }

    private func words<Word: FixedWidthInteger & BitwiseCopyable>(_ kind: Word.Type) -> [Word] {
      let values = unsafe [Word](unsafeUninitializedCapacity: count) { buffer, filled in
        unsafe file.bytes.withUnsafeBytes { (all) in
          let part = unsafe UnsafeRawBufferPointer(rebasing: all[data])
          unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: part)
        }
        filled = count
      }
      return isBigEndian ? values.map { Word(bigEndian: $0) } : values
    }

    /// An IEEE half as a Float32, exactly.
    static func half(_ bits: UInt16) -> Float {
      let sign: Float = bits & 0x8000 == 0 ? 1 : -1
      let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
      switch exponent {
      case 0: return sign * fraction * 0x1p-24
      case 31: return fraction == 0 ? sign * .infinity : .nan
      default:
        return sign * (1 + fraction * 0x1p-10) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
      }
    }
  }

  func dataset(_ header: ObjectHeader, path: String) throws(HDF5Error) -> Dataset {
    guard let space = header.first(MessageType.dataspace), let kind = header.first(MessageType.datatype),
      let layout = header.first(MessageType.layout)
    else {
      throw .wrongKind(
        file: file, object: path, expected: "a dataset with a shape, a type and a layout", found: "less")
    }
    if header.first(MessageType.externalFiles) != nil {
      throw .unsupported(file: file, object: path, feature: "data in another file")
    }
    if header.first(MessageType.filters) != nil {
      throw .unsupported(file: file, object: path, feature: "compressed or filtered data")
    }
    var cursor = cursor(space, "shape of '\(path)'")
    let shape = try Self.shape(&cursor) ?? [0]
    cursor = self.cursor(kind, "type of '\(path)'")
    let type = try Datatype(&cursor)
    cursor = self.cursor(layout, "layout of '\(path)'")
    let version = try cursor.byte()
    guard version == 3 || version == 4 else {
      throw .unsupported(file: file, object: path, feature: "a layout of version \(version)")
    }
    let place: Range<Int>
    switch try cursor.byte() {
    case 0:
      let (_, total) = try byteCount(shape, type, path)
      let size = try cursor.uint16()
      let part = try cursor.part(size)
      place = part.position..<part.end
      guard total <= size else {
        throw cursor.malformed("\(total) bytes of '\(quotedName(path))'", "\(size)")
      }
    case 1:
      let (_, total) = try byteCount(shape, type, path)
      let (address, size) = (try cursor.uint64(), try cursor.uint64())
      if total == 0 {
        place = 0..<0
      } else {
        guard address != Self.undefined else {
          throw .missing(file: file, object: "\(path): its numbers")
        }
        guard UInt64(total) <= size else {
          throw cursor.malformed("\(total) bytes of '\(quotedName(path))'", "\(size)")
        }
        place = try range(address, UInt64(total), path)
      }
    case 2: throw .unsupported(file: file, object: path, feature: "data in chunks")
    case 3: throw .unsupported(file: file, object: path, feature: "a view of other files (a virtual dataset)")
    case let other: throw cursor.malformed("a layout of class 0 to 3", "class \(other)")
    }
    let (count, total) = try byteCount(shape, type, path)
    return Dataset(
      file: self, path: path, shape: shape, type: type, count: count, header: header,
      data: place.lowerBound..<place.lowerBound + total)
  }
}
