import CellgateBasics

extension Safetensors {
  /// Collects tensors in the order given and writes them as a safetensors file.
  ///
  ///     var writer = Safetensors.Writer(metadata: ["cell": "lstm-wm"])
  ///     writer.add("cell.bias", shape: [512], floats: bias)
  ///     try writer.write(to: "model.safetensors")
  ///
  /// The same tensors in the same order give the same bytes: metadata keys are sorted, and the header is padded
  /// with spaces so that the numbers start at a multiple of eight bytes. Bad shapes and names are preconditions.
  ///
  /// With a checksum the metadata have a `checksum`, "crc32:" and eight hexadecimal digits: that of the bytes that the
  /// file would have without it, after the header's length. `verifyChecksum` computes it again.
  public struct Writer: Sendable {
    /// The strings for `__metadata__`; left out when empty.
    public var metadata: [String: String]
    private let hasChecksum: Bool
    private var entries: [(name: String, dtype: Dtype, shape: [Int], payload: Payload)] = []
    private var names: Set<String> = ["__metadata__"]

    private enum Payload: Sendable {
      case floats([Float])
      case doubles([Double])
      case int64s([Int64])
      case bytes([UInt8])

      var byteCount: Int {
        switch self {
        case .floats(let values): 4 * values.count
        case .doubles(let values): 8 * values.count
        case .int64s(let values): 8 * values.count
        case .bytes(let values): values.count
        }
      }
    }

    /// A file without tensors.
    public init(metadata: [String: String] = [:], checksum: Bool = false) {
      self.metadata = metadata
      hasChecksum = checksum
    }

    /// Adds an F32 tensor; the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], floats: [Float]) {
      add(name, .f32, shape, .floats(floats))
    }

    /// Adds an F64 tensor; the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], doubles: [Double]) {
      add(name, .f64, shape, .doubles(doubles))
    }

    /// Adds an I64 tensor; the product of `shape` must be the count of values and the name unused.
    public mutating func add(_ name: String, shape: [Int], int64s: [Int64]) {
      add(name, .i64, shape, .int64s(int64s))
    }

    /// Adds a tensor of any dtype of known size as little-endian bytes; the product of `shape` times that size must be
    /// their count and the name unused.
    public mutating func add(_ name: String, dtype: Dtype, shape: [Int], bytes: [UInt8]) {
      add(name, dtype, shape, .bytes(bytes))
    }

    /// The file's bytes.
    public func encode() -> Data {
      var data = Data(header())
      data.reserveCapacity(data.count + entries.reduce(0) { $0 + $1.payload.byteCount })
      for entry in entries {
        switch entry.payload {
        case .floats(let values): append(values, to: &data)
        case .doubles(let values): append(values, to: &data)
        case .int64s(let values): append(values, to: &data)
        case .bytes(let values): append(values, to: &data)
        }
      }
      return data
    }

    /// Writes the file whole or not at all, without a copy of the numbers; throws `cannotCreate` or
    /// `cannotWrite`.
    public func write(to path: String) throws(FileError) {
      try AtomicFile.write(to: path) { file throws(FileError) in
        try file.write(header())
        for entry in entries {
          switch entry.payload {
          case .floats(let values): try file.write(values)
          case .doubles(let values): try file.write(values)
          case .int64s(let values): try file.write(values)
          case .bytes(let values): try file.write(values)
          }
        }
      }
    }

    private mutating func add(_ name: String, _ dtype: Dtype, _ shape: [Int], _ payload: Payload) {
      guard let size = dtype.bits else {
        fail("tensor '\(name)': expected a dtype of known size, found \(dtype.rawValue)")
      }
      let bits = shape.reduce(size) {
        require($1 >= 0, "tensor '\(name)': expected sizes of 0 or more, found shape \(shape)")
        return $0 * $1
      }
      require(
        bits == 8 * payload.byteCount,
        "tensor '\(name)': expected \(bits) bits for shape \(shape), found \(payload.byteCount) bytes")
      require(
        names.insert(name).inserted,
        "Safetensors: expected a new tensor name, found '\(name)', which is taken or reserved")
      entries.append((name, dtype, shape, payload))
    }

    /// The header, with the checksum if there is to be one.
    private func header() -> [UInt8] {
      var (tensors, offset): ([TensorInfo], Int) = ([], 0)
      for entry in entries {
        let end = offset + entry.payload.byteCount
        tensors.append(
          TensorInfo(name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes: offset..<end))
        offset = end
      }
      guard hasChecksum else { return Safetensors.header(metadata, tensors) }
      require(
        metadata[Safetensors.checksumKey] == nil,
        "Safetensors: expected metadata without '\(Safetensors.checksumKey)', found one")
      var checksum = CRC32()
      checksum.update(Array(Safetensors.header(metadata, tensors).dropFirst(8)))
      for entry in entries {
        switch entry.payload {
        case .floats(let values): checksum.update(values)
        case .doubles(let values): checksum.update(values)
        case .int64s(let values): checksum.update(values)
        case .bytes(let values): checksum.update(values)
        }
      }
      let named = metadata.merging([Safetensors.checksumKey: "crc32:\(checksum)"]) { $1 }
      return Safetensors.header(named, tensors)
    }

    private func append<Value: BitwiseCopyable>(_ values: [Value], to data: inout Data) {
      unsafe values.withUnsafeBytes { (bytes) in unsafe data.append(contentsOf: bytes) }
    }
  }
}

extension Safetensors {
  /// The header's length and its JSON, padded with spaces to a multiple of eight bytes, and to `least` bytes in all.
  static func header(
    _ metadata: [String: String], _ tensors: [TensorInfo], least: Int = 0
  ) -> [UInt8] {
    var parts: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      parts.append("\"__metadata__\":{" + pairs.joined(separator: ",") + "}")
    }
    for tensor in tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      parts.append(
        "\(quoted(tensor.name)):{\"dtype\":\(quoted(tensor.dtype.rawValue)),\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(tensor.bytes.lowerBound),\(tensor.bytes.upperBound)]}")
    }
    var json = Array(("{" + parts.joined(separator: ",") + "}").utf8)
    json += [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    json += [UInt8](repeating: UInt8(ascii: " "), count: max(0, least - 8 - json.count))
    require(
      json.count <= headerLimit,
      "Safetensors: expected a header of at most \(headerLimit) bytes, found \(json.count)")
    let length = UInt64(json.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) } + json
  }

  private static func quoted(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": json += "\\\""
      case "\\": json += "\\\\"
      case "\n": json += "\\n"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: json.unicodeScalars.append(scalar)
      }
    }
    return json + "\""
  }
}
