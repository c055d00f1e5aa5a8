extension HDF5File {
  /// The type of a dataset's or attribute's elements.
  public enum Datatype: Equatable, Sendable, CustomStringConvertible {
    /// A whole number of so many bytes.
    case integer(bytes: Int, isSigned: Bool, isBigEndian: Bool)
    /// An IEEE number of 2, 4 or 8 bytes.
    case float(bytes: Int, isBigEndian: Bool)
    /// The upper 16 bits of a Float32.
    case bfloat16(isBigEndian: Bool)
    /// A string of so many bytes.
    case string(bytes: Int)
    /// A string of any length, which lies elsewhere in the file.
    case text
    /// Another type, by its name and size.
    case other(name: String, bytes: Int)

    /// Bytes of an element.
    var size: Int {
      switch self {
      case .integer(let bytes, _, _), .float(let bytes, _), .string(let bytes), .other(_, let bytes): bytes
      case .bfloat16: 2
      case .text: 16
      }
    }

    /// "float32", "big-endian int64", "string".
    public var description: String {
      func order(_ isBig: Bool) -> String { isBig ? "big-endian " : "" }
      switch self {
      case .integer(let bytes, let isSigned, let isBig):
        return order(isBig) + (isSigned ? "int" : "uint") + "\(8 * bytes)"
      case .float(let bytes, let isBig): return order(isBig) + "float\(8 * bytes)"
      case .bfloat16(let isBig): return order(isBig) + "bfloat16"
      case .string, .text: return "string"
      case .other(let name, _): return name
      }
    }

    private static let classes = [
      "integer", "float", "time", "string", "bit field", "opaque", "compound", "reference", "enumeration",
      "variable length", "array",
    ]

    init(_ cursor: inout Cursor) throws(HDF5Error) {
      let first = try cursor.byte()
      let bits = Int(try cursor.number(3)), size = Int(try cursor.uint32())
      let kind = first & 15
      guard first >> 4 >= 1, first >> 4 <= 5, kind < Self.classes.count, size > 0, size < 1 << 31 else {
        throw cursor.malformed("a datatype", "version \(first >> 4), class \(kind), \(size) bytes")
      }
      switch kind {
      case 0:
        let offset = try cursor.uint16(), precision = try cursor.uint16()
        self =
          offset == 0 && precision == 8 * size && [1, 2, 4, 8].contains(size)
          ? .integer(bytes: size, isSigned: bits & 8 != 0, isBigEndian: bits & 1 != 0)
          : .other(name: "an integer of \(size) bytes with bits left out", bytes: size)
      case 1:
        let offset = try cursor.uint16(), precision = try cursor.uint16()
        var parts: [Int] = []
        for _ in 0..<4 { parts.append(try cursor.byte()) }
        let bias = try cursor.uint32()
        let isPlain = offset == 0 && precision == 8 * size && bits & 0x40 == 0
        let isBig = bits & 1 != 0
        switch (isPlain, size, parts, bias) {
        case (true, 2, [10, 5, 0, 10], 15), (true, 4, [23, 8, 0, 23], 127), (true, 8, [52, 11, 0, 52], 1023):
          self = .float(bytes: size, isBigEndian: isBig)
        case (true, 2, [7, 8, 0, 7], 127): self = .bfloat16(isBigEndian: isBig)
        default: self = .other(name: "a number of \(size) bytes that is not IEEE's", bytes: size)
        }
      case 3: self = .string(bytes: size)
      case 9 where bits & 15 == 1 && size == 16: self = .text
      default: self = .other(name: Self.classes[kind], bytes: size)
      }
    }
  }

  /// The sizes of a dataspace; nil where it holds nothing at all.
  static func shape(_ cursor: inout Cursor) throws(HDF5Error) -> [Int]? {
    let version = try cursor.byte(), rank = try cursor.byte()
    _ = try cursor.byte()
    switch version {
    case 1: try cursor.skip(5)
    case 2: if try cursor.byte() == 2 { return nil }
    default: throw cursor.malformed("a dataspace of version 1 or 2", "version \(version)")
    }
    guard rank <= 32 else { throw cursor.malformed("at most 32 dimensions", "\(rank)") }
    var shape: [Int] = []
    for _ in 0..<rank {
      let size = try cursor.uint64()
      guard let size = Int(exactly: size) else {
        throw cursor.malformed("a dimension below 2^63", "\(size)")
      }
      shape.append(size)
    }
    return shape
  }

  /// Elements of a shape and their bytes; throws where no file holds as many.
  func byteCount(_ shape: [Int], _ type: Datatype, _ what: String) throws(HDF5Error) -> (
    count: Int, bytes: Int
  ) {
    if shape.contains(0) { return (0, 0) }
    var count = 1
    for size in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: size)
      count = overflows ? .max : product
    }
    let (total, overflows) = count.multipliedReportingOverflow(by: type.size)
    guard !overflows, total <= bytes.count else {
      throw .tooLarge(
        file: file,
        what:
          "'\(quotedName(what))': expected at most the file's \(bytes.count) bytes, found a shape \(shape) of \(type)"
      )
    }
    return (count, total)
  }
}
