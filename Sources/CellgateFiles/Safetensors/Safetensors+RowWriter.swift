import CellgateBasics

extension Safetensors {
  /// Writes many F32 tensors of one shape as they come, without holding them.
  ///
  /// ```swift
  /// let writer = try Safetensors.RowWriter("features.safetensors", names: names, shape: [2048])
  /// try writer.add(names[0], floats)
  /// try writer.finish()
  /// ```
  ///
  /// Room for the header is left at the beginning for all names; those that are never added are not in the file. Without
  /// `finish` nothing is written.
  public final class RowWriter {
    private let pending: PendingFile
    private let names: Set<String>
    private let shape: [Int]
    private let metadata: [String: String]
    private let room: Int
    private var tensors: [TensorInfo] = []
    private var added: Set<String> = []

    /// Begins a file of tensors that may be added, in this order or another; throws `cannotCreate` or `cannotWrite`, the latter
    /// too when the names need more than a header may have.
    public init(
      _ path: String, names: [String], shape: [Int], metadata: [String: String] = [:]
    ) throws(FileError) {
      self.names = Set(names)
      (self.shape, self.metadata) = (shape, metadata)
      // An estimate from above: a name's characters may take six bytes each.
      let most = names.reduce(0) { $0 + 6 * $1.utf8.count + 120 + 20 * shape.count }
      guard most <= headerLimit else {
        throw .cannotWrite(
          file: path,
          reason: "the names of \(names.count) tensors may need more than a header of \(headerLimit) bytes")
      }
      let size = 4 * shape.reduce(1, *)
      let all = names.enumerated().map { place, name in
        TensorInfo(name: name, dtype: .f32, shape: shape, bytes: place * size..<(place + 1) * size)
      }
      room = header(metadata, all).count
      pending = try PendingFile(path)
      try pending.file.reserve(room)
    }

    /// Tensors that were added.
    public var count: Int { tensors.count }

    /// Adds the numbers of a tensor, row-major; its name must be one of those given and new. Throws `cannotWrite`.
    public func add(_ name: String, _ floats: [Float]) throws(FileError) {
      require(
        names.contains(name) && added.insert(name).inserted,
        "Safetensors.RowWriter: expected a name that was given and is not taken, found '\(name)'")
      require(
        floats.count == shape.reduce(1, *),
        "Safetensors.RowWriter: expected numbers for \(shape), found \(floats.count)")
      try pending.file.write(floats)
      let start = tensors.last?.bytes.upperBound ?? 0
      tensors.append(
        TensorInfo(name: name, dtype: .f32, shape: shape, bytes: start..<start + 4 * floats.count))
    }

    /// Writes the header and puts the file in its place; throws `cannotWrite` or `cannotCreate`.
    public func finish() throws(FileError) {
      try pending.file.fillReserved(header(metadata, tensors, least: room))
      try pending.commit()
    }
  }
}
