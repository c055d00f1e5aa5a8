import CellgateBasics

extension Safetensors {
  /// Opens a file and checks its header against its size; throws what is wrong first.
  public init(path: String) throws(SafetensorsError) {
    let opened: InputFile
    do throws(FileError) { opened = try InputFile(path) } catch { throw .file(error) }
    try self.init(file: path, source: .disk(opened))
  }

  /// Reads a file that lies in memory; `file` is its name in errors.
  public init(data: [UInt8], file: String) throws(SafetensorsError) {
    try self.init(file: file, source: .memory(data))
  }

  private init(file: String, source: ByteSource) throws(SafetensorsError) {
    let size = source.size
    guard size >= 8 else { throw .tooShort(file: file, bytes: size) }
    let claimed: UInt64 = try Self.read(source, at: 0, count: 1)[0]
    guard claimed <= UInt64(Self.headerLimit) else {
      throw .headerTooLarge(file: file, bytes: claimed, limit: Self.headerLimit)
    }
    let length = Int(claimed)
    guard length <= size - 8 else {
      throw .headerTruncated(file: file, expected: length, found: size - 8)
    }
    var scanner = HeaderScanner(file: file, bytes: try Self.read(source, at: 8, count: length))
    let (entries, metadata) = try scanner.scan()
    self.file = file
    self.source = source
    self.metadata = metadata
    dataStart = 8 + length
    tensors = try Self.layOut(entries, available: size - 8 - length, file: file)
    var index: [String: Int] = [:]
    for (position, tensor) in tensors.enumerated() { index[tensor.name] = position }
    self.index = index
  }

  /// Puts the entries in the order of their bytes, which they must cover exactly.
  private static func layOut(
    _ entries: [HeaderScanner.Entry], available: Int, file: String
  ) throws(SafetensorsError) -> [TensorInfo] {
    for entry in entries { try checkSize(entry, available: available, file: file) }
    // A tensor without bytes may share its begin with the next one, so the end decides between equals; a file
    // position is the last word, which makes the order deterministic.
    let order = entries.indices.sorted {
      let (a, b) = (entries[$0], entries[$1])
      return (a.begin, a.end, $0) < (b.begin, b.end, $1)
    }
    var tensors: [TensorInfo] = []
    var cursor = 0
    for entry in order.map({ entries[$0] }) {
      if entry.begin < cursor {
        throw .overlap(file: file, tensor: entry.name, previous: tensors.last?.name ?? "")
      }
      guard entry.begin == cursor else {
        throw .gap(file: file, tensor: entry.name, expected: cursor, found: entry.begin)
      }
      tensors.append(
        TensorInfo(
          name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: entry.begin..<entry.end))
      cursor = entry.end
    }
    guard cursor == available else { throw .trailingBytes(file: file, count: available - cursor) }
    return tensors
  }

  private static func checkSize(
    _ entry: HeaderScanner.Entry, available: Int, file: String
  ) throws(SafetensorsError) {
    guard entry.begin <= entry.end else {
      throw .reversedOffsets(file: file, tensor: entry.name, begin: entry.begin, end: entry.end)
    }
    guard entry.end <= available else {
      throw .outOfBounds(file: file, tensor: entry.name, end: entry.end, available: available)
    }
    var numbers = 1
    for dimension in entry.shape {
      let (product, overflow) = numbers.multipliedReportingOverflow(by: dimension)
      guard !overflow else {
        throw .shapeOverflow(file: file, tensor: entry.name, shape: entry.shape)
      }
      numbers = product
    }
    // Of a type that is not known only that no number takes no bytes.
    guard let bits = entry.dtype.bits ?? (numbers == 0 ? 0 : nil) else { return }
    let total = numbers.multipliedFullWidth(by: bits)
    guard total.high < 4 else { throw .shapeOverflow(file: file, tensor: entry.name, shape: entry.shape) }
    let (expected, rest) = 8.dividingFullWidth(total)
    guard rest == 0 else {
      throw .partialByte(file: file, tensor: entry.name, bytes: expected, bits: rest)
    }
    guard expected == entry.end - entry.begin else {
      throw .sizeMismatch(
        file: file, tensor: entry.name, expected: expected, found: entry.end - entry.begin)
    }
  }

  /// The entry of a tensor; nil when the file has none of this name.
  public subscript(name: String) -> TensorInfo? { index[name].map { tensors[$0] } }

  /// The entry of a tensor that must be there and, when `shape` is given, have it; throws `missingTensor` or
  /// `wrongShape`.
  public func info(_ name: String, shape: [Int]? = nil) throws(SafetensorsError) -> TensorInfo {
    guard let info = self[name] else { throw .missingTensor(file: file, tensor: name) }
    if let shape, shape != info.shape {
      throw .wrongShape(file: file, tensor: name, expected: shape, found: info.shape)
    }
    return info
  }

  /// The numbers of an F32 tensor, row-major; throws when it is missing, of another dtype or another shape.
  public func floats(_ name: String, shape: [Int]? = nil) throws(SafetensorsError) -> [Float] {
    try values(try info(name, shape: shape), .f32)
  }

  /// The numbers of an F64 tensor, or of an F32 one widened, row-major; throws as `floats` does.
  public func doubles(_ name: String, shape: [Int]? = nil) throws(SafetensorsError) -> [Double] {
    let info = try info(name, shape: shape)
    if info.dtype == .f32 { return try values(info, .f32, as: Float.self).map(Double.init) }
    return try values(info, .f64, orElse: "F64 or F32")
  }

  /// The numbers of an I64 tensor, or of an I32 one widened, row-major; throws as `floats` does.
  public func int64s(_ name: String, shape: [Int]? = nil) throws(SafetensorsError) -> [Int64] {
    let info = try info(name, shape: shape)
    if info.dtype == .i32 { return try values(info, .i32, as: Int32.self).map(Int64.init) }
    return try values(info, .i64, orElse: "I64 or I32")
  }

  /// The bytes of a tensor of any dtype, little-endian; throws `missingTensor` or a reading error.
  public func bytes(_ name: String) throws(SafetensorsError) -> [UInt8] {
    try read(try info(name))
  }

  private func values<Value: BitwiseCopyable>(
    _ info: TensorInfo, _ dtype: Dtype, orElse accepted: String? = nil, as type: Value.Type = Value.self
  ) throws(SafetensorsError) -> [Value] {
    guard info.dtype == dtype else {
      throw .wrongDtype(
        file: file, tensor: info.name, expected: accepted ?? dtype.rawValue, found: info.dtype.rawValue)
    }
    return try read(info)
  }
}
