/// Reads the elements of a MATLAB file of version 5: a tag of a type and a size each, and that many bytes, in which there
/// may be other elements.
struct MATLABReader {
  let file: String
  let bytes: [UInt8]
  let isBigEndian: Bool
  /// Where we are, for errors.
  private var place = "the first variable"

  /// Cells inside cells at most.
  private static let mostDepth = 16

  init(file: String, bytes: [UInt8], isBigEndian: Bool) {
    (self.file, self.bytes, self.isBigEndian) = (file, bytes, isBigEndian)
  }

  /// A type of elements, by its number in files.
  private enum Kind: UInt32 {
    case int8 = 1, uint8, int16, uint16, int32, uint32, single
    case double = 9
    case int64 = 12, uint64, matrix, compressed, utf8, utf16, utf32

    /// Bytes of a number; nil of what is none.
    var size: Int? {
      switch self {
      case .int8, .uint8: 1
      case .int16, .uint16: 2
      case .int32, .uint32, .single: 4
      case .double, .int64, .uint64: 8
      case .matrix, .compressed, .utf8, .utf16, .utf32: nil
      }
    }
  }

  private struct Element {
    var kind: Kind?
    var number: UInt32
    /// Where its bytes are.
    var range: Range<Int>
    /// Where the next element begins.
    var next: Int
  }

  // MARK: Variables

  /// All variables after the header of 128 bytes.
  func variables(limit: Int) throws(MATLABError) -> [(name: String, value: MATLABFile.Value)] {
    var variables: [(name: String, value: MATLABFile.Value)] = []
    var (offset, left) = (128, limit)
    while offset < bytes.count {
      var reader = self
      reader.place = "variable \(variables.count + 1)"
      let element = try reader.element(at: offset, end: bytes.count)
      switch element.kind {
      case .matrix: variables.append(try reader.array(in: element.range, depth: 0))
      case .compressed:
        let inner = MATLABReader(
          file: file, bytes: try reader.inflated(Array(bytes[element.range]), limit: left),
          isBigEndian: isBigEndian)
        left -= inner.bytes.count
        reader = inner
        reader.place = "variable \(variables.count + 1)"
        let own = try reader.element(at: 0, end: inner.bytes.count)
        guard own.kind == .matrix else {
          throw reader.unexpected("an array, which is of type 14", "type \(own.number)")
        }
        variables.append(try reader.array(in: own.range, depth: 0))
      default: throw reader.unexpected("an array, which is of type 14 or 15", "type \(element.number)")
      }
      offset = element.next
    }
    return variables
  }

  private func inflated(_ bytes: [UInt8], limit: Int) throws(MATLABError) -> [UInt8] {
    do throws(Zlib.Failure) { return try Zlib.inflated(bytes, limit: limit) } catch {
      switch error {
      case .tooLarge: throw .tooLarge(file: file, limit: limit)
      case .truncated: throw .damaged(file: file, place: place, reason: "they end too early")
      case .corrupt(let reason): throw .damaged(file: file, place: place, reason: reason)
      case .outOfMemory: throw .damaged(file: file, place: place, reason: "no memory to decompress")
      }
    }
  }

  private func unexpected(_ expected: String, _ found: String) -> MATLABError {
    .malformed(file: file, place: place, expected: expected, found: found)
  }

  // MARK: Elements

  /// A number of so many bytes, which the caller has compared with the count.
  private func word(at offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) {
      $0 << 8 | UInt64(bytes[offset + (isBigEndian ? $1 : count - 1 - $1)])
    }
  }

  /// The element at an offset before `end`.
  private func element(at offset: Int, end: Int) throws(MATLABError) -> Element {
    guard end - offset >= 8 else {
      throw unexpected("the 8 bytes of an element", "\(end - offset); the file is cut off")
    }
    let first = UInt32(word(at: offset, 4))
    // Up to four bytes stand in the tag itself.
    if first >> 16 != 0 {
      let (size, number) = (Int(first >> 16), first & 0xFFFF)
      guard size <= 4 else { throw unexpected("4 bytes or fewer in a small element", "\(size)") }
      return Element(
        kind: Kind(rawValue: number), number: number, range: offset + 4..<offset + 4 + size, next: offset + 8)
    }
    let size = Int(word(at: offset + 4, 4))
    guard size <= end - offset - 8 else {
      throw unexpected("\(size) bytes of an element", "\(end - offset - 8); the file is cut off or lies")
    }
    let kind = Kind(rawValue: first)
    let padded = kind == .compressed ? size : (size + 7) / 8 * 8
    return Element(
      kind: kind, number: first, range: offset + 8..<offset + 8 + size, next: min(offset + 8 + padded, end))
  }

  /// An array with its name, "" inside a cell array.
  private mutating func array(
    in range: Range<Int>, depth: Int
  ) throws(MATLABError) -> (name: String, value: MATLABFile.Value) {
    if range.isEmpty { return ("", .matrix(.init(dimensions: [0, 0], numbers: .doubles([])))) }
    let flags = try element(at: range.lowerBound, end: range.upperBound)
    guard flags.kind == .uint32, flags.range.count == 8 else {
      throw unexpected(
        "an array's flags of 8 bytes of type 6", "\(flags.range.count) of type \(flags.number)")
    }
    let word = word(at: flags.range.lowerBound, 4)
    let kind = UInt8(truncatingIfNeeded: word)
    // Objects of MATLAB's own are laid out in another way.
    if kind == 17 || kind == 0 || kind > 15 { return ("", .other(Self.name(of: kind))) }
    let sizes = try element(at: flags.next, end: range.upperBound)
    guard sizes.kind == .int32, sizes.range.count >= 8, sizes.range.count % 4 == 0, sizes.range.count <= 128
    else {
      throw unexpected("two sizes or more of type 5", "\(sizes.range.count) bytes of type \(sizes.number)")
    }
    var (dimensions, count) = ([Int](), 1)
    for offset in stride(from: sizes.range.lowerBound, to: sizes.range.upperBound, by: 4) {
      let size = Int(Int32(truncatingIfNeeded: self.word(at: offset, 4)))
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else { throw unexpected("sizes of an array", "\(dimensions + [size])") }
      dimensions.append(size)
      count = product
    }
    let names = try element(at: sizes.next, end: range.upperBound)
    guard names.kind == .int8 || names.kind == .utf8 else {
      throw unexpected("a name of type 1", "type \(names.number)")
    }
    let name = String(decoding: bytes[names.range], as: UTF8.self)
    if !name.isEmpty { place = "'\(quotedName(name))'" }
    switch kind {
    case 1:
      return (name, try cells(count, from: names.next, to: range.upperBound, depth: depth))
    case 6...15:
      guard word & 0x800 == 0 else { return (name, .other("complex matrix")) }
      let numbers = try numbers(count, from: names.next, to: range.upperBound)
      return (name, .matrix(.init(dimensions: dimensions, numbers: numbers)))
    default: return (name, .other(Self.name(of: kind)))
    }
  }

  private mutating func cells(
    _ count: Int, from start: Int, to end: Int, depth: Int
  ) throws(MATLABError) -> MATLABFile.Value {
    guard depth < Self.mostDepth else {
      throw unexpected("at most \(Self.mostDepth) cell arrays inside one another", "more")
    }
    guard count <= (end - start) / 8 else {
      throw unexpected("\(count) cells", "\(end - start) bytes for them; the file is cut off or lies")
    }
    let own = place
    defer { place = own }
    var (values, offset) = ([MATLABFile.Value](), start)
    for number in 0..<count {
      place = "\(own), cell \(number + 1)"
      let element = try element(at: offset, end: end)
      guard element.kind == .matrix else {
        throw unexpected("an array, which is of type 14", "type \(element.number)")
      }
      values.append(try array(in: element.range, depth: depth + 1).value)
      offset = element.next
    }
    return .cells(values)
  }

  private func numbers(
    _ count: Int, from start: Int, to end: Int
  ) throws(MATLABError) -> MATLABFile.Matrix.Numbers {
    let element = try element(at: start, end: end)
    guard let kind = element.kind, let size = kind.size else {
      throw unexpected("numbers", "type \(element.number)")
    }
    guard count <= element.range.count, element.range.count == count * size else {
      throw unexpected("\(count) numbers of \(size) bytes", "\(element.range.count) bytes")
    }
    if kind == .uint8 { return .bytes(Array(bytes[element.range])) }
    return .doubles(
      (0..<count).map { place in
        let word = word(at: element.range.lowerBound + place * size, size)
        switch kind {
        case .int8: return Double(Int8(truncatingIfNeeded: word))
        case .int16: return Double(Int16(truncatingIfNeeded: word))
        case .int32: return Double(Int32(truncatingIfNeeded: word))
        case .int64: return Double(Int64(truncatingIfNeeded: word))
        case .single: return Double(Float(bitPattern: UInt32(word)))
        case .double: return Double(bitPattern: word)
        default: return Double(word)
        }
      })
  }

  /// MATLAB's word for a class by its number.
  private static func name(of kind: UInt8) -> String {
    switch kind {
    case 2: "struct"
    case 3: "object"
    case 4: "char array"
    case 5: "sparse matrix"
    case 16: "function"
    case 17: "object"
    default: "class \(kind)"
    }
  }
}
