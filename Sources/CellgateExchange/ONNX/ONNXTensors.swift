import CellgateBasics
import CellgateFiles

/// The numbers of a file's tensors. Every size is compared with the bytes that are there before memory is taken.
final class ONNXTensors {
  private let path: String
  /// Sizes of the files beside the model that tensors lie in, and how many bytes of them were asked for.
  private var beside: [String: InputFile] = [:]
  private var taken = 0

  private let size: Int
  /// Numbers that were made of bytes.
  private var made = 0

  /// Tensors of the file at a path, of so many bytes.
  init(_ path: String, bytes: Int) { (self.path, size) = (path, bytes) }

  /// Bytes in the files beside the model that tensors lie in.
  var bytesBeside: Int { beside.values.reduce(0) { $0 + $1.size } }

  private func damaged(_ tensor: ONNXTensor, _ reason: String) -> ImportError {
    .damaged(file: path, reason: "tensor '\(quotedName(tensor.name))': \(reason)")
  }

  /// The kind of a tensor's numbers, which Cellgate reads.
  func element(_ tensor: ONNXTensor) throws(ImportError) -> ONNXTensor.Element {
    guard let element = ONNXTensor.Element(rawValue: tensor.type) else {
      throw .unsupported(
        file: path,
        reason:
          "tensor '\(quotedName(tensor.name))': data type: expected one of 1 to 16, found \(tensor.type)")
    }
    return element
  }

  /// How many numbers a tensor's sizes ask for.
  func count(_ tensor: ONNXTensor) throws(ImportError) -> Int {
    guard tensor.dims.count <= 8 else {
      throw damaged(tensor, "expected at most 8 dimensions, found \(tensor.dims.count)")
    }
    var count = 1
    for size in tensor.dims {
      let (product, overflows) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflows, product <= 1 << 40 else {
        throw damaged(tensor, "dims: expected sizes of numbers that are there, found \(tensor.dims)")
      }
      count = product
    }
    return count
  }

  /// The numbers as Float32. Throws for a tensor that lies about its sizes, and for kinds that are no real numbers.
  func floats(_ tensor: ONNXTensor) throws(ImportError) -> [Float] {
    let (count, element) = (try count(tensor), try element(tensor))
    let bytes = try bytes(tensor, element, count)
    made += count
    guard made <= size + bytesBeside + 1 << 20 else {
      throw .unsupported(
        file: path,
        reason:
          "tensor '\(quotedName(tensor.name))': expected weights that few nodes read, found some of many")
    }
    if let bytes {
      func numbers<Bits: FixedWidthInteger & UnsignedInteger>(
        _ type: Bits.Type, _ number: (Bits) -> Float
      ) -> [Float] {
        let size = MemoryLayout<Bits>.size
        return unsafe [Float](unsafeUninitializedCapacity: count) { buffer, filled in
          unsafe bytes.withUnsafeBytes { (all) in
            for index in 0..<count {
              unsafe buffer[index] = number(
                Bits(littleEndian: all.loadUnaligned(fromByteOffset: index * size, as: Bits.self)))
            }
          }
          filled = count
        }
      }
      switch element {
      case .float: return numbers(UInt32.self) { Float(bitPattern: $0) }
      case .double: return numbers(UInt64.self) { Float(Double(bitPattern: $0)) }
      case .float16: return numbers(UInt16.self, Self.half)
      case .bfloat16: return numbers(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
      default: break
      }
    }
    let found: [Float]
    switch element {
    case .float: found = tensor.floats
    case .double: found = tensor.doubles.map { Float($0) }
    case .float16: found = tensor.integers.map { Self.half(UInt16(truncatingIfNeeded: $0)) }
    case .bfloat16:
      found = tensor.integers.map { Float(bitPattern: UInt32(UInt16(truncatingIfNeeded: $0)) << 16) }
    default:
      throw .unsupported(
        file: path,
        reason: "tensor '\(quotedName(tensor.name))': expected real numbers, found \(element)")
    }
    guard found.count == count else { throw wrongCount(tensor, count, "\(found.count)") }
    return found
  }

  /// The most whole numbers of a tensor that is no weight.
  static let mostIntegers = 1 << 16

  /// The whole numbers of a short tensor; nil of real ones.
  func integers(_ tensor: ONNXTensor) throws(ImportError) -> [Int]? {
    let element = try element(tensor)
    guard [.int64, .int32, .bool, .uint8, .int8].contains(element) else { return nil }
    let count = try count(tensor)
    guard count <= Self.mostIntegers else {
      throw damaged(tensor, "expected at most \(Self.mostIntegers) whole numbers, found \(count)")
    }
    if let bytes = try bytes(tensor, element, count), let size = element.size {
      return (0..<count).map { index in
        let part = bytes[bytes.startIndex + index * size..<bytes.startIndex + (index + 1) * size]
        let bits = part.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch element {
        case .int64: return Int(truncatingIfNeeded: bits)
        case .int32: return Int(Int32(truncatingIfNeeded: bits))
        case .int8: return Int(Int8(truncatingIfNeeded: bits))
        default: return Int(bits)
        }
      }
    }
    guard tensor.integers.count == count else {
      throw wrongCount(tensor, count, "\(tensor.integers.count)")
    }
    return tensor.integers.map { Int($0) }
  }

  private func wrongCount(_ tensor: ONNXTensor, _ count: Int, _ found: String) -> ImportError {
    damaged(tensor, "expected \(count) numbers as its dims \(tensor.dims) say, found \(found)")
  }

  /// A tensor's bytes, of the right count; nil where its numbers lie otherwise.
  private func bytes(
    _ tensor: ONNXTensor, _ element: ONNXTensor.Element, _ count: Int
  ) throws(ImportError) -> ArraySlice<UInt8>? {
    guard let size = element.size else {
      throw .unsupported(
        file: path, reason: "tensor '\(quotedName(tensor.name))': expected numbers, found \(element)")
    }
    if tensor.isExternal { return try external(tensor, bytes: count * size)[...] }
    guard let raw = tensor.raw else { return nil }
    guard raw.count == count * size else {
      throw damaged(
        tensor, "expected \(count * size) bytes as its dims \(tensor.dims) say, found \(raw.count)")
    }
    return raw
  }

  /// The bytes of a tensor in a file beside the model.
  private func external(_ tensor: ONNXTensor, bytes: Int) throws(ImportError) -> [UInt8] {
    func value(_ key: String) -> String? { tensor.external.first { $0.key == key }?.value }
    let location = value("location") ?? ""
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !location.contains("\0"), !location.contains("\\"),
      !parts.contains("..")
    else {
      throw .unsupported(
        file: path,
        reason: "tensor '\(quotedName(tensor.name))': external data: expected a file in the model's folder, "
          + "found '\(quotedName(location))'")
    }
    var numbers: [String: Int] = [:]
    for key in ["offset", "length"] {
      guard let text = value(key) else { continue }
      guard let number = Int(text), number >= 0 else {
        throw damaged(tensor, "external data: expected a whole number as \(key), found '\(quotedName(text))'")
      }
      numbers[key] = number
    }
    let file: InputFile
    if let known = beside[location] {
      file = known
    } else {
      let folder = AtomicFile.folder(of: path)
      let own = folder + "/" + location
      // A link could lead out of the folder.
      let home = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
      let target = URL(fileURLWithPath: own).resolvingSymlinksInPath().path
      guard target.hasPrefix(home.hasSuffix("/") ? home : home + "/") else {
        throw .unsupported(
          file: path,
          reason:
            "tensor '\(quotedName(tensor.name))': external data: expected a file in the model's folder, "
            + "found a link out of it, '\(quotedName(location))'")
      }
      do throws(FileError) { file = try InputFile(own) } catch {
        throw damaged(tensor, "external data: \(error)")
      }
      beside[location] = file
    }
    let offset = numbers["offset"] ?? 0
    let length = numbers["length"] ?? max(0, file.size - offset)
    guard length == bytes, offset <= file.size, length <= file.size - offset else {
      throw damaged(
        tensor,
        "external data: expected \(bytes) bytes as its dims \(tensor.dims) say, found \(length) from \(offset) on "
          + "in a file of \(file.size)")
    }
    taken += length
    guard taken <= bytesBeside else {
      throw damaged(tensor, "external data: expected tensors beside each other, found some that overlap")
    }
    do throws(FileError) { return try file.read(at: offset, count: length) } catch { throw .file(error) }
  }

  /// A number of IEEE's half precision.
  private static func half(_ bits: UInt16) -> Float {
    let sign = UInt32(bits >> 15) << 31
    let exponent = UInt32(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * Float(sign: .plus, exponent: -24, significand: 1)
      return sign == 0 ? magnitude : -magnitude
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
